import { listOf, mapOf, textOf, type WrittenObject } from '../../../local/problems/checked.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import type { KnownObjects } from '../known-objects.ts'
import { GATEWAY_GROUP, withoutEmpty, type ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { ruleProblems, type PolicyRule } from '../policy-manifests.ts'
import { POLICY_GROUP } from './authentications.ts'

/** What requests of one match of a route have; what is left out holds for all. */
interface RouteMatch {
  readonly route: string
  readonly path: { readonly exact: boolean; readonly value: string } | undefined
  readonly method: string | undefined
  readonly grpc: JsonObject | undefined
  readonly headers: readonly JsonObject[]
}

/** Requests to a Server's port, by the routes that have the Server as their parent. */
export class ServerRoutes {
  /** Whether there are routes at all: then Linkerd answers 404 to what is of none. */
  readonly any: boolean
  readonly #matches: readonly RouteMatch[]

  constructor(server: ObjectId, known: KnownObjects) {
    const routes = serverRoutes(known, server)
    this.any = routes.length > 0
    this.#matches = routes.flatMap((route) => readMatches(route, undefined))
  }

  /** `operation` and `when` of rules for one route's requests, or those of all routes. */
  rules(ports: readonly number[], route: string | undefined): readonly PolicyRule[] {
    const own = this.#matches.filter((match) => route === undefined || match.route === route)
    const plain: JsonObject[] = []
    const rules: PolicyRule[] = []
    for (const match of own) {
      const others = route === undefined ? [] : this.#matches.filter((other) => other.route !== route)
      const operation = operationOf(match, ports, others)
      if (match.headers.length > 0) rules.push({ to: [{ operation }], when: match.headers })
      else plain.push({ operation })
    }
    return plain.length > 0 ? [{ to: plain }, ...rules] : rules
  }
}

/** Routes that have a Server as their parent. */
function serverRoutes(known: KnownObjects, server: ObjectId): readonly WrittenObject[] {
  const all = ['HTTPRoute', 'GRPCRoute'].flatMap((kind) =>
    [POLICY_GROUP, GATEWAY_GROUP].flatMap((group) => known.ofKind(kind, group)),
  )
  return all.filter((route) => route.namespace === server.namespace && hasServer(route, server.name))
}

/** Whether a route has a Server as its parent: that one, or any. */
export function hasServer({ raw }: WrittenObject, server?: string): boolean {
  return listOf(mapOf(raw['spec'])['parentRefs']).some((ref) => {
    const { kind, name } = mapOf(ref)
    return kind === 'Server' && (server ?? name) === name
  })
}

/** Names what a route of a Server asks that no policy can: its requests are let in by nobody then. */
export function noteServerRoute(route: WrittenObject, notes: Notes): void {
  readMatches(route, notes)
}

function readMatches(route: WrittenObject, notes: Notes | undefined): readonly RouteMatch[] {
  return listOf(mapOf(route.raw['spec'])['rules']).flatMap((rule, at) => {
    const given = listOf(mapOf(rule)['matches'])
    return (given.length > 0 ? given : [{}]).flatMap((match, index) => {
      const read = readMatch(route, mapOf(match))
      if (typeof read !== 'string') return [read]
      notes?.lost(
        ['spec', 'rules', at, 'matches', index],
        `${read}, so that nobody is let in by it`,
        'write what may be asked by exact paths, prefixes and methods',
      )
      return []
    })
  })
}

/** What is wrong with it, where it is a text. */
function readMatch(
  { kind, name }: WrittenObject,
  match: Readonly<Record<string, unknown>>,
): RouteMatch | string {
  if (listOf(match['queryParams']).length > 0) return 'asks for parameters of the query'
  const headers: JsonObject[] = []
  for (const header of listOf(match['headers'])) {
    const { type = 'Exact', name: field, value } = mapOf(header)
    if (type !== 'Exact') return 'asks for a header by a pattern'
    headers.push({ key: `request.headers[${textOf(field)}]`, values: [textOf(value)] })
  }
  const base = { route: `${kind} ${name}`, headers, path: undefined, method: undefined, grpc: undefined }
  const made = kind === 'GRPCRoute' ? readGrpc(match, base) : readHttp(match, base)
  if (typeof made === 'string') return made
  const operation = operationOf(made, [1], [])
  const [problem] = ruleProblems({ to: [{ operation }], when: headers })
  return problem ? problem.message : made
}

function readHttp(match: Readonly<Record<string, unknown>>, base: RouteMatch): RouteMatch | string {
  const { type = 'PathPrefix', value = '/' } = mapOf(match['path'])
  if (type !== 'Exact' && type !== 'PathPrefix') return 'asks for a path by a pattern'
  const text = textOf(value)
  const prefix = text.replace(/\/+$/, '')
  const exact = type === 'Exact'
  const path = exact || prefix !== '' ? { exact, value: exact ? text : prefix } : undefined
  return { ...base, path, method: textOf(match['method']) || undefined }
}

function readGrpc(match: Readonly<Record<string, unknown>>, base: RouteMatch): RouteMatch | string {
  const { type = 'Exact', service, method } = mapOf(match['method'])
  if (type !== 'Exact') return 'asks for a gRPC method by a pattern'
  const name = textOf(service)
  if (name === '' && textOf(method) !== '') return 'asks for a gRPC method of whatever service'
  if (name === '') return base
  return { ...base, grpc: withoutEmpty({ service: name, method: textOf(method) || undefined }) }
}

/**
 * The more exact route has its requests for itself: what matches one of `others` that is more exact is taken out, whatever
 * else that one asks for.
 */
function operationOf(match: RouteMatch, ports: readonly number[], others: readonly RouteMatch[]): JsonObject {
  const { path, method, grpc } = match
  const meet = others.filter(
    (other) => method === undefined || other.method === undefined || other.method === method,
  )
  const exacter = meet.filter((other) => isBelow(other.path, path))
  const notMethods = meet.flatMap((other) =>
    method === undefined && other.method !== undefined && samePath(other, match) ? [other.method] : [],
  )
  return withoutEmpty({
    ports: [...ports],
    methods: method === undefined ? undefined : [method],
    notMethods,
    grpc: grpc && [grpc],
    paths: path && pathsOf(path),
    notPaths: [...new Set(exacter.flatMap((other) => (other.path ? pathsOf(other.path) : [])))],
  })
}

function pathsOf({ exact, value }: NonNullable<RouteMatch['path']>): string[] {
  return exact ? [value] : [value, `${value}/*`]
}

function samePath(
  { path: one, grpc: first }: RouteMatch,
  { path: other, grpc: second }: RouteMatch,
): boolean {
  return one?.exact === other?.exact && one?.value === other?.value && first === second
}

/** Whether requests of a path are some of those of another one, and not all. */
function isBelow(path: RouteMatch['path'], of: RouteMatch['path']): boolean {
  if (!path || of?.exact) return false
  if (!of) return true
  return path.value.startsWith(`${of.value}/`) || (path.exact && path.value === of.value)
}
