import { createServer, type Server, type Socket } from 'node:net'
import { monotonicClock, type Clock } from '../core/clock.ts'
import { silentLogger, type Logger } from '../core/log.ts'
import type { ProxyProtocolVersion } from '../core/proxy-protocol.ts'
import type { Watchable } from '../core/watched.ts'
import { ResponseFlag } from './model/response-flag.ts'
import { WeightedPicks, type ExchangeDependencies } from './exchange/dependencies.ts'
import { MirrorRoom } from './exchange/mirror-room.ts'
import { RunningExchanges } from './exchange/running-exchanges.ts'
import type { LiveProxy } from './explain/live-proxy.ts'
import type { TelemetrySink } from './exchange/telemetry-sink.ts'
import { createInbound } from './inbound.ts'
import { ConnectionLimit } from './listener/connection-limit.ts'
import { ConnectionServer, listenError } from './listener/connection-server.ts'
import { TlsTermination } from './listener/tls-termination.ts'
import type { Locality } from './model/balancing.ts'
import type { Configuration } from './model/configuration.ts'
import type { Listener } from './model/listener.ts'
import { createOutbound, peerOf } from './outbound.ts'
import { StepCompiler } from './steps/request-steps.ts'
import { LoopLag } from './overload.ts'
import { newConnectionRecord } from './tcp/tcp-route.ts'
import { direct } from './transport/direct-socket.ts'
import { plainAddress, type OriginalDestination } from './transport/original-destination.ts'
import type { ReadSpiffeId } from './transport/peer-identity.ts'
import { resetSocket } from './transport/reset-socket.ts'
import { TlsContexts, type WorkloadSecrets } from './transport/tls-contexts.ts'
import { outlierLog } from './upstream/health/outlier-log.ts'
import { ClusterManager } from './upstream/cluster-manager.ts'
import { createConnector } from './upstream/connector.ts'

export interface RuntimeDependencies {
  readonly configuration: Configuration
  readonly secrets: Watchable<WorkloadSecrets | undefined>
  readonly readSpiffeId: ReadSpiffeId
  readonly telemetry: TelemetrySink
  /** Needed for captured traffic and listeners with use_original_dst. */
  readonly originalDestination: OriginalDestination | undefined
  /** The pod's own addresses: what goes there meets the application, not our own inbound port. */
  readonly ownAddresses: readonly string[]
  /** Of its ports those whose application wants the PROXY protocol. */
  readonly ownProxyProtocol?: ReadonlyMap<number, ProxyProtocolVersion>
  /** Where this proxy is; left out: not known. */
  readonly locality?: Locality | undefined
  /** What servers of the mesh are told that this workload is called (core/peer-workload.ts); left out: nothing. */
  readonly peer?: string
  readonly configWaitMs?: number
  /** Connections that others may have open here; undefined: see `ConnectionLimit`. */
  readonly maxConnections?: number | undefined
  /** Of connections past the mesh that carry nothing; 0: for ever. Milliseconds. Default 1 h. */
  readonly passthroughIdleMs?: number | undefined
  /** Told what becomes of endpoints. */
  readonly log?: Logger
  /** Monotonic; left out: the machine's. */
  readonly clock?: Clock
}

const SWEEP_MS = 1000
// As Envoy's tcp_proxy: https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts#tcp
const PASSTHROUGH_IDLE_MS = 3_600_000

/** The data plane of one process: everything between accepted sockets and upstream connections. */
export class Runtime {
  readonly clusters: ClusterManager
  readonly #deps: RuntimeDependencies
  readonly #clock: Clock
  readonly #inboundConnections: ConnectionServer
  readonly #outboundConnections: ConnectionServer
  readonly #exchange: ExchangeDependencies
  readonly #servers: Server[] = []
  readonly #bound = new Map<string, { listener: Listener; server: Server }>()
  readonly #lag = new LoopLag()
  readonly #limit: ConnectionLimit
  readonly #sweep: NodeJS.Timeout
  readonly #steps: StepCompiler
  readonly #connector
  readonly #configWaitMs: number
  readonly #ownAddresses: ReadonlySet<string>
  /** The ports that captured traffic arrives at, once bound; -1 before. */
  readonly #ownPorts = { outbound: -1, inbound: -1 }

  constructor(deps: RuntimeDependencies) {
    this.#deps = deps
    const clock = (this.#clock = deps.clock ?? monotonicClock)
    this.#configWaitMs = deps.configWaitMs ?? 5000
    this.#ownAddresses = new Set(deps.ownAddresses)
    this.#limit = new ConnectionLimit(deps.maxConnections)
    const contexts = new TlsContexts(deps.secrets)
    this.#connector = createConnector(contexts, deps.readSpiffeId)
    this.clusters = new ClusterManager({
      configuration: deps.configuration,
      connector: this.#connector,
      clock,
      ownAddresses: this.#ownAddresses,
      outlierEvents: outlierLog(deps.log ?? silentLogger),
      locality: deps.locality,
      peer: deps.peer ?? '',
      ...(deps.ownProxyProtocol ? { ownProxyProtocol: deps.ownProxyProtocol } : {}),
    })
    deps.secrets.watch(() => this.clusters.renew())
    const random = Math.random
    this.#steps = new StepCompiler({ clock, random, telemetry: deps.telemetry })
    this.#exchange = {
      clock,
      random,
      clusters: this.clusters,
      telemetry: deps.telemetry,
      picks: new WeightedPicks(),
      mirrorRoom: new MirrorRoom(),
      configVersion: () => deps.configuration.version,
      configWaitMs: this.#configWaitMs,
      running: new RunningExchanges(),
      overloaded: () => this.#lag.overloaded,
    }
    const shared = {
      configuration: deps.configuration,
      exchange: this.#exchange,
      tcp: {
        clusters: this.clusters,
        telemetry: deps.telemetry,
        configWaitMs: this.#configWaitMs,
        clock,
      },
      clock,
      steps: this.#steps,
      termination: new TlsTermination(contexts, deps.readSpiffeId),
      localIdentity: () => deps.secrets.value?.spiffeId ?? '',
    }
    this.#inboundConnections = new ConnectionServer(shared)
    this.#outboundConnections = new ConnectionServer(shared)
    this.#sweep = setInterval(() => this.#sweepIdle(), SWEEP_MS)
    this.#sweep.unref()
  }

  /** For those who explain what it would do. */
  get live(): LiveProxy {
    return {
      configuration: this.#deps.configuration,
      exchange: this.#exchange,
      random: Math.random,
      localIdentity: () => this.#deps.secrets.value?.spiffeId ?? '',
      ownAddresses: this.#ownAddresses,
      ownPorts: () => this.#ownPorts,
      connections: (direction) =>
        direction === 'inbound' ? this.#inboundConnections : this.#outboundConnections,
    }
  }

  /** Requests and opaque connections running now. */
  get active(): number {
    return this.#inboundConnections.active + this.#outboundConnections.active
  }

  /** Connections that are open, idle ones too. */
  get open(): number {
    const { inbound, outbound } = this.openConnections
    return inbound + outbound
  }

  /** The same by who opened them: callers, and the application. */
  get openConnections(): { readonly inbound: number; readonly outbound: number } {
    return {
      inbound: this.#inboundConnections.connections,
      outbound: this.#outboundConnections.connections,
    }
  }

  /** Requests and opaque connections that ever began. */
  get begun(): number {
    return this.#inboundConnections.begun + this.#outboundConnections.begun
  }

  /** Takes what iptables redirects from the application. Resolves with the bound port. */
  async serveOutbound(host: string, port: number): Promise<number> {
    this.#ownPorts.outbound = await this.#listen(
      createOutbound({
        configuration: this.#deps.configuration,
        connections: this.#outboundConnections,
        connector: this.#connector,
        telemetry: this.#deps.telemetry,
        originalDestination: this.#originalDestination(),
        configWaitMs: this.#configWaitMs,
        clock: this.#clock,
        ownAddresses: this.#ownAddresses,
        ownPorts: () => this.#ownPorts,
        passthroughIdleMs: this.#deps.passthroughIdleMs ?? PASSTHROUGH_IDLE_MS,
        admit: (socket) => this.#admit(socket, 'outbound'),
      }),
      host,
      port,
    )
    return this.#ownPorts.outbound
  }

  /** Takes what iptables redirects to the pod. Resolves with the bound port. */
  async serveInbound(host: string, port: number): Promise<number> {
    this.#ownPorts.inbound = await this.#listen(
      createInbound({
        configuration: this.#deps.configuration,
        connections: this.#inboundConnections,
        telemetry: this.#deps.telemetry,
        originalDestination: this.#originalDestination(),
        ownAddresses: this.#ownAddresses,
        ownPorts: () => this.#ownPorts,
        admit: (socket) => this.#admit(socket, 'inbound'),
      }),
      host,
      port,
    )
    return this.#ownPorts.inbound
  }

  /** Binds every listener that has an address, now and as they change. Rejects if one of the first cannot be bound. */
  async bindListeners(onError: (error: unknown) => void): Promise<void> {
    const listeners = this.#deps.configuration.listeners
    listeners.watch((value) => {
      this.#rebind(value).catch(onError)
    })
    await this.#rebind(listeners.value)
  }

  /** Port that a listener of `bindListeners` got. */
  boundPort(name: string): number | undefined {
    const address = this.#bound.get(name)?.server.address()
    return typeof address === 'object' ? address?.port : undefined
  }

  /** New requests are still served, but every peer is asked to go elsewhere. */
  drainInbound(): void {
    this.#inboundConnections.drain()
  }

  drainOutbound(): void {
    this.#outboundConnections.drain()
  }

  close(): void {
    clearInterval(this.#sweep)
    this.#lag.close()
    for (const server of this.#servers) server.close()
    for (const { server } of this.#bound.values()) server.close()
    this.#inboundConnections.destroy()
    this.#outboundConnections.destroy()
    this.clusters.destroy()
  }

  async #rebind(listeners: ReadonlyMap<string, Listener>): Promise<void> {
    for (const [name, bound] of this.#bound) {
      const next = listeners.get(name)
      if (next && sameAddress(next, bound.listener)) bound.listener = next
      else {
        bound.server.close()
        this.#bound.delete(name)
      }
    }
    for (const [name, listener] of listeners) {
      if (!listener.address || this.#bound.has(name)) continue
      const entry: { listener: Listener; server: Server } = {
        listener,
        server: this.#staticServer((): Listener => entry.listener),
      }
      this.#bound.set(name, entry)
      await listening(entry.server, listener.address.host, listener.address.port)
    }
  }

  #staticServer(current: () => Listener): Server {
    return createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (accepted) => {
      const socket = direct(accepted)
      socket.on('error', () => {})
      const listener = current()
      const inbound = trafficOf(listener) === 'inbound'
      if (!this.#admit(socket, inbound ? 'inbound' : 'outbound')) return
      const original = listener.useOriginalDst ? this.#originalDestination()(socket) : undefined
      const connections = inbound ? this.#inboundConnections : this.#outboundConnections
      connections.serve(socket, listener, {
        direction: inbound ? 'inbound' : 'outbound',
        original,
        destination: original ?? { host: plainAddress(socket.localAddress), port: socket.localPort ?? 0 },
        downstream: peerOf(socket),
      })
    })
  }

  /** False: the connection was one too many, and is closed. */
  #admit(socket: Socket, direction: 'outbound' | 'inbound'): boolean {
    if (this.#limit.admit(socket)) return true
    const hop = { direction, downstream: peerOf(socket), sourceIdentity: '' }
    const record = newConnectionRecord(hop, '')
    record.flags = ResponseFlag.OM
    record.details = 'connection_limit'
    resetSocket(socket)
    this.#deps.telemetry.count('downstream_connections_refused')
    this.#deps.telemetry.connectionFinished(record)
    return false
  }

  #originalDestination(): OriginalDestination {
    return this.#deps.originalDestination ?? (() => undefined)
  }

  async #listen(server: Server, host: string, port: number): Promise<number> {
    this.#servers.push(server)
    return listening(server, host, port)
  }

  #sweepIdle(): void {
    const now = performance.now()
    for (const exchange of this.#exchange.running) exchange.idleCheck(now)
    this.#inboundConnections.sweep(now)
    this.#outboundConnections.sweep(now)
    this.clusters.sweep()
    this.#steps.sweep()
  }
}

function sameAddress(a: Listener, b: Listener): boolean {
  return a.address?.host === b.address?.host && a.address?.port === b.address?.port
}

function trafficOf(listener: Listener): 'inbound' | 'outbound' | undefined {
  for (const chain of [...listener.filterChains, listener.defaultFilterChain])
    if (chain?.network.kind === 'http' && chain.network.traffic) return chain.network.traffic
  return undefined
}

function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(`${host}:${port}`, error)))
    // A burst of connections at start must not be dropped by a short backlog.
    server.listen({ host, port, backlog: 4096 }, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : port)
    })
  })
}
