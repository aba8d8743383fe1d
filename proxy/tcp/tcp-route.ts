import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import {
  noAuthorization,
  type AuthorizationRecord,
  type ConnectionRecord,
  type TelemetrySink,
} from '../exchange/telemetry-sink.ts'
import { TCP_KEEP_ALIVE } from '../model/keep-alive.ts'
import type { TcpProxy } from '../model/listener.ts'
import { WeightedPick } from '../route/weighted-pick.ts'
import { addressesOf } from '../transport/proxy-protocol.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import { resetSocket } from '../transport/reset-socket.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { ConnectDone, Connected } from '../upstream/connector.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import type { Refusal } from '../steps/step.ts'
import { watchFirstBytes, type LateClient } from './first-bytes.ts'
import { outcomeOf, relay } from './relay.ts'

const CONNECT_TRIES = 3

export interface TcpDependencies {
  readonly clusters: ClusterManager
  readonly telemetry: TelemetrySink
  readonly configWaitMs: number
  /** Monotonic. */
  readonly clock: Clock
}

export interface TcpHop {
  readonly direction: 'outbound' | 'inbound'
  readonly original: Destination | undefined
  /** The same, or where a listener with an address of its own took it. */
  readonly destination: Destination
  readonly downstream: string
  readonly sourceIdentity: string
  /** Server name of TLS that is passed on, or ''. */
  readonly serverName?: string
  /** What its steps have decided. */
  readonly authorization?: AuthorizationRecord
}

/** Opaque connections of one filter chain, by the weights of its clusters. */
export class TcpRoute {
  readonly #deps: TcpDependencies
  readonly #settings: TcpProxy
  readonly #pick: WeightedPick

  constructor(deps: TcpDependencies, settings: TcpProxy) {
    this.#deps = deps
    this.#settings = settings
    this.#pick = new WeightedPick(settings.clusters.map((cluster) => cluster.weight))
  }

  /**
   * `finished` is called once, when the connection is over, whichever way. `late`: its client is still to be looked
   * at, and may turn out to be somebody else's. Undefined: it is over already.
   */
  serve(socket: Socket, hop: TcpHop, finished: () => void, late?: LateClient): TcpConnection | undefined {
    const name = this.#settings.clusters[this.#pick.next()]?.cluster ?? ''
    if (name === '') {
      this.#refuse(socket, hop, finished)
      return undefined
    }
    const { idleTimeoutMs } = this.#settings
    const connection = new TcpConnection(this.#deps, socket, hop, name, idleTimeoutMs, finished, late)
    connection.start()
    return connection
  }

  /** The share of a backend that is none. The client's connection is up already: a reset is what is left of a refusal. */
  #refuse(socket: Socket, hop: TcpHop, finished: () => void): void {
    const record = newConnectionRecord(hop, '', this.#deps.clock.now())
    record.flags = ResponseFlag.NB
    record.details = 'invalid_backend'
    this.#deps.telemetry.connectionFinished(record)
    socket.on('error', () => {})
    resetSocket(socket)
    finished()
  }
}

/** One opaque connection: it waits for its cluster, connects to an endpoint, is copied, and told. */
export class TcpConnection {
  readonly #deps: TcpDependencies
  readonly #socket: Socket
  readonly #hop: TcpHop
  readonly #cluster: UpstreamCluster
  readonly #idleTimeoutMs: number
  readonly #finished: () => void
  readonly #late: LateClient | undefined
  readonly #record: ConnectionRecord
  readonly #startedAt: number
  readonly #tried: EndpointState[] = []
  #over = false
  /** Its ends are the relay's to pass on. */
  #relayed = false
  /** Why it is ended from here. */
  #refusal: Pick<Refusal, 'flags' | 'details'> | undefined
  /** It counts among those of its cluster. */
  #counted = false
  /** Gives up what it waits for: the cluster, or a connection. */
  #cancelWait: () => void = () => {}

  constructor(
    deps: TcpDependencies,
    socket: Socket,
    hop: TcpHop,
    cluster: string,
    idleTimeoutMs: number,
    finished: () => void,
    late: LateClient | undefined,
  ) {
    this.#deps = deps
    this.#socket = socket
    this.#hop = hop
    this.#cluster = deps.clusters.get(cluster)
    this.#idleTimeoutMs = idleTimeoutMs
    this.#finished = finished
    this.#late = late
    this.#startedAt = deps.clock.now()
    this.#record = newConnectionRecord(hop, cluster, this.#startedAt)
  }

  /** Bytes may have gone on. */
  get relayed(): boolean {
    return this.#relayed
  }

  /** Ends it by a reset, as it was refused by now. `told`: what was decided. */
  refuse(refusal: Pick<Refusal, 'flags' | 'details'>, told: AuthorizationRecord): void {
    if (this.#over) return
    this.#refusal = refusal
    Object.assign(this.#record, told)
    resetSocket(this.#socket)
  }

  start(): void {
    this.#socket.pause()
    this.#socket.on('error', () => {})
    this.#socket.on('close', this.#gone)
    if (this.#cluster.ready) this.#ready()
    else this.#cancelWait = this.#cluster.whenReady(this.#deps.configWaitMs, () => this.#ready())
  }

  readonly #gone = (): void => {
    this.#cancelWait()
    this.#end(ResponseFlag.DC, 'downstream_remote_disconnect')
  }

  #ready(): void {
    const { config } = this.#cluster
    if (!config) return this.#end(ResponseFlag.NC, 'cluster_not_found')
    this.#record.service = config.service
    if (!this.#cluster.breakers.tryConnection(this.#cluster.connections))
      return this.#end(ResponseFlag.UO, 'upstream_overflow{connections}')
    this.#counted = true
    this.#cluster.connections++
    this.#connect()
  }

  /** Elsewhere, if that fails: no byte was sent. */
  #connect(): void {
    if (this.#over) return
    const { clock } = this.#deps
    const first = this.#tried.length === 0
    const endpoint =
      (first ? this.#cluster.trial() : undefined) ??
      this.#cluster.pick(this.#hop.original, this.#tried, undefined, 'connection')
    if (!endpoint) return this.#end(ResponseFlag.UH, 'no_healthy_upstream')
    const since = clock.now()
    const done: ConnectDone = (connected, failure) => {
      if (connected) {
        endpoint.observe('answered', 0, clock.now() - since)
        endpoint.ended('answered', 0, -1, clock.now() - since)
        return this.#relay(endpoint, connected)
      }
      // It left while we connected, and is not picked again: no try was lost on it.
      if (failure?.reason === 'removed') return this.#connect()
      endpoint.observe('connect-failure', 0, clock.now() - since)
      endpoint.ended('connect-failure', 0, -1, clock.now() - since)
      this.#tried.push(endpoint)
      if (this.#tried.length < CONNECT_TRIES) return this.#connect()
      this.#end(failure?.flags ?? ResponseFlag.UF, failure?.details ?? '')
    }
    const slow = (): void => {
      if (!this.#hasOther(endpoint)) return
      attempt.cancel()
      this.#tried.push(endpoint)
      this.#connect()
    }
    const addresses = endpoint.proxyProtocol && addressesOf(this.#hop)
    const attempt = endpoint.connect(done, slow, addresses)
    this.#cancelWait = () => attempt.cancel()
  }

  /** Whether an endpoint is there that was not tried and that nothing speaks against. */
  #hasOther(endpoint: EndpointState): boolean {
    if (this.#tried.length + 1 >= CONNECT_TRIES) return false
    const tried = [...this.#tried, endpoint]
    const other = this.#cluster.pick(this.#hop.original, tried, undefined, 'connection')
    return other !== undefined && !tried.includes(other) && other.health.standing === 'use'
  }

  #relay(endpoint: EndpointState, connected: Connected): void {
    const { socket: upstream, identity } = connected
    const socket = this.#socket
    const late = this.#late
    this.#record.upstream = endpoint.address
    if (this.#hop.direction === 'outbound') this.#record.peer = endpoint.endpoint.owner ?? ''
    if (this.#hop.direction === 'outbound') this.#record.destinationIdentity = identity
    socket.off('close', this.#gone)
    endpoint.connectionOpened()
    if (!late) return this.#copy(endpoint, upstream, 0)
    upstream.on('error', () => {})
    watchFirstBytes(socket, upstream, late, this.#deps.clock, (first) => {
      if (first.kind === 'relay') return this.#copy(endpoint, upstream, first.sent)
      endpoint.connectionOver()
      upstream.destroy()
      if (first.kind === 'taken') {
        this.#over = true
        this.#finished()
        return late.take(first.detected)
      }
      this.#record.bytesReceived = first.sent
      if (first.kind === 'refused') this.#end(ResponseFlag.DPE, 'http_in_opaque_connection')
      else if (first.by === 'client') this.#end(ResponseFlag.DC, 'downstream_remote_disconnect')
      else this.#end(ResponseFlag.UC, 'connection_termination')
    })
  }

  /** `sent`: bytes of the client that were passed on already. */
  #copy(endpoint: EndpointState, upstream: Socket, sent: number): void {
    const { clock } = this.#deps
    const socket = this.#socket
    this.#relayed = true
    this.#record.opened = true
    this.#deps.telemetry.connectionOpened(this.#record)
    refuseTruncation(socket)
    refuseTruncation(upstream)
    const keepAlive = this.#cluster.config?.tcpKeepAlive ?? TCP_KEEP_ALIVE
    relay(socket, upstream, { clock, idleTimeoutMs: this.#idleTimeoutMs, keepAlive }, (over) => {
      endpoint.connectionOver()
      this.#record.bytesReceived = sent + over.sent
      this.#record.bytesSent = over.received
      const { flags, details } = outcomeOf(over)
      this.#end(flags, details)
    })
  }

  #end(flags: number, details: string): void {
    if (this.#over) return
    this.#over = true
    if (this.#counted) this.#cluster.connections--
    this.#record.flags |= this.#refusal?.flags ?? flags
    this.#record.details = this.#refusal?.details ?? details
    this.#record.durationMs = this.#deps.clock.now() - this.#startedAt
    this.#deps.telemetry.connectionFinished(this.#record)
    // Who got no server must not take the end for that of an empty answer.
    if (this.#relayed) this.#socket.destroy()
    else resetSocket(this.#socket)
    this.#finished()
  }
}

/** `startedAt` is on performance.now's clock. */
export function newConnectionRecord(
  hop: Omit<TcpHop, 'original' | 'destination'> & Partial<Pick<TcpHop, 'destination'>>,
  cluster: string,
  startedAt: number = performance.now(),
): ConnectionRecord {
  return {
    direction: hop.direction,
    startMs: performance.timeOrigin + startedAt,
    durationMs: 0,
    cluster,
    service: '',
    upstream: '',
    opened: false,
    peer: '',
    downstream: hop.downstream,
    destinationAddress: hop.destination?.host ?? '',
    destinationPort: hop.destination?.port ?? 0,
    serverName: hop.serverName ?? '',
    sourceIdentity: hop.sourceIdentity,
    destinationIdentity: '',
    flags: 0,
    details: '',
    bytesReceived: 0,
    bytesSent: 0,
    ...(hop.authorization ?? noAuthorization()),
  }
}
