import type { ServicePort } from '../model/mesh.ts'
import type { ConnectionRoutes, ConnectionRule } from '../model/connection-route.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { ConnectionRouteObject } from '../registry/kinds/connection-route.ts'
import type { RuleProblem } from './filters.ts'
import { resolveBackend, type PortLookup, type RefProblem } from './rules.ts'

/** A TLSRoute or TCPRoute. */
export interface TranslatedConnectionRoute {
  readonly route: ConnectionRouteObject
  readonly rule: ConnectionRule
  /** Rules that were left out, with the reason. */
  readonly dropped: readonly (RuleProblem & { readonly rule: number })[]
  readonly refProblems: readonly RefProblem[]
}

/** Its rules match nothing by themselves, so that the first takes all (Gateway API from v1 on has one alone). */
export function translateConnectionRoute(
  route: ConnectionRouteObject,
  ports: PortLookup,
): TranslatedConnectionRoute {
  const { kind, meta } = route
  const refProblems: RefProblem[] = []
  const takes = kind === 'TLSRoute' ? noTlsOf : () => undefined
  const backends = (route.rules[0]?.backendRefs ?? []).map((ref, index) => ({
    portKey: resolveBackend(ref, `spec.rules[0].backendRefs[${index}]`, ports, refProblems, takes),
    weight: ref.weight,
  }))
  const message = 'a rule has no matches, so that the first takes every connection'
  const rule = { name: `${kind}/${meta.namespace}/${meta.name}/0`, serverNames: route.hostnames, backends }
  const dropped = route.rules
    .map((_, index) => ({ reason: 'UnsupportedValue', message, rule: index }) as const)
    .slice(1)
  return { route, rule, dropped, refProblems }
}

/** Why connections of TLS do not go there: the sidecar of a port that is declared HTTP refuses them. */
function noTlsOf({ declared, protocol }: ServicePort): string | undefined {
  return declared && carriesHttp(protocol) ? 'takes no TLS of applications' : undefined
}

/** Whether a Service's port can have the route as that of its connections; otherwise why not. */
export function connectionRefusal(
  kind: ConnectionRouteObject['kind'],
  { declared, protocol }: ServicePort,
): string | undefined {
  const plain = kind === 'TLSRoute' && declared && carriesHttp(protocol)
  return plain ? `${protocol}, which carries no TLS of applications` : undefined
}

/**
 * Of routes of one kind in order of precedence (the oldest first), the rules that are in force: of TCPRoutes the first alone,
 * of TLSRoutes each server name by the first that has it.
 */
export function connectionRoutes(routes: Iterable<TranslatedConnectionRoute>): ConnectionRoutes {
  const rules: ConnectionRule[] = []
  let kind: ConnectionRoutes['kind'] = 'tcp'
  for (const { translated, serverNames } of taking(routes)) {
    kind = translated.route.kind === 'TLSRoute' ? 'tls' : 'tcp'
    if (serverNames) rules.push({ ...translated.rule, serverNames })
  }
  return { kind, rules }
}

/** The route that takes all the connections that `own` would; undefined: something is left for it. */
export function takenBy(
  own: TranslatedConnectionRoute,
  routes: Iterable<TranslatedConnectionRoute>,
): ConnectionRouteObject | undefined {
  const all = [...routes]
  if ([...taking(all)].some(({ translated, serverNames }) => translated === own && serverNames))
    return undefined
  return all.find(({ route }) => overlap(route, own.route))?.route
}

/** What is left for each route, behind those before it; undefined: nothing. An empty list is any connection. */
function* taking(routes: Iterable<TranslatedConnectionRoute>): Generator<{
  readonly translated: TranslatedConnectionRoute
  readonly serverNames: readonly string[] | undefined
}> {
  const taken = new Set<string>()
  let all = false
  for (const translated of routes) {
    const { hostnames } = translated.route
    const left = [...new Set(hostnames)].filter((name) => !taken.has(name))
    const nothing = hostnames.length === 0 ? all : left.length === 0
    yield { translated, serverNames: nothing ? undefined : left }
    if (hostnames.length === 0) all = true
    for (const name of left) taken.add(name)
  }
}

function overlap(one: ConnectionRouteObject, other: ConnectionRouteObject): boolean {
  if (other.hostnames.length === 0) return one.hostnames.length === 0
  return one.hostnames.some((name) => other.hostnames.includes(name))
}
