import type { RouteEntry } from '../model/route.ts'
import type { RouteMatch, RouteObject } from '../registry/kinds/route.ts'

/** A route's entry with what decides its place among those of other routes. */
export interface Ranked {
  readonly entry: RouteEntry
  readonly source: RouteMatch
  readonly route: RouteObject
  readonly ruleIndex: number
  readonly matchIndex: number
}

const PATH_RANK = { exact: 0, regex: 1, prefix: 2 } as const

/**
 * Gateway API's order, total for entries of one kind: Exact, (regular expressions, which the API leaves
 * open), longest prefix, method, number of headers, of query parameters, oldest route, namespace/name,
 * first rule. For GRPCRoute the length of service, then method, takes the place of the path.
 */
export function comparePrecedence(a: Ranked, b: Ranked): number {
  const specific = a.entry.match.grpc && b.entry.match.grpc ? compareMethods(a, b) : comparePaths(a, b)
  return (
    specific ||
    Number(b.entry.match.method !== undefined) - Number(a.entry.match.method !== undefined) ||
    b.entry.match.headers.length - a.entry.match.headers.length ||
    b.entry.match.query.length - a.entry.match.query.length ||
    a.route.meta.createdAt - b.route.meta.createdAt ||
    compareText(nameOf(a), nameOf(b)) ||
    a.ruleIndex - b.ruleIndex ||
    a.matchIndex - b.matchIndex
  )
}

function comparePaths(a: Ranked, b: Ranked): number {
  const [one, two] = [a.entry.match.path, b.entry.match.path]
  return (
    PATH_RANK[one.kind] - PATH_RANK[two.kind] ||
    (one.kind === 'exact' ? 0 : two.value.length - one.value.length)
  )
}

function compareMethods(a: Ranked, b: Ranked): number {
  const [one, two] = [a.source.grpc, b.source.grpc]
  return (
    (two?.service.length ?? 0) - (one?.service.length ?? 0) ||
    (two?.method.length ?? 0) - (one?.method.length ?? 0)
  )
}

function nameOf({ route }: Ranked): string {
  return `${route.meta.namespace}/${route.meta.name}`
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
