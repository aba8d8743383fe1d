import { isDeepStrictEqual } from 'node:util'
import { ALPN_LINK } from '../../core/contract.ts'
import type { ClientHandler } from '../http/stream.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { Cluster, Endpoint } from '../model/cluster.ts'
import type { HealthCheck } from '../model/health-check.ts'
import type { UpstreamTls } from '../model/tls.ts'
import { allowsPeer } from '../transport/peer-identity.ts'
import { proxyProtocolHeader, type ConnectionAddresses } from '../transport/proxy-protocol.ts'
import { newClusterScope, type ClusterScope } from './cluster-scope.ts'
import { isGrpcFailure } from './balance/failure-class.ts'
import { EndpointLoad, type Waiting } from './balance/load.ts'
import { ConnectionRoom } from './connection-room.ts'
import { ENDPOINT_REMOVED, type ConnectDone, type ConnectTarget } from './connector.ts'
import type { UpstreamDependencies } from './dependencies.ts'
import { EndpointHealth } from './health/endpoint-health.ts'
import type { SignalContext } from './health/signal.ts'
import type { TryOutcome } from './health/try-outcome.ts'
import { HttpPool, type OpenConnection } from './http-pool.ts'
import { KeepAliveHabit } from './keep-alive-habit.ts'
import { HttpProbe } from './probe/http-probe.ts'
import type { ProbeDone } from './probe/probe.ts'
import { tcpProbe } from './probe/tcp-probe.ts'
import { connectWithSecond } from './second-attempt.ts'
import { tlsChange, upstreamSocket } from './upstream-socket.ts'

/** What the connections of one caller's connection are made for. */
interface OwnUse {
  readonly http2: boolean
  readonly addresses: ConnectionAddresses
  readonly kept: boolean
}

/**
 * One endpoint of one cluster while it is known, with its connections and what is known of its health. Survives every
 * change of its cluster that leaves its address and identity.
 */
export class EndpointState {
  endpoint: Endpoint
  /** Requests, with their answers, and opaque connections running now. */
  active = 0
  readonly address: string
  /** What the balancer goes by. */
  readonly load = new EndpointLoad()
  readonly health: EndpointHealth
  readonly #deps: UpstreamDependencies
  readonly #self: boolean
  readonly #breakers: ClusterScope['breakers']
  readonly #connects: ClusterScope['connects']
  readonly #habit = new KeepAliveHabit()
  /** Of its HTTP connections, in whichever pool. */
  readonly #room: ConnectionRoom
  /** Opaque connections that are being made; each is called when the endpoint goes. */
  readonly #connecting = new Set<() => void>()
  #cluster: Cluster
  #tls: UpstreamTls | undefined
  #proxyProtocol: ProxyProtocolVersion | undefined
  #http1: HttpPool | undefined
  #http2: HttpPool | undefined
  /** Of callers whose connections are shared with nobody: what their connections are, and what took their place. */
  readonly #own = new Map<HttpPool, OwnUse>()
  readonly #successors = new WeakMap<HttpPool, HttpPool>()
  #closed = false
  #inUseSince: number

  /**
   * `self`: this very pod, whose inbound port is not in the way of our own connections. `standingChanged`: the picker
   * has to be replaced. `fresh`: it has come to a cluster that was in use before. `scope`: of its cluster; left out, it is
   * alone.
   */
  constructor(
    endpoint: Endpoint,
    cluster: Cluster,
    deps: UpstreamDependencies,
    self: boolean,
    standingChanged: () => void,
    fresh = false,
    scope: ClusterScope = newClusterScope(deps),
  ) {
    this.endpoint = endpoint
    this.address = `${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`
    this.#deps = deps
    this.#self = self
    this.#cluster = cluster
    this.#room = new ConnectionRoom(cluster.limits.maxConnections)
    this.#useSocket()
    const closeIdle = (): void => {
      // A caller's own connections stay, they may be logged in.
      this.#http1?.renew()
      this.#http2?.renew()
    }
    this.#breakers = scope.breakers
    this.#connects = scope.connects
    this.#breakers.configure(cluster.limits)
    const { clock, random, signals } = deps
    const { outliers, turns } = scope
    const probe: SignalContext['probe'] = (check, done) => this.#probe(check, done)
    const picks = (): number => scope.picks
    const context = { clock, random, outliers, turns, picks, probe, closeIdle }
    this.#inUseSince = fresh ? clock.now() : -Infinity
    let used = true
    this.health = new EndpointHealth(signals, context, () => {
      const uses = this.health.standing === 'use'
      if (uses && !used) this.#inUseSince = clock.now()
      used = uses
      standingChanged()
    })
    this.health.configured(endpoint, cluster, this.#tls)
    this.load.configure(cluster.balancing.policy)
  }

  /** The settings that apply to this endpoint; undefined: plaintext. */
  get tls(): UpstreamTls | undefined {
    return this.#tls
  }

  /** The version in which each connection begins with who makes it; undefined: it does not, and may be shared. */
  get proxyProtocol(): ProxyProtocolVersion | undefined {
    return this.#proxyProtocol
  }

  /** When it came into use, or came back, on the clock; -Infinity: with the cluster. */
  get inUseSince(): number {
    return this.#inUseSince
  }

  /** It has left its cluster. */
  get closed(): boolean {
    return this.#closed
  }

  /** Takes the same endpoint (by address and identity) as its configuration has it now, and keeps what that leaves valid. */
  configure(endpoint: Endpoint, cluster: Cluster): void {
    const clusterBefore = this.#cluster
    const tlsBefore = this.#tls
    const proxyProtocolBefore = this.#proxyProtocol
    this.endpoint = endpoint
    this.#cluster = cluster
    this.#useSocket()
    this.health.configured(endpoint, cluster, this.#tls)
    this.#breakers.configure(cluster.limits)
    this.load.configure(cluster.balancing.policy)
    this.#room.limit(cluster.limits.maxConnections)
    const sameHeader = this.#proxyProtocol === proxyProtocolBefore
    if (cluster === clusterBefore && this.#tls === tlsBefore && sameHeader) return
    const change = tlsChange(tlsBefore, this.#tls)
    if (change === 'all' || !sameHeader || otherConnections(clusterBefore, cluster))
      return this.#replacePools()
    if (change === 'names') {
      const validation = this.#tls?.validation
      for (const pool of this.#pools()) pool.keepPeers((identity) => allowsPeer(validation, identity))
    }
    if (clusterBefore.http !== cluster.http) this.#mergePools()
  }

  /** The pool for a request that came as HTTP/2 or not. Where ALPN decides, both share one. */
  pool(http2: boolean): HttpPool {
    if (this.#wantsHttp2(http2)) return (this.#http2 ??= this.#createPool(true))
    return (this.#http1 ??= this.#createPool(false))
  }

  /**
   * A pool for one caller's connection, until `dropOwn`. `addresses`: of that, which its connections say where the PROXY
   * protocol is spoken. `kept`: they wait as long as that one does.
   */
  ownPool(http2: boolean, addresses: ConnectionAddresses, kept: boolean): HttpPool {
    return this.#createOwn({ http2, addresses, kept })
  }

  dropOwn(dropped: HttpPool): void {
    for (let pool: HttpPool | undefined = dropped; pool; pool = this.#successors.get(pool)) {
      this.#own.delete(pool)
      pool.destroy()
    }
  }

  /**
   * Opens a connection for opaque bytes. `done` is called once, never synchronously, and not after `cancel`; with the
   * reason `removed` as soon as the endpoint goes. `slow`: it has not come about in a part of a second. `addresses`: of the
   * caller's connection.
   */
  connect(
    done: ConnectDone,
    slow: () => void = () => {},
    addresses?: ConnectionAddresses,
  ): { cancel(): void } {
    const heardNothing = (): void => {
      this.health.signOfLife(false)
      slow()
    }
    const removed = (): void => {
      attempt.cancel()
      done(undefined, ENDPOINT_REMOVED)
    }
    const opening = this.#closed
      ? { cancel: this.#deps.clock.after(0, () => removed()) }
      : this.#begin('tcp', addresses, heardNothing, (connected, failure) => {
          this.#connecting.delete(removed)
          if (connected) this.health.signOfLife(true)
          done(connected, failure)
        })
    const attempt = {
      cancel: (): void => {
        this.#connecting.delete(removed)
        opening.cancel()
      },
    }
    if (!this.#closed) this.#connecting.add(removed)
    return attempt
  }

  /** A request is on its way to it. */
  begin(request: Waiting): void {
    this.active++
    this.load.begin(request)
  }

  /** It is over, with its answer. */
  end(request: Waiting): void {
    this.active--
    this.load.end(request)
  }

  /** An opaque connection has come about. */
  connectionOpened(): void {
    this.active++
    this.load.connections++
  }

  connectionOver(): void {
    this.active--
    this.load.connections--
  }

  /**
   * After every try, when the head of its answer is here or none will come, and again where an answer breaks off: see
   * HealthSignal.observe. `nowMs`: on the clock, of whoever has looked at it. `retryAfterMs`: what the answer asks for, or 0.
   * `request`: undefined of an opaque connection.
   */
  observe(
    outcome: TryOutcome,
    status: number,
    durationMs: number,
    nowMs = this.#deps.clock.now(),
    retryAfterMs = 0,
    request?: Waiting,
  ): void {
    this.load.observe(request, outcome, status, durationMs, retryAfterMs, nowMs)
    if (request) this.load.end(request)
    this.health.observe(outcome, status, durationMs, nowMs)
  }

  /** Once for each try; see HealthSignal.ended. */
  ended(
    outcome: TryOutcome,
    status: number,
    grpcStatus: number,
    durationMs: number,
    nowMs = this.#deps.clock.now(),
  ): void {
    if (isGrpcFailure(grpcStatus)) this.load.fail(nowMs)
    this.health.ended(outcome, status, grpcStatus, durationMs, nowMs)
  }

  get connections(): number {
    return this.#pools().reduce((sum, { size }) => sum + size, 0)
  }

  get idle(): boolean {
    return this.active === 0 && this.#pools().every(({ idle }) => idle)
  }

  renew(): void {
    for (const pool of this.#pools()) pool.renew()
  }

  /** The endpoint has left its cluster: what runs finishes, what waits is told. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // First, so that whoever is told finds a picker without this endpoint.
    this.health.removed()
    for (const removed of [...this.#connecting]) removed()
    for (const pool of this.#pools()) pool.close()
  }

  destroy(): void {
    this.close()
    for (const pool of this.#pools()) pool.destroy()
  }

  #probe({ probe, timeoutMs }: HealthCheck, done: ProbeDone): () => void {
    const { clock } = this.#deps
    if (probe.kind === 'tcp') return tcpProbe(this, timeoutMs, clock, done)
    const running = new HttpProbe(this.pool(probe.kind === 'grpc'), probe, timeoutMs, clock, done)
    running.start()
    return () => running.cancel()
  }

  #pools(): HttpPool[] {
    return [this.#http1, this.#http2, ...this.#own.keys()].filter((pool) => pool !== undefined)
  }

  #wantsHttp2(http2: boolean): boolean {
    const alpn = this.#tls?.alpn ?? []
    return alpn.length > 0
      ? alpn.some((protocol) => protocol === ALPN_LINK || protocol === 'h2')
      : this.#cluster.http === 'http2' || (this.#cluster.http === 'downstream' && http2)
  }

  /** Of the endpoint and cluster as they are now. Who calls this very pod is in front of its application, as our inbound side is. */
  #useSocket(): void {
    const { tls, proxyProtocol } = upstreamSocket(this.#cluster, this.endpoint)
    this.#tls = this.#self ? undefined : tls
    const own = this.#self ? this.#deps.ownProxyProtocol.get(this.endpoint.port) : undefined
    this.#proxyProtocol = proxyProtocol ?? own
  }

  #target(purpose: ConnectTarget['purpose'], addresses: ConnectionAddresses | undefined): ConnectTarget {
    return {
      host: this.endpoint.address,
      port: this.endpoint.port,
      tls: this.#tls,
      identity: this.endpoint.identity,
      header: this.#proxyProtocol && proxyProtocolHeader(this.#proxyProtocol, addresses),
      purpose,
      timeoutMs: this.#cluster.connectTimeoutMs,
    }
  }

  #begin(
    purpose: ConnectTarget['purpose'],
    addresses: ConnectionAddresses | undefined,
    slow: () => void,
    done: ConnectDone,
  ): { cancel(): void } {
    const { clock, connector } = this.#deps
    const target = this.#target(purpose, addresses)
    return connectWithSecond(connector, target, clock, slow, (connected, failure) => {
      this.#connects[connected ? 'connected' : 'failed']++
      done(connected, failure)
    })
  }

  /** TLS or the PROXY protocol as the connections have it is not what the cluster asks for any more. */
  #replacePools(): void {
    const [http1, http2] = [this.#http1, this.#http2]
    this.#http1 = this.#http2 = undefined
    http1?.handOver(this.pool(false))
    http2?.handOver(this.pool(true))
    // Whoever logged in does so again on connections of the new kind.
    for (const [pool, use] of [...this.#own]) {
      const successor = this.#createOwn(use)
      this.#own.delete(pool)
      this.#successors.set(pool, successor)
      pool.handOver(successor)
    }
  }

  #createOwn(use: OwnUse): HttpPool {
    const pool = this.#createPool(this.#wantsHttp2(use.http2), use)
    this.#own.set(pool, use)
    return pool
  }

  /** Without ALPN, the cluster's protocol may leave one pool without use; the other's connections are as before. */
  #mergePools(): void {
    const [http1, http2] = [this.#http1, this.#http2]
    if (http1 && this.pool(false) !== http1) {
      this.#http1 = undefined
      http1.handOver(this.pool(false))
    }
    if (http2 && this.pool(true) !== http2) {
      this.#http2 = undefined
      http2.handOver(this.pool(true))
    }
  }

  /** What nobody's own connection carries, copies of a mirror say, is nobody's: `own` has the addresses that are told. */
  #createPool(multiplexed: boolean, own?: OwnUse): HttpPool {
    const open: OpenConnection = (handler: ClientHandler, done, slow) =>
      this.#begin('http', own?.addresses, slow, (connected, failure) => {
        if (!connected) return done(undefined, undefined, failure)
        const { http, idleTimeoutHttp2Ms, headLimits, keepAlive, tcpKeepAlive } = this.#cluster
        // A server that takes part in no ALPN is spoken to as the cluster says, where that says one thing.
        const known = http === 'http2' || (this.#tls?.alpn.length ?? 0) === 0
        const http2 = connected.alpn === '' ? multiplexed && known : connected.alpn.endsWith('h2')
        const codec = this.#deps.createClientCodec(connected, handler, http2 ? 'h2' : 'http/1.1', {
          idleTimeoutMs: own?.kept ? 0 : http2 ? idleTimeoutHttp2Ms : this.#cluster.idleTimeoutMs,
          headLimits,
          keepAlive,
          tcpKeepAlive,
          streamsTold: pool.streamsTold,
          peer: this.#deps.peer,
        })
        done(codec, connected, undefined)
      })
    const pool: HttpPool = new HttpPool({
      room: this.#room,
      breakers: this.#breakers,
      multiplexed,
      open,
      clock: this.#deps.clock,
      habit: this.#habit,
      signOfLife: (came) => this.health.signOfLife(came),
      kept: own?.kept ?? false,
    })
    if (this.#closed) pool.close()
    return pool
  }
}

/** Whether connections made now would be others: what they take, and how they notice that their peer is gone. */
function otherConnections(before: Cluster, now: Cluster): boolean {
  return (['headLimits', 'keepAlive', 'tcpKeepAlive'] as const).some(
    (name) => !isDeepStrictEqual(before[name], now[name]),
  )
}
