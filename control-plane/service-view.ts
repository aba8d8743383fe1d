import type { EndpointGroup, Mesh, ServicePort } from './model/mesh.ts'
import type { ConnectionRule } from './model/connection-route.ts'
import type { Match, RouteEntry, RouteGroup } from './model/route.ts'

/** What people look at: Services with their endpoints and the live split of their routes. Plain JSON. */
export interface ServiceView {
  readonly namespace: string
  readonly name: string
  readonly addresses: readonly string[]
  /** Of outside, at which callers with a sidecar reach it, too. Left out: none, or of a release before. */
  readonly externalAddresses?: readonly string[]
  /** Whose endpoints callers prefer: those of their zone, or of their node before these. Left out: nobody's. */
  readonly nearness?: 'zone' | 'node'
  /** For so long after its last call a client keeps to an endpoint; left out: it does not. Milliseconds. */
  readonly affinityMs?: number
  readonly ports: readonly PortView[]
}

export interface PortView {
  readonly port: number
  readonly name: string
  readonly protocol: string
  /** Name of its cluster, as in metrics and in proxies: `namespace/service/port`. */
  readonly cluster: string
  readonly endpoints: EndpointGroup['endpoints']
  /** In the order in which they are tried; empty: everything goes to the Service itself. */
  readonly routes: readonly RouteView[]
  /** Routes that only clients of one namespace follow. */
  readonly consumerRoutes: Readonly<Record<string, readonly RouteView[]>>
}

export interface RouteView {
  /** `HTTPRoute/shop/catalog/0` */
  readonly name: string
  /** For people, e.g. `GET /items* x-user=a`, `TLS *.example.com`, `TCP`. */
  readonly match: string
  readonly action: 'forward' | 'redirect'
  /** `cluster` is '' for an invalid reference; `percent` is the share of all weights. */
  readonly backends: readonly {
    readonly cluster: string
    readonly weight: number
    readonly percent: number
  }[]
}

export function serviceViews(mesh: Mesh): readonly ServiceView[] {
  return [...mesh.services.values()]
    .map(({ namespace, name, addresses, externalAddresses = [], nearness, affinityMs, ports }) => ({
      namespace,
      name,
      addresses,
      ...(externalAddresses.length > 0 && { externalAddresses }),
      ...(nearness && { nearness }),
      ...(affinityMs !== undefined && { affinityMs }),
      ports: ports.map((port) => portView(mesh, port)),
    }))
    .sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name))
}

function portView(mesh: Mesh, { key, port, name, protocol }: ServicePort): PortView {
  const table = mesh.routes.get(key)
  return {
    port,
    name,
    protocol,
    cluster: key,
    endpoints: mesh.endpoints.get(key)?.endpoints ?? [],
    routes: groupView(table?.producer),
    consumerRoutes: Object.fromEntries(
      [...(table?.consumers ?? [])].map(([namespace, group]) => [namespace, groupView(group)]),
    ),
  }
}

function groupView(group: RouteGroup | undefined): readonly RouteView[] {
  if (!group) return []
  return 'entries' in group
    ? group.entries.map(routeView)
    : group.rules.map((rule) => connectionView(group.kind, rule))
}

function routeView({ match, rule }: RouteEntry): RouteView {
  const backends = rule.action.kind === 'forward' ? rule.action.backends : []
  return {
    name: rule.name,
    match: describeMatch(match),
    action: rule.action.kind,
    backends: sharesOf(backends),
  }
}

function connectionView(kind: 'tls' | 'tcp', { name, serverNames, backends }: ConnectionRule): RouteView {
  const match = kind === 'tcp' ? 'TCP' : serverNames.length === 0 ? 'TLS' : `TLS ${serverNames.join(' ')}`
  return { name, match, action: 'forward', backends: sharesOf(backends) }
}

function sharesOf(backends: ConnectionRule['backends']): RouteView['backends'] {
  const total = backends.reduce((sum, one) => sum + one.weight, 0)
  return backends.map(({ portKey, weight }) => ({
    cluster: portKey ?? '',
    weight,
    percent: total === 0 ? 0 : (weight / total) * 100,
  }))
}

export function describeMatch({ path, method, headers, query }: Match): string {
  const place =
    path.kind === 'exact' ? path.value : path.kind === 'regex' ? `~${path.value}` : `${path.value || '/'}*`
  const value = (one: Match['headers'][number]): string =>
    `${one.name}${one.kind === 'exact' ? '=' : '~'}${one.value}`
  return [
    ...(method === undefined ? [] : [method]),
    place,
    ...headers.map(value),
    ...query.map((one) => `?${value(one)}`),
  ].join(' ')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
