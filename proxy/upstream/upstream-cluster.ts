import { isDeepStrictEqual } from 'node:util'
import { hashes } from '../model/balancing.ts'
import type { Cluster, Endpoint } from '../model/cluster.ts'
import { formatDestination, type Destination } from '../transport/original-destination.ts'
import { HashTables } from './balance/hash-tables.ts'
import { Picker } from './balance/picker.ts'
import type { Purpose } from './balance/target.ts'
import { ClientAffinity } from './client-affinity.ts'
import type { UpstreamDependencies } from './dependencies.ts'
import { newClusterScope, type ClusterScope } from './cluster-scope.ts'
import { resolveEndpoints } from './dns-endpoints.ts'
import { EndpointState } from './endpoint-state.ts'
import type { Standing } from './health/signal.ts'
import { RetryBudget } from './retry-budget.ts'

const SWEEP_ORIGINAL_DST_MS = 60_000
const BEST_FIRST: readonly Standing[] = ['use', 'last-resort']

/**
 * The running side of a cluster: its endpoints' connections, balancer, limits and retry budget. A change of the
 * configuration touches what it changes and nothing else.
 */
export class UpstreamCluster {
  readonly name: string
  readonly budget: RetryBudget
  readonly outliers: ClusterScope['outliers']
  readonly breakers: ClusterScope['breakers']
  readonly connects: ClusterScope['connects']
  /** When it came into use. Milliseconds since the epoch. */
  readonly since = Date.now()
  /** Requests running now. */
  active = 0
  /** Opaque connections now, those that are being made among them. */
  connections = 0
  readonly #deps: UpstreamDependencies
  readonly #scope: ClusterScope
  readonly #waiters = new Set<() => void>()
  readonly #stopWatching: () => void
  #stopDiscovery: () => void = () => {}
  #config: Cluster | null | undefined
  /** As their source, the one that the configuration names now, gave them last; undefined: it has not yet. */
  #endpoints: readonly Endpoint[] | undefined
  #states = new Map<string, EndpointState>()
  readonly #tables = new HashTables()
  #picker: Picker<EndpointState> | undefined
  /** The best that is there among the endpoints that the picker has. */
  #best: Standing = 'avoid'
  #affinity: ClientAffinity | undefined
  /** Made when somebody asks for an address. */
  #byAddress: ReadonlyMap<string, EndpointState> | undefined
  /** The picker is made once, at the end of the update under way. */
  #updating = false
  /** An endpoint stands otherwise than when the picker was made: the removal of another may bring an ejected one back. */
  #stale = false
  #idleSweeps = 0
  #closed = false

  constructor(name: string, deps: UpstreamDependencies) {
    this.name = name
    this.#deps = deps
    this.budget = new RetryBudget(0, 0, deps.clock)
    this.#scope = newClusterScope(deps, name)
    this.outliers = this.#scope.outliers
    this.breakers = this.#scope.breakers
    this.connects = this.#scope.connects
    const watched = deps.configuration.cluster(name)
    this.#stopWatching = watched.watch((config) => this.#configure(config))
    this.#configure(watched.value)
  }

  /** Undefined: not known yet; null: does not exist. */
  get config(): Cluster | null | undefined {
    return this.#config
  }

  get states(): ReadonlyMap<string, EndpointState> {
    return this.#states
  }

  /** Whether a pick can be answered now: the cluster is known (or known not to exist), and its endpoints are. */
  get ready(): boolean {
    return this.#closed || this.#config === null || this.#picker !== undefined
  }

  /**
   * The best of its endpoints; `avoid`: a request would find none. Undefined: not known yet. One for whatever its
   * connection came for has what it needs.
   */
  get best(): Standing | undefined {
    if (!this.ready) return undefined
    if (this.#closed || !this.#config) return 'avoid'
    return this.#config.discovery.kind === 'original-dst' ? 'use' : this.#best
  }

  /**
   * Calls back once, when ready or after `timeoutMs`; at once if it is. Changes that leave it unready are no reason to.
   * The returned function cancels.
   */
  whenReady(timeoutMs: number, then: () => void): () => void {
    if (this.ready) {
      then()
      return () => {}
    }
    const cancel = (): void => {
      stopTimer()
      this.#waiters.delete(finish)
    }
    const finish = (): void => {
      cancel()
      then()
    }
    const stopTimer = this.#deps.clock.after(timeoutMs, finish)
    this.#waiters.add(finish)
    return cancel
  }

  /**
   * An endpoint, not one of `tried` if another is there. `original` is used by original-dst clusters, `hash` (32 bits) by those
   * that balance by a hash.
   */
  pick(
    original: Destination | undefined,
    tried: readonly EndpointState[] | undefined,
    hash?: number,
    purpose?: Purpose,
  ): EndpointState | undefined {
    this.#idleSweeps = 0
    this.#scope.picks++
    const config = this.#config
    if (!config || this.#closed) return undefined
    if (config.discovery.kind === 'original-dst')
      return original && this.#originalDestination(config, original)
    const { clientAffinityMs } = config
    if (clientAffinityMs === undefined) return this.#picker?.pick(tried, hash, purpose)
    this.#affinity ??= new ClientAffinity(this.#deps.clock)
    return this.#affinity.pick(clientAffinityMs, tried, () => this.#picker?.pick(tried, hash, purpose))
  }

  /** An ejected endpoint that waits for one request, this one, which decides on it. Undefined, as mostly: there is none. */
  trial(): EndpointState | undefined {
    const state = this.wantsTrial
    state?.health.tryOut()
    return state
  }

  /** The endpoint that the next request tries out. */
  get wantsTrial(): EndpointState | undefined {
    if (!this.outliers.wantsTrial || this.#closed) return undefined
    for (const state of this.#states.values()) if (state.health.wantsTrial) return state
    return undefined
  }

  /**
   * How a request would be shared out now, 0 to 1 by endpoint, and nobody notices: so many picks of a picker made as the one in
   * use is, of the same endpoints with the same load. An endpoint that may be picked and was not counts for half a pick.
   */
  rehearse(
    picks: number,
    hash: number | undefined,
    purpose: Purpose,
    random: () => number,
  ): ReadonlyMap<EndpointState, number> {
    const kept = this.#config?.clientAffinityMs === undefined ? undefined : this.#affinity?.kept
    if (kept) return new Map([[kept, 1]])
    const picked = new Map<EndpointState, number>()
    if (!this.#config || this.#closed) return picked
    const picker = this.#newPicker([...this.#states.values()], this.#config, random)
    for (let i = 0; i < picks; i++) {
      const state = picker.pick(undefined, hash, purpose)
      if (state) picked.set(state, (picked.get(state) ?? 0) + 1)
    }
    const hashed = hash !== undefined && hashes(this.#config.balancing.policy)
    if (!hashed)
      for (const state of this.#states.values())
        if (!picked.has(state) && picker.includes(state)) picked.set(state, 0.5)
    return new Map([...picked].map(([state, count]) => [state, count / picks]))
  }

  /** The endpoint at `ip:port`, unless something speaks against it other than that it drains. */
  endpointAt(address: string): EndpointState | undefined {
    this.#byAddress ??= new Map([...this.#states.values()].map((state) => [state.address, state]))
    const state = this.#byAddress.get(address)
    const usable = state?.health.standing === 'use' || state?.endpoint.health === 'draining'
    return usable ? state : undefined
  }

  /** How many sweeps came since it was used last. */
  sweep(): number {
    return this.active + this.connections > 0 ? (this.#idleSweeps = 0) : ++this.#idleSweeps
  }

  /** New certificates: connections made with the old ones are replaced as they become free. */
  renew(): void {
    for (const state of this.#states.values()) if (state.tls) state.renew()
  }

  /** What runs finishes; who waits is told; nothing is picked any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stopWatching()
    this.#stopDiscovery()
    this.#picker = undefined
    for (const state of this.#states.values()) state.close()
    this.#wake()
  }

  destroy(): void {
    this.close()
    for (const state of this.#states.values()) state.destroy()
  }

  #configure(config: Cluster | null | undefined): void {
    const before = this.#config
    if (this.#closed || config === before) return
    // Not known any more is no reason to forget: the last good state serves on.
    if (config === undefined && before) return
    this.#config = config
    if (!config) return this.#forget()
    this.budget.configure(config.retryBudget.percent, config.retryBudget.minPerSecond)
    this.outliers.configure(config.outliers)
    this.breakers.configure(config.limits)
    if (!before || !isDeepStrictEqual(before.discovery, config.discovery))
      return this.#discover(before, config)
    if (config.discovery.kind === 'original-dst')
      for (const state of this.#states.values()) state.configure(state.endpoint, config)
    else if (this.#endpoints) this.#update(config, this.#endpoints)
  }

  /** The cluster does not exist: its endpoints neither. */
  #forget(): void {
    this.#stopDiscovery()
    this.#stopDiscovery = () => {}
    this.#endpoints = undefined
    this.#picker = undefined
    const states = this.#states
    this.#states = new Map()
    this.#byAddress = undefined
    for (const state of states.values()) state.close()
    this.#wake()
  }

  /** Until another source has told of its endpoints, those of the one before serve on, as they were. */
  #discover(before: Cluster | null | undefined, config: Cluster): void {
    const discovery = config.discovery
    this.#stopDiscovery()
    this.#stopDiscovery = () => {}
    this.#endpoints = undefined
    // Destinations of connections are no endpoints of any other source, nor the other way round.
    if (discovery.kind === 'original-dst' || before?.discovery.kind === 'original-dst') this.#forget()
    switch (discovery.kind) {
      case 'static':
        return this.#update(config, discovery.endpoints)
      case 'dns':
        this.#stopDiscovery = resolveEndpoints(
          discovery.endpoints,
          this.#deps.clock,
          this.#deps.lookup,
          (found) => this.#found(found),
        )
        return
      case 'original-dst':
        this.#picker = this.#newPicker([], config)
        this.#sweepDestinations()
        return this.#wake()
      case 'eds': {
        const assignment = this.#deps.configuration.endpoints(discovery.serviceName)
        this.#stopDiscovery = assignment.watch((value) => {
          if (value !== undefined) this.#found(value?.endpoints ?? [])
        })
        if (assignment.value !== undefined) this.#found(assignment.value?.endpoints ?? [])
      }
    }
  }

  /** From a source of endpoints: these are all. */
  #found(endpoints: readonly Endpoint[]): void {
    if (this.#config && !this.#closed) this.#update(this.#config, endpoints)
  }

  #update(config: Cluster, endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints
    this.#updating = true
    const states = new Map<string, EndpointState>()
    // Whoever is there with the first ones was there before us: slow start is for those that come.
    const fresh = this.#states.size > 0
    for (const endpoint of endpoints) {
      // The identity is part of the key: a reused pod IP must not inherit its predecessor's connections.
      const key = `${endpoint.address}|${endpoint.port}|${endpoint.identity}|${JSON.stringify(endpoint.transportMatch)}`
      if (states.has(key)) continue
      const known = this.#states.get(key)
      known?.configure(endpoint, config)
      states.set(key, known ?? this.#newState(endpoint, config, fresh))
    }
    const gone = [...this.#states].filter(([key]) => !states.has(key))
    this.#states = states
    this.#byAddress = undefined
    this.#replacePicker()
    // After the picker is there: who is told that an endpoint has gone may pick another at once.
    for (const [, state] of gone) state.close()
    this.#updating = false
    if (this.#stale) this.#replacePicker()
    this.#wake()
  }

  #newState(endpoint: Endpoint, config: Cluster, fresh: boolean): EndpointState {
    const self = this.#deps.ownAddresses.has(endpoint.address)
    const changed = (): void => {
      if (this.#updating) this.#stale ||= !state?.closed
      else if (this.#picker) this.#replacePicker()
    }
    let state: EndpointState | undefined
    state = new EndpointState(endpoint, config, this.#deps, self, changed, fresh, this.#scope)
    return state
  }

  #replacePicker(): void {
    const config = this.#config
    if (!config || config.discovery.kind === 'original-dst') return
    this.#stale = false
    const states = [...this.#states.values()]
    this.#picker = this.#newPicker(states, config)
    const standings = states
      .filter(({ endpoint }) => endpoint.weight > 0)
      .map(({ health }) => health.standing)
    this.#best = BEST_FIRST.find((standing) => standings.includes(standing)) ?? 'avoid'
  }

  #newPicker(
    states: readonly EndpointState[],
    { balancing }: Cluster,
    random = this.#deps.random,
  ): Picker<EndpointState> {
    const { clock, locality } = this.#deps
    return new Picker(states, { balancing, own: locality, chance: { clock, random }, tables: this.#tables })
  }

  #originalDestination(config: Cluster, original: Destination): EndpointState {
    const key = formatDestination(original)
    const known = this.#states.get(key)
    if (known) return known
    const endpoint: Endpoint = {
      address: original.host,
      port: original.port,
      weight: 1,
      health: 'healthy',
      transportMatch: {},
      identity: '',
      workload: '',
    }
    const state = this.#newState(endpoint, config, false)
    this.#states.set(key, state)
    return state
  }

  /** Destinations that nothing uses any more are forgotten. */
  #sweepDestinations(): void {
    this.#stopDiscovery = this.#deps.clock.after(SWEEP_ORIGINAL_DST_MS, () => {
      for (const [key, state] of this.#states) {
        if (!state.idle || state.connections > 0) continue
        this.#states.delete(key)
        state.close()
      }
      this.#sweepDestinations()
    })
  }

  #wake(): void {
    if (!this.ready) return
    for (const waiter of [...this.#waiters]) waiter()
  }
}
