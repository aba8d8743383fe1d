import { matchesHeaders, findRoute, findVirtualHost } from '../../proxy/route/match.ts'
import type { RequestHead } from '../../proxy/http/message.ts'
import { decodeResource } from '../../proxy/xds/decode.ts'
import type { Route, RouteConfiguration } from '../../proxy/model/route.ts'
import { encode, TYPE_URLS } from '../../control-plane/xds/resource.ts'
import type { MeshClient } from '../../control-plane/xds/client.ts'
import type { Mesh } from '../../control-plane/model/mesh.ts'
import { routeConfiguration } from '../../control-plane/xds/route-configuration.ts'
import type { RouteConfiguration as WireRoutes } from '../../core/xds/generated/envoy.js'

/** A route that a request could follow, as far as it was recorded. */
export interface PossibleRoute {
  readonly route: Route
  /** Two with the same conditions have the same. */
  readonly conditions: string
  /** It asks for header fields or parameters of the query, which nobody records. */
  readonly unsure: boolean
}

/** The routes of one resource as a sidecar of this client reads them. */
export class RouteOutlook {
  readonly #config: RouteConfiguration
  readonly #conditions = new Map<Route, string>()

  private constructor(config: RouteConfiguration, wire: WireRoutes) {
    this.#config = config
    for (const [i, host] of config.virtualHosts.entries())
      for (const [j, route] of host.routes.entries())
        this.#conditions.set(route, conditionsOf(wire.virtualHosts?.[i]?.routes?.[j]?.match))
  }

  /** Undefined: there is no such resource, as where connections are routed. */
  static of(mesh: Mesh, name: string, client: MeshClient): RouteOutlook | undefined {
    const message = routeConfiguration(mesh, name, client)?.make()
    if (!message) return undefined
    const read = decodeResource('route', { typeUrl: TYPE_URLS.route, value: encode('route', message) })
    return read.ok ? new RouteOutlook(read.value, message) : undefined
  }

  /** In their order; the last is sure, or a request may find none (404). Decided by the code that routes requests. */
  possible(head: RequestHead): readonly PossibleRoute[] {
    const found: PossibleRoute[] = []
    for (const route of findVirtualHost(this.#config.virtualHosts, head.authority)?.routes ?? []) {
      const { match } = route
      const known = match.headers.filter(({ name }) => name.startsWith(':'))
      if (!matchesHeaders(known, head)) continue
      const rest = { ...route, match: { ...match, headers: known, query: [] } }
      const alone = { ...this.#config, virtualHosts: [{ name: '', domains: ['*'], routes: [rest] }] }
      if (!findRoute(alone, head)) continue
      const unsure = known.length < match.headers.length || match.query.length > 0
      found.push({ route, conditions: this.#conditions.get(route) ?? '', unsure })
      if (!unsure) break
    }
    return found
  }
}

function conditionsOf(match: unknown): string {
  return (
    JSON.stringify(match, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? ''
  )
}
