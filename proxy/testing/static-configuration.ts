import { Watched } from '../../core/watched.ts'
import { HEAD_LIMITS } from '../http/head-limits.ts'
import type { Cluster, Endpoint, EndpointAssignment } from '../model/cluster.ts'
import type { Configuration } from '../model/configuration.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import { ROUND_ROBIN, type Balancing, type BalancingPolicy } from '../model/balancing.ts'
import { TCP_KEEP_ALIVE } from '../model/keep-alive.ts'
import { SAFE_PATHS } from '../model/path-rules.ts'
import {
  NO_MUTATION,
  type ForwardAction,
  type RetryPolicy,
  type Route,
  type RouteConfiguration,
} from '../model/route.ts'

/** A configuration that a test writes by hand and changes while the proxy runs. */
export class TestConfiguration implements Configuration {
  readonly listeners = new Watched<ReadonlyMap<string, Listener>>(new Map())
  readonly #listeners = new Map<string, Watched<Listener | null | undefined>>()
  readonly #routes = new Map<string, Watched<RouteConfiguration | null | undefined>>()
  readonly #clusters = new Map<string, Watched<Cluster | null | undefined>>()
  readonly #endpoints = new Map<string, Watched<EndpointAssignment | null | undefined>>()
  version = 'test'

  listener(name: string): Watched<Listener | null | undefined> {
    return entry(this.#listeners, name)
  }

  route(name: string): Watched<RouteConfiguration | null | undefined> {
    return entry(this.#routes, name)
  }

  cluster(name: string): Watched<Cluster | null | undefined> {
    return entry(this.#clusters, name)
  }

  endpoints(name: string): Watched<EndpointAssignment | null | undefined> {
    return entry(this.#endpoints, name)
  }

  /** A cluster and its endpoints, as `127.0.0.1:port`. */
  setCluster(name: string, ports: readonly number[], change: Partial<Cluster> = {}): void {
    this.endpoints(name).set({ clusterName: name, endpoints: ports.map((port) => endpointAt(port)) })
    this.cluster(name).set({ ...CLUSTER, name, discovery: { kind: 'eds', serviceName: name }, ...change })
  }

  /** One listener on a free port with one route configuration, `main`. */
  setRoutes(routes: readonly Route[], change: Partial<HttpConnectionManager> = {}): void {
    this.route('main').set({ name: 'main', virtualHosts: [{ name: 'all', domains: ['*'], routes }] })
    if (this.listeners.value.size > 0) return
    this.listeners.set(new Map([['front', listenerOf({ ...MANAGER, ...change })]]))
  }
}

function entry<T>(
  map: Map<string, Watched<T | null | undefined>>,
  name: string,
): Watched<T | null | undefined> {
  let watched = map.get(name)
  if (!watched) {
    watched = new Watched<T | null | undefined>(undefined)
    map.set(name, watched)
  }
  return watched
}

export const MANAGER: HttpConnectionManager = {
  kind: 'http',
  statPrefix: 'test',
  codec: 'auto',
  route: { kind: 'rds', name: 'main' },
  paths: SAFE_PATHS,
  filters: [],
  forwardClientCert: 'sanitize',
  traffic: 'outbound',
  samplingPercent: 0,
  streamIdleTimeoutMs: 0,
  requestHeadersTimeoutMs: 10_000,
  requestTimeoutMs: 0,
  idleTimeoutMs: 60_000,
  keepHalfClosed: false,
  headLimits: HEAD_LIMITS,
  keepFieldCase: true,
  maxConcurrentStreams: 100,
  keepAlive: undefined,
}

export const CLUSTER: Cluster = {
  name: '',
  discovery: { kind: 'static', endpoints: [] },
  connectTimeoutMs: 2000,
  balancing: ROUND_ROBIN,
  http: 'downstream',
  tls: undefined,
  socketMatches: [],
  limits: { maxConnections: 100, maxPendingRequests: 100, maxRequests: 100 },
  retryBudget: { percent: 100, minPerSecond: 1000 },
  idleTimeoutMs: 4000,
  idleTimeoutHttp2Ms: 3_600_000,
  headLimits: HEAD_LIMITS,
  keepAlive: undefined,
  tcpKeepAlive: TCP_KEEP_ALIVE,
  service: 'test',
}

/** A policy with everything else as it is by default. */
export function balancedBy(policy: BalancingPolicy): Balancing {
  return { ...ROUND_ROBIN, policy }
}

export const LEAST_REQUEST = balancedBy({
  kind: 'least-request',
  choices: 2,
  activeRequestBias: 1,
  slowStart: undefined,
})

export const PEAK_EWMA = balancedBy({
  kind: 'peak-ewma',
  decayMs: 10_000,
  penaltyMs: 5000,
  slowStart: undefined,
})

export function endpointAt(port: number, change: Partial<Endpoint> = {}): Endpoint {
  return {
    address: '127.0.0.1',
    port,
    weight: 1,
    health: 'healthy',
    transportMatch: {},
    identity: '',
    workload: '',
    ...change,
  }
}

export function chainOf(network: FilterChain['network'], tls?: FilterChain['tls']): FilterChain {
  return {
    name: 'chain',
    match: {
      destinationPort: undefined,
      serverNames: [],
      transportProtocol: undefined,
      applicationProtocols: [],
    },
    tls,
    filters: [],
    network,
  }
}

export function listenerOf(network: FilterChain['network'], tls?: FilterChain['tls']): Listener {
  return {
    name: 'front',
    address: { host: '127.0.0.1', port: 0 },
    inspectTls: false,
    inspectHttp: false,
    useOriginalDst: false,
    detectTimeoutMs: 1000,
    openConnectionsMs: 5000,
    filterChains: [chainOf(network, tls)],
    defaultFilterChain: undefined,
  }
}

/** Everything to these clusters, by weight. */
export function forwardTo(clusters: Record<string, number>, change: Partial<ForwardAction> = {}): Route {
  return {
    name: 'test-route',
    match: { path: { kind: 'prefix', value: '/', caseSensitive: true }, headers: [], query: [], grpc: false },
    action: {
      kind: 'forward',
      clusters: Object.entries(clusters).map(([cluster, weight]) => ({
        cluster,
        weight,
        requestHeaders: NO_MUTATION,
        responseHeaders: NO_MUTATION,
      })),
      timeoutMs: 0,
      retry: undefined,
      rewrite: { path: undefined, authority: undefined },
      mirrors: [],
      upgrades: [],
      ...change,
    },
    requestHeaders: NO_MUTATION,
    responseHeaders: NO_MUTATION,
  }
}

export const RETRY_503: RetryPolicy = {
  retries: 4,
  perTryTimeoutMs: 0,
  statuses: [503],
  on: {
    connectFailure: true,
    refusedStream: true,
    reset: true,
    resetBeforeRequest: false,
    gatewayError: false,
    serverError: false,
  },
  grpcStatuses: [],
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  nonIdempotent: false,
}
