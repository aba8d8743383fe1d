import type { Explanation } from '../../core/api/explanation.ts'
import type { LiveProxy } from './live-proxy.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { Purpose } from '../upstream/balance/target.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'

export type Backend = Explanation['backends'][number]
type EndpointView = Backend['endpoints'][number]

/** What is sent to a cluster, as far as that decides on its endpoint. */
export interface Sent {
  readonly original: Destination
  readonly hash: number | undefined
  readonly purpose: Purpose
  /** `ip:port` that a session keeps it to; undefined: none does. */
  readonly pinned: string | undefined
}

/** Of one backend; more are not listed. */
const MOST_ENDPOINTS = 500
/** Picks of the rehearsal: some milliseconds at the most. */
const PICKS_FOR_EACH = 100
const MOST_PICKS = 5000

/** Waits until a cluster is known, as a request does. */
export async function readyCluster({ exchange }: LiveProxy, name: string): Promise<UpstreamCluster> {
  const cluster = exchange.clusters.get(name)
  await new Promise<void>((resolve) => {
    cluster.whenReady(exchange.configWaitMs, resolve)
  })
  return cluster
}

/** The endpoints of a cluster, the likeliest first, and the likeliest itself. */
export function endpointsOf(
  { exchange, random }: LiveProxy,
  cluster: UpstreamCluster,
  sent: Sent,
): {
  readonly endpoints: readonly EndpointView[]
  readonly likeliest: EndpointState | undefined
  readonly notes: readonly string[]
} {
  const { config } = cluster
  if (!config) return { endpoints: [], likeliest: undefined, notes: [`${cluster.name} is not known`] }
  if (config.discovery.kind === 'original-dst') {
    const { host, port } = sent.original
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    const known = [...cluster.states.values()].find((state) => state.address === address)
    const view: EndpointView = known ? viewOf(known, 1, exchange.clock.now()) : { ...UNUSED, address }
    return { endpoints: [view], likeliest: known, notes: [] }
  }
  const states = [...cluster.states.values()]
  const pinned = sent.pinned === undefined ? undefined : cluster.endpointAt(sent.pinned)
  const trial = pinned ? undefined : cluster.wantsTrial
  const only = pinned ?? trial
  const picks = Math.min(MOST_PICKS, PICKS_FOR_EACH * Math.max(states.length, 1))
  const shares = only ? new Map([[only, 1]]) : cluster.rehearse(picks, sent.hash, sent.purpose, random)
  const now = exchange.clock.now()
  const ranked = states
    .map((state) => ({ state, odds: shares.get(state) ?? 0 }))
    .toSorted((a, b) => b.odds - a.odds)
  const notes = [
    ...(pinned ? [`the request's session keeps it to ${pinned.address}`] : []),
    ...(trial ? [`${trial.address} was ejected, and the next request tries it out`] : []),
    ...(ranked.length > MOST_ENDPOINTS
      ? [`${ranked.length - MOST_ENDPOINTS} more endpoints of ${cluster.name} are not listed`]
      : []),
  ]
  return {
    endpoints: ranked.slice(0, MOST_ENDPOINTS).map(({ state, odds }) => viewOf(state, odds, now)),
    likeliest: ranked[0] && ranked[0].odds > 0 ? ranked[0].state : undefined,
    notes,
  }
}

const UNUSED: EndpointView = {
  address: '',
  workload: '',
  zone: '',
  odds: 1,
  standing: 'use',
  score: null,
  ejected: '',
  active: 0,
}

function viewOf(state: EndpointState, odds: number, nowMs: number): EndpointView {
  const { address, endpoint, health, load } = state
  const latency = load.latency(nowMs)
  const penalty = load.penalty(nowMs)
  const known = !Number.isNaN(latency) || penalty > 0
  return {
    address,
    workload: endpoint.workload,
    zone: endpoint.locality?.zone ?? '',
    odds,
    standing: health.standing,
    score: known ? Math.max(Number.isNaN(latency) ? 0 : latency, penalty) : null,
    ejected:
      health.standing === 'use'
        ? ''
        : health.objections.map((name) => [name, health.said[name]].filter(Boolean).join(': ')).join('; '),
    active: state.active,
  }
}
