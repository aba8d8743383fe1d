import type { ServiceView } from '../../service-view.ts'
import type { Heard } from '../answers/replica-facts.ts'
import type { TrafficCounts } from '../graph/traffic-counts.ts'
import { noCounts } from '../telemetry/counts.ts'
import { OUTSIDE, pairOf } from '../telemetry/metric-store.ts'
import { SLOTS } from '../telemetry/sliding-window.ts'
import { trafficView, type TrafficView, type TransportView } from '../telemetry/traffic.ts'

/** Seconds over which rates and durations are taken. */
export const WINDOW_SECONDS = 30

/** One row of the services: plain JSON. */
export interface ServiceRow extends Omit<TrafficView, 'transport'> {
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
  readonly mtls: MtlsRow
  /** Requests a second, a value each two seconds of the last two minutes, the latest last. */
  readonly history: readonly number[]
  /** Who calls it; source '' has no mesh identity. */
  readonly callers: readonly {
    readonly source: string
    readonly rate: number
    readonly successRate: number | null
  }[]
}

/**
 * Mutual TLS as it was observed on the requests of the window, not as it is configured; opaque TCP connections are not
 * among them. What reaches endpoints without a sidecar is seen only where a sidecar sent it.
 */
export interface MtlsRow {
  /** Whole requests: no plaintext one is rounded away. */
  readonly mutualTls: number
  readonly plaintext: number
  /** `all`: every request was seen, and all had it. */
  readonly observed: 'all' | 'some' | 'none' | 'no-requests'
}

/** Of two minutes: who was heard of, and did nothing in that time, has this history. */
const SILENCE: readonly number[] = Array.from({ length: SLOTS }, () => 0)

/** The mesh's Services and whatever else reports, by name, one at each step. `counts` are those of the last WINDOW_SECONDS. */
export function* serviceRows(
  services: readonly ServiceView[],
  counts: TrafficCounts,
  heard: Heard,
): Generator<void, ServiceRow[]> {
  const declared = new Map(services.map((service) => [`${service.name}.${service.namespace}`, service]))
  const keys = new Set([...declared.keys()])
  for (const table of [heard.servers, heard.destinations]) for (const key of Object.keys(table)) keys.add(key)
  const callers = callersOf(counts, heard)
  yield
  const rows: ServiceRow[] = []
  for (const key of keys) {
    const server = heard.servers[key]
    const history = server ?? heard.destinations[key]
    const service = declared.get(key)
    const dot = key.lastIndexOf('.')
    const table = server ? counts.servers : counts.destinations
    const { transport, ...figures } = viewOf(table, key)
    const called = viewOf(counts.destinations, key).transport
    const ports = service?.ports ?? []
    const unmeshed = ports.some(({ endpoints }) => endpoints.some(({ meshed }) => !meshed))
    rows.push({
      name: key.slice(0, dot),
      namespace: key.slice(dot + 1),
      addresses: service?.addresses ?? [],
      ports: ports.map(({ port, protocol, endpoints }) => ({
        port,
        protocol,
        endpoints: endpoints.length,
        healthy: endpoints.filter(({ health }) => health === 'healthy').length,
        meshed: endpoints.filter(({ meshed }) => meshed).length,
      })),
      seenBy: server ? 'server' : history ? 'callers' : 'nobody',
      mtls: mtlsRow(server ? transport : undefined, called, unmeshed),
      ...figures,
      history: history?.length === 0 ? SILENCE : (history ?? []),
      callers: callers.get(key) ?? [],
    })
    yield
  }
  return rows.sort((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name))
}

/**
 * `server`: as its own sidecars saw it. What callers sent in plaintext went to endpoints without one, so that nobody
 * counts it twice.
 */
function mtlsRow(server: TransportView | undefined, called: TransportView, unmeshed: boolean): MtlsRow {
  const sealed = (server ?? called).mutualTls
  const plain = called.plaintext + (server?.plaintext ?? 0)
  // Of callers, what is unknown was not sent.
  const unseen = unmeshed || (server?.unknown ?? 0) > 0
  const observed =
    sealed + plain === 0 ? 'no-requests' : sealed === 0 ? 'none' : plain > 0 || unseen ? 'some' : 'all'
  return { mutualTls: Math.ceil(sealed), plaintext: Math.ceil(plain), observed }
}

function viewOf(table: TrafficCounts['servers'], key: string): TrafficView {
  return trafficView(table.get(key) ?? noCounts(), WINDOW_SECONDS)
}

function callersOf(counts: TrafficCounts, { edges }: Heard): Map<string, ServiceRow['callers'][number][]> {
  const callers = new Map<string, ServiceRow['callers'][number][]>()
  for (const key of edges) {
    const [source, destination] = pairOf(key)
    const { rate, successRate } = viewOf(counts.edges, key)
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
