import { grpcOf, type AllowedCall } from './allowed-calls.ts'

/** A rule of an AuthorizationPolicy, as it is written. */
export interface WrittenRule {
  readonly from: readonly { readonly source: { readonly principals: readonly string[] } }[]
  readonly to: readonly { readonly operation: WrittenOperation }[]
}

export interface WrittenOperation {
  readonly ports: readonly number[]
  readonly methods?: readonly string[]
  readonly paths?: readonly string[]
  readonly grpc?: readonly { readonly service: string; readonly method: string }[]
}

/** How many values a list, entries a rule, and rules a policy may have (control-plane/registry/kinds/authorization-policy). */
const MOST_VALUES = 64
const MOST_ENTRIES = 16
export const MOST_RULES = 64

/**
 * Rules that allow these calls and no others: callers that ask the same share one, and paths that are asked by the same
 * methods an operation.
 */
export function rulesOf(calls: readonly AllowedCall[]): readonly WrittenRule[] {
  // A rule that holds anything of HTTP says nothing of connections: what is opaque has rules of its own.
  const opaque = calls.filter(({ protocol }) => protocol === 'tcp')
  return [...rulesOfAlike(opaque), ...rulesOfAlike(calls.filter(({ protocol }) => protocol !== 'tcp'))]
}

function rulesOfAlike(calls: readonly AllowedCall[]): readonly WrittenRule[] {
  const bySource = grouped(calls, ({ source }) => source)
  const byWish = new Map<
    string,
    { readonly sources: string[]; readonly operations: readonly WrittenOperation[] }
  >()
  for (const [source, own] of [...bySource].sort(byKey)) {
    const operations = operationsOf(own)
    const wish = JSON.stringify(operations)
    const known = byWish.get(wish)
    if (known) known.sources.push(source)
    else byWish.set(wish, { sources: [source], operations })
  }
  return [...byWish.values()].flatMap(({ sources, operations }) => {
    const from = inParts(sources, MOST_VALUES).map((principals) => ({ source: { principals } }))
    const to = operations.map((operation) => ({ operation }))
    return inParts(from, MOST_ENTRIES).flatMap((some) =>
      inParts(to, MOST_ENTRIES).map((part) => ({ from: some, to: part })),
    )
  })
}

function operationsOf(calls: readonly AllowedCall[]): readonly WrittenOperation[] {
  return [...grouped(calls, ({ port }) => port)]
    .sort(([a], [b]) => a - b)
    .flatMap(([port, own]) => {
      if (own.some(({ protocol }) => protocol === 'tcp')) return [{ ports: [port] }]
      const grpc = own.filter(({ protocol }) => protocol === 'grpc').flatMap(({ path }) => grpcOf(path) ?? [])
      return [
        ...requestsOf(port, own),
        ...inParts(grpc.sort(byText), MOST_VALUES).map((some) => ({ ports: [port], grpc: some })),
      ]
    })
}

function requestsOf(port: number, calls: readonly AllowedCall[]): readonly WrittenOperation[] {
  const requests = calls.filter(({ protocol }) => protocol === 'http')
  const methodsOf = [...grouped(requests, ({ path }) => path)].map(
    ([path, own]) => [path, [...new Set(own.map(({ method }) => method))].sort()] as const,
  )
  return [...grouped(methodsOf, ([path, methods]) => JSON.stringify([path === '', methods]))]
    .sort(byKey)
    .flatMap(([, own]) => {
      const methods = own[0]?.[1] ?? []
      const paths = own.map(([path]) => path).sort()
      if (paths[0] === '') return [{ ports: [port], methods }]
      return inParts(paths, MOST_VALUES).map((some) => ({ ports: [port], methods, paths: some }))
    })
}

function grouped<T, K>(all: readonly T[], key: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const one of all) {
    const group = groups.get(key(one))
    if (group) group.push(one)
    else groups.set(key(one), [one])
  }
  return groups
}

/** Parts of at most `size`. */
export function inParts<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  const parts: T[][] = []
  for (let from = 0; from < all.length; from += size) parts.push(all.slice(from, from + size))
  return parts
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function byText(a: object, b: object): number {
  return byKey([JSON.stringify(a), a], [JSON.stringify(b), b])
}
