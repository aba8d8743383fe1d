import type { PortView, RouteView, ServiceView } from '../../service-view.ts'
import type { TrafficCounts } from '../graph/traffic-counts.ts'
import { pairKey } from '../telemetry/metric-store.ts'
import { trafficView } from '../telemetry/traffic.ts'

/** Short, so that a changed split shows soon. */
export const SPLIT_SECONDS = 10

/** A rule of a route with its backends, as configured and as seen: plain JSON. */
export interface RouteRow {
  /** `HTTPRoute/shop/catalog/0` */
  readonly name: string
  /** The Service port it is attached to: `shop/catalog/8080`. */
  readonly parent: string
  /** Only clients of this namespace follow it; '' for all. */
  readonly consumer: string
  readonly matches: readonly string[]
  readonly action: 'forward' | 'redirect'
  /** Requests a second. */
  readonly rate: number
  readonly backends: readonly {
    /** `shop/catalog-v1/8080`; '' for an invalid reference. */
    readonly cluster: string
    readonly weight: number
    /** Configured share, 0 to 100. */
    readonly percent: number
    /** Seen share, 0 to 100; null without a request. */
    readonly observedPercent: number | null
    readonly rate: number
    readonly successRate: number | null
    readonly p95Ms: number | null
  }[]
}

/** `counts` are those of the last SPLIT_SECONDS. */
export function routeRows(services: readonly ServiceView[], counts: TrafficCounts): RouteRow[] {
  return services.flatMap(({ ports }) =>
    ports.flatMap((port) => [
      ...rowsOf(port, '', port.routes, counts),
      ...Object.entries(port.consumerRoutes).flatMap(([consumer, routes]) =>
        rowsOf(port, consumer, routes, counts),
      ),
    ]),
  )
}

/** Matches of one rule share its name, its backends and so its counters. */
function rowsOf(
  port: PortView,
  consumer: string,
  routes: readonly RouteView[],
  counts: TrafficCounts,
): RouteRow[] {
  const rules = Map.groupBy(routes, ({ name }) => name)
  return [...rules.values()].map((entries) => {
    const [{ name, action, backends }] = entries as [RouteView, ...RouteView[]]
    const seen = backends.map(({ cluster }) => {
      const row = counts.backends.get(pairKey(name, cluster))
      return row && trafficView(row, SPLIT_SECONDS)
    })
    const rate = seen.reduce((sum, one) => sum + (one?.rate ?? 0), 0)
    return {
      name,
      parent: port.cluster,
      consumer,
      matches: entries.map(({ match }) => match),
      action,
      rate,
      backends: backends.map((backend, i) => ({
        ...backend,
        observedPercent: rate < 1e-9 ? null : ((seen[i]?.rate ?? 0) / rate) * 100,
        rate: seen[i]?.rate ?? 0,
        successRate: seen[i]?.successRate ?? null,
        p95Ms: seen[i]?.p95Ms ?? null,
      })),
    }
  })
}
