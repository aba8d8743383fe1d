import type { ServiceView } from '../../service-view.ts'
import { OUTSIDE, pairOf, type MetricStore } from '../telemetry/metric-store.ts'
import type { TrafficView } from '../telemetry/traffic.ts'

/** Seconds over which rates and durations are taken. */
export const WINDOW_SECONDS = 30

/** One row of the services: plain JSON. */
export interface ServiceRow extends TrafficView {
  readonly name: string
  readonly namespace: string
  readonly addresses: readonly string[]
  readonly ports: readonly {
    readonly port: number
    readonly protocol: string
    readonly endpoints: number
    readonly healthy: number
    readonly meshed: number
  }[]
  /** Whose view the figures are: its own sidecars', else its callers'. */
  readonly seenBy: 'server' | 'callers' | 'nobody'
  /** Requests a second, a value each two seconds of the last two minutes, the latest last. */
  readonly history: readonly number[]
  /** Who calls it; source '' has no mesh identity. */
  readonly callers: readonly {
    readonly source: string
    readonly rate: number
    readonly successRate: number | null
  }[]
}

const SILENT: TrafficView = { rate: 0, successRate: null, p50Ms: null, p95Ms: null, p99Ms: null }

/** The mesh's Services and whatever else reports, by name. */
export function serviceRows(
  services: readonly ServiceView[],
  metrics: MetricStore,
  now: number,
): ServiceRow[] {
  const declared = new Map(services.map((service) => [`${service.name}.${service.namespace}`, service]))
  const keys = new Set([...declared.keys()])
  for (const table of [metrics.servers, metrics.destinations])
    for (const [key] of table.entries()) keys.add(key)
  const callers = callersOf(metrics, now)
  const rows = [...keys].map((key): ServiceRow => {
    const server = metrics.servers.get(key)
    const traffic = server ?? metrics.destinations.get(key)
    const service = declared.get(key)
    const dot = key.lastIndexOf('.')
    return {
      name: key.slice(0, dot),
      namespace: key.slice(dot + 1),
      addresses: service?.addresses ?? [],
      ports: (service?.ports ?? []).map(({ port, protocol, endpoints }) => ({
        port,
        protocol,
        endpoints: endpoints.length,
        healthy: endpoints.filter(({ health }) => health === 'healthy').length,
        meshed: endpoints.filter(({ meshed }) => meshed).length,
      })),
      seenBy: server ? 'server' : traffic ? 'callers' : 'nobody',
      ...(traffic?.view(now, WINDOW_SECONDS) ?? SILENT),
      history: traffic?.history(now) ?? [],
      callers: callers.get(key) ?? [],
    }
  })
  return rows.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name))
}

function callersOf(metrics: MetricStore, now: number): Map<string, ServiceRow['callers'][number][]> {
  const callers = new Map<string, ServiceRow['callers'][number][]>()
  for (const [key, traffic] of metrics.edges.entries()) {
    const [source, destination] = pairOf(key)
    const { rate, successRate } = traffic.view(now, WINDOW_SECONDS)
    if (rate === 0 && source === OUTSIDE) continue
    const list = callers.get(destination) ?? []
    list.push({ source, rate, successRate })
    callers.set(destination, list)
  }
  for (const list of callers.values()) list.sort((a, b) => b.rate - a.rate)
  return callers
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
