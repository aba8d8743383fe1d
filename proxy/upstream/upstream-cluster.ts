import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import type { Cluster, Endpoint, EndpointAssignment } from '../model/cluster.ts'
import type { Configuration } from '../model/configuration.ts'
import { formatDestination, type Destination } from '../transport/original-destination.ts'
import { Picker } from './balancer.ts'
import type { Connector } from './connector.ts'
import { EndpointState } from './endpoint-state.ts'
import { RetryBudget } from './retry-budget.ts'

const DNS_REFRESH_MS = 30_000
const SWEEP_ORIGINAL_DST_MS = 60_000

/** The running side of a cluster: its endpoints' connections, balancer, limits and retry budget. */
export class UpstreamCluster {
  readonly name: string
  /** Requests running now. */
  active = 0
  #config: Cluster | null | undefined
  #idleSweeps = 0
  #budget = new RetryBudget(20, 10)
  #states = new Map<string, EndpointState>()
  #picker: Picker | undefined
  #stop: (() => void)[] = []
  #stopEndpoints: (() => void)[] = []
  #waiters = new Set<() => void>()
  readonly #configuration: Configuration
  readonly #connector: Connector

  readonly #ownAddresses: ReadonlySet<string>

  constructor(
    name: string,
    configuration: Configuration,
    connector: Connector,
    ownAddresses: ReadonlySet<string>,
  ) {
    this.name = name
    this.#ownAddresses = ownAddresses
    this.#configuration = configuration
    this.#connector = connector
    const watched = configuration.cluster(name)
    this.#stop.push(watched.watch((config) => this.#configure(config)))
    this.#configure(watched.value)
  }

  /** Undefined: not known yet; null: does not exist. */
  get config(): Cluster | null | undefined {
    return this.#config
  }

  get budget(): RetryBudget {
    return this.#budget
  }

  get states(): ReadonlyMap<string, EndpointState> {
    return this.#states
  }

  /** Whether a pick can be answered now: the cluster is known (or known not to exist), and its endpoints are. */
  get ready(): boolean {
    return this.#config === null || (this.#config !== undefined && this.#picker !== undefined)
  }

  /** Calls back once, when ready or after `timeoutMs`; at once if it is. The returned function cancels. */
  whenReady(timeoutMs: number, then: () => void): () => void {
    if (this.ready) {
      then()
      return () => {}
    }
    const finish = (): void => {
      clearTimeout(timer)
      this.#waiters.delete(finish)
      then()
    }
    const timer = setTimeout(finish, timeoutMs)
    this.#waiters.add(finish)
    return () => {
      clearTimeout(timer)
      this.#waiters.delete(finish)
    }
  }

  /** An endpoint, not one of `tried` if another is there. `original` is used by original-dst clusters. */
  pick(
    original: Destination | undefined,
    tried: readonly EndpointState[] | undefined,
  ): EndpointState | undefined {
    this.#idleSweeps = 0
    const config = this.#config
    if (!config) return undefined
    if (config.discovery.kind === 'original-dst')
      return original && this.#originalDestination(config, original)
    return this.#picker?.pick(tried)
  }

  /** How many sweeps came since it was used last. */
  sweep(): number {
    return this.active > 0 ? (this.#idleSweeps = 0) : ++this.#idleSweeps
  }

  /** New certificates: connections made with the old ones are replaced as they become free. */
  renew(): void {
    for (const state of this.#states.values()) if (state.tls) state.renew()
  }

  close(): void {
    for (const stop of [...this.#stop, ...this.#stopEndpoints]) stop()
    for (const state of this.#states.values()) state.close()
  }

  destroy(): void {
    this.close()
    for (const state of this.#states.values()) state.destroy()
  }

  #configure(config: Cluster | null | undefined): void {
    if (config === this.#config && config !== undefined) return
    // Not known any more is no reason to forget: the last good state serves on.
    if (config === undefined && this.#config) return
    this.#config = config
    for (const stop of this.#stopEndpoints.splice(0)) stop()
    // TLS or limits may have changed: connections of the old settings finish and are not used again.
    for (const state of this.#states.values()) state.close()
    this.#states = new Map()
    if (!config) {
      this.#picker = undefined
      if (config === null) this.#wake()
      return
    }
    this.#budget = new RetryBudget(config.retryBudget.percent, config.retryBudget.minPerSecond)
    const discovery = config.discovery
    switch (discovery.kind) {
      case 'static':
        return this.#replace(config, discovery.endpoints)
      case 'dns':
        return this.#resolve(config, discovery.endpoints)
      case 'original-dst':
        this.#picker = new Picker([], config.balancer)
        this.#sweep()
        return this.#wake()
      case 'eds': {
        const assignment = this.#configuration.endpoints(discovery.serviceName)
        this.#stopEndpoints.push(assignment.watch((value) => this.#assign(config, value)))
        return this.#assign(config, assignment.value)
      }
    }
  }

  #assign(config: Cluster, assignment: EndpointAssignment | null | undefined): void {
    if (assignment === undefined) return
    this.#replace(config, assignment?.endpoints ?? [])
  }

  #replace(config: Cluster, endpoints: readonly Endpoint[]): void {
    const states = new Map<string, EndpointState>()
    for (const endpoint of endpoints) {
      // The identity is part of the key: a reused pod IP must not inherit its predecessor's connections.
      const key = `${endpoint.address}|${endpoint.port}|${endpoint.identity}|${JSON.stringify(endpoint.transportMatch)}`
      const known = this.#states.get(key)
      const state =
        known ??
        new EndpointState(endpoint, config, this.#connector, this.#ownAddresses.has(endpoint.address))
      state.endpoint = endpoint
      states.set(key, state)
    }
    for (const [key, state] of this.#states) if (!states.has(key)) state.close()
    this.#states = states
    this.#picker = new Picker([...states.values()], config.balancer)
    this.#wake()
  }

  #resolve(config: Cluster, endpoints: readonly Endpoint[]): void {
    const found = new Map<Endpoint, readonly Endpoint[]>()
    const refresh = (): void => {
      for (const endpoint of endpoints) {
        if (isIP(endpoint.address)) {
          found.set(endpoint, [endpoint])
          continue
        }
        lookup(endpoint.address, { all: true }, (error, addresses) => {
          if (this.#config !== config) return
          // A name that stops resolving keeps its last addresses.
          if (error && found.has(endpoint)) return
          found.set(endpoint, error ? [] : addresses.map(({ address }) => ({ ...endpoint, address })))
          if (found.size === endpoints.length) this.#replace(config, [...found.values()].flat())
        })
      }
      if (found.size === endpoints.length) this.#replace(config, [...found.values()].flat())
    }
    refresh()
    const timer = setInterval(refresh, DNS_REFRESH_MS)
    timer.unref()
    this.#stopEndpoints.push(() => clearInterval(timer))
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
    const state = new EndpointState(
      endpoint,
      config,
      this.#connector,
      this.#ownAddresses.has(endpoint.address),
    )
    this.#states.set(key, state)
    return state
  }

  /** Destinations that nothing uses any more are forgotten. */
  #sweep(): void {
    const timer = setInterval(() => {
      for (const [key, state] of this.#states) {
        if (!state.idle || state.connections > 0) continue
        this.#states.delete(key)
        state.close()
      }
    }, SWEEP_ORIGINAL_DST_MS)
    timer.unref()
    this.#stopEndpoints.push(() => clearInterval(timer))
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter()
  }
}
