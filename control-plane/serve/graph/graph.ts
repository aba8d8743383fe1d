import type { Coverage, TimeRange } from '../../../core/api/coverage.ts'
import type { Ejection } from '../../../core/api/sidecars.ts'
import type { Graph, GraphEdge, GraphNode, GraphVersion, Health } from '../../../core/api/traffic.ts'
import { addCounts, countOf, DENIED, noCounts, requestsOf, type Counts } from '../telemetry/counts.ts'
import { OUTSIDE, pairKey, pairOf } from '../telemetry/metric-store.ts'
import {
  ejectedByService,
  ejectedText,
  type EjectedByService,
  type EjectedEndpoint,
} from './ejected-endpoints.ts'
import { figuresOf, healthOf, percentText, failedShare, worst } from './figures.ts'
import { primaryService, serviceId, type Led, type Reached, type Topology } from './topology.ts'
import type { TrafficCounts } from './traffic-counts.ts'

export interface GraphQuery {
  /** What counts are of: milliseconds since the epoch. */
  readonly range: TimeRange
  /** Only what is in it, calls or is called from there; left out: all. */
  readonly namespace?: string | undefined
  /** What callers leave out now; left out: it is not known of that time. */
  readonly ejections?: readonly Ejection[] | undefined
}

/** Of requests that were refused on one edge: most of them. */
const MOSTLY_DENIED = 0.5
/** Of one node. */
const NAMED_EJECTIONS = 3

/** What calls what, from what was counted and the mesh as it is configured. */
export function graphOf(
  topology: Topology,
  counts: TrafficCounts,
  { range, namespace, ejections = [] }: GraphQuery,
  coverage: Coverage,
): Graph {
  const seconds = Math.max(range.to - range.from, 1) / 1000
  const traffic = new Traffic(topology, counts)
  const edges = edgesOf(traffic, seconds)
  const ids = new Set<string>()
  for (const { id, namespace: own } of topology.services.values())
    if (topology.meshedNamespaces.has(own) || traffic.of(id) !== undefined) ids.add(id)
  for (const { source, target } of edges) ids.add(source).add(target)
  for (const id of traffic.served()) ids.add(id)
  const ejected = ejectedByService(ejections)
  const nodes = [...ids].map((id) => nodeOf(traffic, id, seconds, ejected))
  const all = { ...range, coverage, nodes: nodes.sort(byId), edges: edges.sort(byEnds) }
  return namespace === undefined ? all : within(all, namespace)
}

/** Counts by what the map shows. */
class Traffic {
  readonly topology: Topology
  readonly edges = new Map<string, Counts>()
  /** By `pairKey(source, target)`: requests that a policy refused. */
  readonly denied = new Map<string, number>()
  readonly #counts: TrafficCounts
  readonly #targets = new Map<string, Counts>()
  /** By `pairKey(split, version)`. */
  readonly #versions = new Map<string, Counts>()
  readonly #versionTotals = new Map<string, Counts>()

  constructor(topology: Topology, counts: TrafficCounts) {
    this.topology = topology
    this.#counts = counts
    for (const [key, one] of counts.edges) {
      const [source, target] = pairOf(key)
      // What came from outside the server tells for all of its names: it is taken from its arrivals, once.
      if (source !== OUTSIDE) add(this.edges, key, one)
      if (source !== OUTSIDE) add(this.#targets, target, one)
    }
    for (const [key, one] of counts.arrivals) this.#arrived(key, one)
    for (const [key, one] of counts.backends) {
      const [rule, cluster] = pairOf(key)
      const version = cluster === '' ? '' : serviceId(cluster)
      for (const split of topology.rules.get(rule) ?? []) {
        add(this.#versions, pairKey(split, version), one)
        if (split !== version) add(this.#versionTotals, version, one)
      }
    }
  }

  /** As callers saw it, else as its own sidecars did; undefined: nobody called it by this name. */
  of(id: string): Counts | undefined {
    const seen = this.#targets.get(id)
    if (seen && requestsOf(seen) > 0) return seen
    // What its sidecars saw came by the name of what is split.
    if (this.topology.versionOf.has(id)) return undefined
    return this.#counts.servers.get(id)
  }

  /** What a split led to one of its versions. */
  version(split: string, version: string): Counts {
    return this.#versions.get(pairKey(split, version)) ?? noCounts()
  }

  /** What all splits led to it. */
  asVersion(id: string): Counts | undefined {
    return this.#versionTotals.get(id)
  }

  /** Workloads that were called and stand behind no Service. */
  *served(): Generator<string> {
    for (const [id, counts] of this.#counts.servers)
      if (!this.topology.services.has(id) && requestsOf(counts) > 0)
        if ((this.topology.workloads.get(id)?.services ?? []).length === 0) yield id
  }

  /** Of those who tell nothing all that came; of others what was refused, at the edges where they tell of it. */
  #arrived(key: string, counts: Counts): void {
    const { topology } = this
    const [identity, workload] = pairOf(key)
    const sources = topology.sources.get(identity)
    const refused = countOf(counts, DENIED)
    if (!sources) {
      const target = primaryService(topology, workload)
      const edge = pairKey(this.#callerOf(identity), target)
      add(this.edges, edge, counts)
      add(this.#targets, target, counts)
      this.#deny(edge, refused)
      return
    }
    if (refused === 0) return
    const targets = new Set(this.topology.workloads.get(workload)?.services ?? [])
    for (const target of [...targets])
      for (const split of topology.versionOf.get(target) ?? []) targets.add(split)
    const told = sources.flatMap((source) =>
      [...targets].flatMap((target) => {
        const edge = pairKey(source, target)
        const rate = requestsOf(this.#counts.edges.get(edge) ?? noCounts())
        return rate > 0 ? [{ edge, rate }] : []
      }),
    )
    const sum = told.reduce((total, { rate }) => total + rate, 0)
    // An identity that several workloads have does not say which of them was refused: each by its share.
    for (const { edge, rate } of told) this.#deny(edge, (refused * rate) / sum)
    if (told.length === 0) this.#deny(pairKey(sources[0] ?? '', primaryService(topology, workload)), refused)
  }

  #deny(edge: string, count: number): void {
    if (count > 0) this.denied.set(edge, (this.denied.get(edge) ?? 0) + count)
  }

  /** A workload of the mesh's own domain that has no sidecar goes by its service account. */
  #callerOf(identity: string): string {
    const [, domain = '', namespace, account] =
      /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(identity) ?? []
    return namespace !== undefined && this.topology.trustDomains.includes(domain)
      ? `${account}.${namespace}`
      : OUTSIDE
  }
}

function edgesOf(traffic: Traffic, seconds: number): GraphEdge[] {
  const keys = new Set([...traffic.edges.keys(), ...traffic.denied.keys()])
  return [...keys].flatMap((key) => {
    const [source, target] = pairOf(key)
    const counts = traffic.edges.get(key) ?? noCounts()
    const denied = traffic.denied.get(key) ?? 0
    const requests = requestsOf(counts)
    if (requests === 0 && denied === 0) return []
    const mostly = denied > 0 && denied >= MOSTLY_DENIED * requests
    const health = worst(healthOf(counts), mostly ? 'degraded' : 'idle')
    return [{ source, target, traffic: figuresOf(counts, seconds), deniedRate: denied / seconds, health }]
  })
}

function nodeOf(traffic: Traffic, id: string, seconds: number, ejected: EjectedByService): GraphNode {
  const { topology } = traffic
  const place = topology.services.get(id)
  const workload = topology.workloads.get(id)
  const counts = traffic.of(id) ?? noCounts()
  const dot = id.lastIndexOf('.')
  const reached = place ? reachedBy(topology, id, place.led) : podsOf(workload?.pods ?? 0)
  const versions = (place?.led ?? []).map((led) => versionOf(traffic, id, led, seconds, ejected))
  const out = place ? usedBy(id, place.led).flatMap((one) => ejected.get(one) ?? []) : []
  const asVersion = traffic.asVersion(id)
  const called = requestsOf(counts) > 0 || (asVersion !== undefined && requestsOf(asVersion) > 0)
  const state = [
    ...(requestsOf(counts) > 0 ? requestState(counts, '') : []),
    ...(asVersion ? requestState(asVersion, ', sent here by a route,') : []),
    ...(place && place.clusters.length > 0 ? endpointState(topology, reached, place.led, called) : []),
    ...ejectionState(out, reached.ready),
  ]
  return {
    id,
    name: id.slice(0, Math.max(dot, 0)),
    namespace: id.slice(dot + 1),
    kind: place ? 'service' : workload ? 'workload' : 'outside',
    traffic: figuresOf(counts, seconds),
    health: worst(called ? 'ok' : 'idle', ...state.map(({ health }) => health)),
    reasons: state.map(({ reason }) => reason),
    endpoints: { ...reached, ejected: out.length },
    policy: place?.policy ?? 'open',
    versions,
    versionOf: topology.versionOf.get(id) ?? [],
  }
}

/** Something that is not well. */
interface State {
  readonly health: Health
  readonly reason: string
}

function requestState(counts: Counts, which: string): State[] {
  const health = healthOf(counts)
  if (health !== 'degraded' && health !== 'failing') return []
  return [{ health, reason: `${percentText(failedShare(counts))} of its requests${which} fail.` }]
}

function endpointState(topology: Topology, reached: Reached, led: readonly Led[], called: boolean): State[] {
  if (reached.ready === 0) {
    const reason =
      reached.total === 0
        ? 'It has no endpoint: no pod is behind it.'
        : `None of its ${reached.total} endpoints is ready.`
    return [{ health: called ? 'failing' : 'degraded', reason }]
  }
  const states: State[] = led.flatMap(({ id, percent }) => {
    if (percent === 0) return []
    const share = percentText(percent / 100)
    if (id === '' || !topology.services.has(id))
      return [{ health: 'degraded', reason: `A route leads ${share} of its requests to no Service.` }]
    if ((topology.services.get(id)?.own.ready ?? 0) > 0) return []
    return [
      {
        health: 'degraded',
        reason: `A route leads ${share} of its requests to ${id}, which has no endpoint.`,
      },
    ]
  })
  const missing = reached.total - reached.ready
  if (missing > 0)
    states.push({ health: 'degraded', reason: `${missing} of its ${reached.total} endpoints are not ready.` })
  return states
}

/** What its callers fail to be served by is the first thing to know, though other endpoints take the requests. */
function ejectionState(out: readonly EjectedEndpoint[], ready: number): State[] {
  if (out.length === 0) return []
  const named = out.slice(0, NAMED_EJECTIONS).map(ejectedText).join('; ')
  const more = out.length > NAMED_EJECTIONS ? `; and ${out.length - NAMED_EJECTIONS} more` : ''
  const reason = `Callers leave out ${out.length} of its ${Math.max(ready, out.length)} ready endpoints: ${named}${more}.`
  return [{ health: 'degraded', reason }]
}

function versionOf(
  traffic: Traffic,
  split: string,
  { id, percent }: Led,
  seconds: number,
  ejected: EjectedByService,
): GraphVersion {
  const counts = traffic.version(split, id)
  const { ready = 0, total = 0 } = traffic.topology.services.get(id)?.own ?? {}
  const missing: Health =
    ready === 0 && percent > 0 ? (requestsOf(counts) > 0 ? 'failing' : 'degraded') : 'idle'
  return {
    id,
    percent,
    traffic: figuresOf(counts, seconds),
    health: worst(healthOf(counts), missing, ejected.has(id) ? 'degraded' : 'idle'),
    ready,
    total,
  }
}

/** Its own pods, or those of the Services to which its rules lead. */
function reachedBy(topology: Topology, id: string, led: readonly Led[]): Reached {
  const all = usedBy(id, led).map((one) => topology.services.get(one)?.own ?? podsOf(0))
  return {
    ready: sum(all.map(({ ready }) => ready)),
    total: sum(all.map(({ total }) => total)),
    meshed: sum(all.map(({ meshed }) => meshed)),
  }
}

function usedBy(id: string, led: readonly Led[]): readonly string[] {
  const used = led.filter(({ percent }) => percent > 0).map((one) => one.id)
  return used.length === 0 ? [id] : used
}

function podsOf(pods: number): Reached {
  return { ready: pods, total: pods, meshed: pods }
}

function within(graph: Graph, namespace: string): Graph {
  const suffix = `.${namespace}`
  const edges = graph.edges.filter(({ source, target }) => source.endsWith(suffix) || target.endsWith(suffix))
  const ends = new Set(edges.flatMap(({ source, target }) => [source, target]))
  const nodes = graph.nodes.filter((node) => node.namespace === namespace || ends.has(node.id))
  return { ...graph, nodes, edges }
}

function add(into: Map<string, Counts>, key: string, counts: Counts): void {
  const known = into.get(key)
  if (known) addCounts(known, counts)
  else into.set(key, addCounts(noCounts(), counts))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0)
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function byEnds(a: GraphEdge, b: GraphEdge): number {
  return byId({ id: pairKey(a.source, a.target) }, { id: pairKey(b.source, b.target) })
}
