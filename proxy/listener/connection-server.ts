import type { Socket } from 'node:net'
import { ALPN_LINK, ALPN_TCP } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import type { Clock } from '../../core/clock.ts'
import { Watched } from '../../core/watched.ts'
import type { ConnectionManager } from '../exchange/connection-manager.ts'
import type { ExchangeDependencies } from '../exchange/dependencies.ts'
import { Exchange } from '../exchange/exchange.ts'
import { newRecord } from '../exchange/record.ts'
import { noAuthorization, type AuthorizationRecord } from '../exchange/telemetry-sink.ts'
import type { RequestHead } from '../http/message.ts'
import type { BodyReader, ServerHandler, ServerStream } from '../http/stream.ts'
import { serveHttp1 } from '../http1/server.ts'
import { LINK_KEEP_ALIVE, linkLimits } from '../http2/options.ts'
import { serveHttp2 } from '../http2/server.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Hop } from '../model/hop.ts'
import type { FilterChain, HttpConnectionManager, Listener, TcpProxy } from '../model/listener.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { StepCompiler } from '../steps/request-steps.ts'
import type { ArrivedConnection, ConnectionStep, Refusal } from '../steps/step.ts'
import { newConnectionRecord, TcpRoute, type TcpDependencies, type TcpHop } from '../tcp/tcp-route.ts'
import type { LateClient } from '../tcp/first-bytes.ts'
import type { Detected } from '../transport/detect.ts'
import type { Destination } from '../transport/original-destination.ts'
import { peek, type Peeked } from '../transport/peek.ts'
import { resetSocket } from '../transport/reset-socket.ts'
import { createTransport } from '../transport/socket-transport.ts'
import { stepsOfBytes } from './bytes-rules.ts'
import { CurrentManager, type ManagerOf } from './current-manager.ts'
import { chainFor, chooseChain, inspectionMs, needsInspection, type ChainFacts } from './chain-match.ts'
import { OpenConnections } from './open-connections.ts'
import { OpenTcp } from './open-tcp.ts'
import { PolicyChanges } from './policy-changes.ts'
import type { TlsTermination } from './tls-termination.ts'

export interface ConnectionDependencies {
  readonly configuration: Configuration
  readonly exchange: ExchangeDependencies
  readonly tcp: TcpDependencies
  readonly termination: Pick<TlsTermination, 'terminate'>
  readonly steps: StepCompiler
  readonly clock: Clock
  /** This workload's SPIFFE ID, or ''. */
  readonly localIdentity: () => string
  /** How a socket becomes a transport, where it is not the kernel's. */
  readonly createTransport?: typeof createTransport
}

export interface Arrival {
  readonly direction: 'outbound' | 'inbound'
  readonly original: Destination | undefined
  /** The same, or where a listener with an address of its own took it. */
  readonly destination: Destination
  readonly downstream: string
}

/** A connection whose filter chain is chosen and whose TLS has ended. */
interface Accepted {
  readonly socket: Socket
  readonly listener: Listener
  readonly chain: FilterChain
  readonly arrival: Arrival
  /** Verified SPIFFE ID of the caller, or ''. */
  readonly identity: string
  /** ALPN that was agreed on, or ''. */
  readonly alpn: string
  /** Server name of its TLS, whoever ends that, lower-case, or ''. */
  readonly serverName: string
  /** What its steps know of the name that passed TLS asks for; undefined: it can't be told. */
  readonly passedName: string | undefined
  /** What its steps have decided. */
  readonly authorization?: AuthorizationRecord
  /** What the first bytes said, where they were looked at and are not TLS. */
  readonly peeked: Peeked | undefined
}

// A link carries the callers of a whole pod: what one of them cancels must not end it for the others. Its peer is
// a sidecar with a certificate, which bounds its own callers as any server does: without one it is anybody.
const LINK_LIMITS = {
  spelling: true,
  abandonedBurst: 1_000_000,
  abandonedPerSecond: 100_000,
}

const LINK_SERVER_KEEP_ALIVE = {
  intervalMs: LINK_KEEP_ALIVE.intervalMs,
  timeoutMs: LINK_KEEP_ALIVE.timeoutMs,
}

// Who is to show a name and shows none in this time is decided on without. Milliseconds.
const PASSED_NAME_MS = 1000

// Of a request that could not be read.
const NO_HEAD: RequestHead = { method: '', scheme: '', authority: '', path: '', fields: [], upgrade: '' }

/**
 * From an accepted socket to the engine that serves it: inspect, choose a filter chain, end TLS, ask the chain's
 * steps, detect, hand over.
 */
export class ConnectionServer {
  readonly #deps: ConnectionDependencies
  readonly #open = new OpenConnections()
  readonly #changes: PolicyChanges
  readonly #tcpRoutes = new WeakMap<TcpProxy, TcpRoute>()
  readonly #managers = new WeakMap<HttpConnectionManager, ConnectionManager>()
  readonly #connectionSteps = new WeakMap<FilterChain, readonly ConnectionStep[]>()
  /** Requests and opaque connections that ever began. */
  begun = 0

  constructor(deps: ConnectionDependencies) {
    this.#deps = deps
    const { running } = deps.exchange
    this.#changes = new PolicyChanges(deps.clock, () => [...running, ...this.#open.tcp])
  }

  /** Requests and opaque connections running now. */
  get active(): number {
    return this.#open.active
  }

  get connections(): number {
    return this.#open.size
  }

  drain(): void {
    this.#open.drain()
  }

  destroy(): void {
    this.#changes.close()
    this.#open.destroy()
  }

  /** Once a second: gives up clients that take nothing of their answers. */
  sweep(nowMs: number): void {
    const stalled = this.#open.sweep(nowMs)
    if (stalled > 0) this.#deps.exchange.telemetry.count('downstream_stalled', stalled)
  }

  serve(socket: Socket, listener: Listener, arrival: Arrival): void {
    const destinationPort = arrival.destination.port
    if (!needsInspection(listener, destinationPort))
      return this.#inspected(socket, listener, arrival, undefined)
    const { clock } = this.#deps
    peek(socket, { timeoutMs: inspectionMs(listener, destinationPort), clock }, (peeked) => {
      if (peeked.kind === 'closed') return void socket.destroy()
      this.#inspected(socket, listener, arrival, peeked)
    })
  }

  #inspected(socket: Socket, listener: Listener, arrival: Arrival, peeked: Peeked | undefined): void {
    const chain = chainFor(listener, arrival.destination.port, peeked)
    const serverName = peeked?.kind === 'tls' ? peeked.hello.serverName : ''
    if (!chain) return this.#refuse(socket, this.#tcpHop({ arrival, identity: '', serverName }), NO_CHAIN)
    const passedName = passedNameOf(peeked)
    const accepted = {
      socket,
      listener,
      chain,
      arrival,
      identity: '',
      alpn: '',
      serverName,
      passedName,
      peeked,
    }
    if (!chain.tls) return this.#accepted(accepted)
    this.#deps.termination.terminate(socket, chain.tls, (result) => {
      if (!result.ok) {
        this.#deps.exchange.telemetry.count('tls_handshake_failed')
        const details = `downstream_tls{${result.reason}}`
        const hop = this.#tcpHop({ arrival, identity: '', serverName })
        return this.#record(hop, ResponseFlag.UAEX | ResponseFlag.DC, details)
      }
      const { socket: secure, identity, alpn } = result
      const asked = serverName || (secure.servername || '').toLowerCase()
      // Whoever calls writes the name of the TLS that ends here; what is passed on is inside.
      const inside = chain.network.kind === 'tcp' ? undefined : asked
      const ended = {
        socket: secure,
        identity,
        alpn,
        serverName: asked,
        passedName: inside,
        peeked: undefined,
      }
      this.#heard({ ...accepted, ...ended })
    })
  }

  /** Where the chain's steps decide by the name that is inside of TLS that ended here, that is read first. */
  #heard(accepted: Accepted): void {
    const { socket, listener, chain } = accepted
    const { clock } = this.#deps
    if (chain.network.kind !== 'tcp' || !this.stepsOf(listener, chain).some((step) => step.readsServerName))
      return this.#accepted(accepted)
    const timeoutMs = listener.detectTimeoutMs || PASSED_NAME_MS
    peek(socket, { timeoutMs, clock }, (peeked) => {
      if (peeked.kind === 'closed') return void socket.destroy()
      this.#accepted({ ...accepted, passedName: passedNameOf(peeked) })
    })
  }

  #accepted(accepted: Accepted): void {
    const { chain } = accepted
    const authorization = noAuthorization()
    if (chain.filters.length > 0 && !this.#letIn(accepted, authorization)) return
    const { network } = chain
    if (network.kind === 'tcp') return this.#serveTcp({ ...accepted, authorization }, network)
    this.#detectHttp(accepted, network)
  }

  /** Asks the chain's steps. False: the connection was refused. */
  #letIn(accepted: Accepted, authorization: AuthorizationRecord): boolean {
    const { socket, listener, chain } = accepted
    const steps = this.stepsOf(listener, chain)
    const arrived = arrivedConnection(accepted)
    for (const [i, step] of steps.entries()) {
      const refusal = step.decide(arrived, authorization)
      if (refusal) {
        this.#refuse(socket, this.#tcpHop({ ...accepted, authorization }), refusal)
        return false
      }
      // By way of the list, which the compiler knows by it to be in use.
      if (step.closed) socket.once('close', () => steps[i]?.closed?.())
    }
    return true
  }

  /** One list for all connections to the same chain. */
  readonly stepsOf = (listener: Listener, chain: FilterChain): readonly ConnectionStep[] => {
    let steps = this.#connectionSteps.get(chain)
    if (!steps) this.#connectionSteps.set(chain, (steps = this.#deps.steps.connectionSteps(listener, chain)))
    return steps
  }

  #serveTcp(accepted: Accepted, settings: TcpProxy): void {
    const { socket, listener } = accepted
    let route = this.#tcpRoutes.get(settings)
    if (!route) this.#tcpRoutes.set(settings, (route = new TcpRoute(this.#deps.tcp, settings)))
    this.begun++
    const watched = this.#deps.configuration.listener(listener.name)
    const release = this.#changes.hold(watched)
    let open: OpenTcp | undefined
    let over = false
    const finished = (): void => {
      over = true
      release()
      if (open) this.#open.deleteTcp(open)
    }
    const connection = route.serve(socket, this.#tcpHop(accepted), finished, this.#late(accepted))
    if (!connection || over) return
    const deps = { listener: watched, stepsOf: this.stepsOf }
    open = new OpenTcp(deps, socket, connection, accepted, arrivedConnection(accepted), chainFacts(accepted))
    this.#open.addTcp(open)
  }

  /**
   * How the client of an opaque connection is still looked at: where its bytes were not decisive in time, and inside
   * the TLS of a caller that offered to speak no HTTP to a port that may. Undefined: its bytes cannot change anything.
   */
  #late(accepted: Accepted): LateClient | undefined {
    const { socket, listener, chain, arrival, peeked } = accepted
    if (chain.tls) {
      const http = chooseChain(listener, {
        destinationPort: arrival.destination.port,
        serverName: '',
        transportProtocol: 'tls',
        applicationProtocols: [ALPN_LINK],
      })
      if (http?.network.kind !== 'http' || !http.match.applicationProtocols.includes(ALPN_LINK))
        return undefined
      return {
        holdMs: 0,
        takes: ({ kind }) => kind === 'http1' || kind === 'h2c',
        take: (detected) => this.#accepted({ ...accepted, chain: http, peeked: decided(detected) }),
      }
    }
    if (!peeked || peeked.kind === 'closed') return undefined
    if (peeked.kind !== 'timeout') {
      if (!peeked.open) return undefined
      // Where requests get nothing else, there is no reason to look for them.
      if (chainFor(listener, arrival.destination.port, { kind: 'http1' }) === chain) return undefined
    }
    return {
      holdMs: peeked.kind === 'timeout' && peeked.silent ? listener.detectTimeoutMs : 0,
      takes: (detected) => chainFor(listener, arrival.destination.port, decided(detected)) !== chain,
      take: (detected) => this.#inspected(socket, listener, arrival, decided(detected)),
    }
  }

  #detectHttp(accepted: Accepted, manager: HttpConnectionManager): void {
    const { socket, alpn, peeked } = accepted
    if (manager.codec !== 'auto') return this.#serveHttp(accepted, manager, manager.codec === 'http2')
    if (peeked?.kind === 'http1' || peeked?.kind === 'h2c')
      return this.#serveHttp(accepted, manager, peeked.kind === 'h2c')
    if (alpn !== '' && alpn !== ALPN_TCP) return this.#serveHttp(accepted, manager, alpn.endsWith('h2'))
    const refuse = (): void => {
      const details = alpn === ALPN_TCP ? 'opaque_connection_to_http_chain' : 'no_http'
      this.#refuse(socket, this.#tcpHop(accepted), { flags: ResponseFlag.DPE, details })
    }
    if (peeked?.kind === 'tls') return refuse()
    // Nothing told yet which HTTP it is: the first bytes do. A bad request gets HTTP/1.1's 400; whoever speaks
    // another protocol, TLS or a broken HTTP/2 (RFC 9113 section 3.4), would not understand that.
    const timeoutMs = manager.requestHeadersTimeoutMs || 60_000
    peek(socket, { timeoutMs, inspectTls: false, clock: this.#deps.clock }, (seen) => {
      if (seen.kind === 'closed') return void socket.destroy()
      if (seen.kind === 'opaque' && (seen.text || alpn === ALPN_TCP)) return refuse()
      this.#serveHttp(accepted, manager, seen.kind === 'h2c')
    })
  }

  #serveHttp(accepted: Accepted, settings: HttpConnectionManager, http2: boolean): void {
    const { socket, listener, chain, arrival, identity, alpn } = accepted
    const watched = this.#deps.configuration.listener(listener.name)
    const current = new CurrentManager(
      watched,
      listener,
      chain,
      settings,
      this.managerOf,
      chainFacts(accepted, http2),
      arrival.direction === 'inbound',
      (now, bytes) =>
        stepsOfBytes(
          this.stepsOf(now, bytes).filter(({ authorizes }) => authorizes),
          arrivedConnection(accepted),
        ),
    )
    const release = this.#changes.hold(watched)
    const hop: Hop = {
      direction: arrival.direction,
      original: arrival.original,
      destination: arrival.destination,
      downstream: arrival.downstream,
      sourceIdentity: identity,
      localIdentity: this.#deps.localIdentity(),
      serverName: accepted.serverName,
      tls: alpn !== '' || identity !== '' || accepted.chain.tls !== undefined,
      http2,
      link: alpn === ALPN_LINK,
    }
    const deps = this.#deps.exchange
    const handler: ServerHandler = {
      onRequest: (stream: ServerStream, head: RequestHead, end: boolean): BodyReader => {
        this.begun++
        const exchange = new Exchange(deps, current, hop, stream, head, end)
        exchange.start()
        return exchange
      },
      onRefused(status: number, code: string): void {
        const record = newRecord(hop, NO_HEAD, deps.configVersion(), deps.clock.now())
        record.flags = ResponseFlag.DPE
        record.status = status
        record.details = `downstream_protocol_error{${code}}`
        deps.telemetry.requestStarted(hop.direction)
        deps.telemetry.requestFinished(record, NO_HEAD)
      },
      onClose: (): void => {
        current.close()
        release()
        hop.own?.destroy()
        hop.named?.destroy()
        this.#open.deleteHttp(connection)
      },
    }
    const { headLimits, idleTimeoutMs, keepAlive } = settings
    const link = hop.link && identity !== ''
    const transport = (this.#deps.createTransport ?? createTransport)(socket)
    const connection = http2
      ? serveHttp2(transport, handler, {
          maxConcurrentStreams: settings.maxConcurrentStreams,
          idleTimeoutMs,
          headLimits: link ? linkLimits(headLimits) : headLimits,
          onPeer: link ? (workload) => (hop.peer = workload) : undefined,
          keepAlive: keepAlive ?? (link ? LINK_SERVER_KEEP_ALIVE : undefined),
          ...(link ? LINK_LIMITS : {}),
        })
      : serveHttp1(transport, handler, {
          scheme: alpn === '' && identity === '' ? 'http' : 'https',
          headersTimeoutMs: settings.requestHeadersTimeoutMs,
          idleTimeoutMs,
          keepHalfClosed: settings.keepHalfClosed,
          headLimits,
        })
    this.#open.addHttp(connection, transport, settings.streamIdleTimeoutMs, this.#deps.clock.now())
  }

  /** One for all connections to the same settings. */
  readonly managerOf: ManagerOf = (listener, chain, settings) => {
    let manager = this.#managers.get(settings)
    if (manager) return manager
    const { route } = settings
    const routes =
      route.kind === 'rds' ? this.#deps.configuration.route(route.name) : new Watched(route.config)
    manager = { settings, routes, steps: this.#deps.steps.requestSteps(listener, chain, settings) }
    this.#managers.set(settings, manager)
    return manager
  }

  #tcpHop({ arrival, identity, serverName, authorization }: Refused): TcpHop {
    return {
      direction: arrival.direction,
      original: arrival.original,
      destination: arrival.destination,
      downstream: arrival.downstream,
      sourceIdentity:
        identity === '' && arrival.direction === 'outbound' ? this.#deps.localIdentity() : identity,
      serverName,
      ...(authorization && { authorization }),
    }
  }

  #refuse(socket: Socket, hop: TcpHop, { flags, details, delayMs = 0, reset }: Refusing): void {
    socket.on('error', ignore)
    if (delayMs > 0) {
      const cancel = this.#deps.clock.after(delayMs, () => socket.destroy())
      socket.once('close', cancel)
    } else if (reset) resetSocket(socket)
    else socket.destroy()
    this.#record(hop, flags, details)
  }

  #record(hop: TcpHop, flags: number, details: string): void {
    const record = newConnectionRecord(hop, '', this.#deps.clock.now())
    record.flags = flags
    record.details = details
    this.#deps.exchange.telemetry.connectionFinished(record)
  }
}

type Refused = Pick<Accepted, 'arrival' | 'identity' | 'serverName' | 'authorization'>
type Refusing = Pick<Refusal, 'flags' | 'details'> & Partial<Refusal>

function arrivedConnection({ arrival, identity, alpn, passedName }: Accepted): ArrivedConnection {
  const { direction, downstream, destination } = arrival
  return {
    direction,
    downstream,
    destinationAddress: destination.host,
    destinationPort: destination.port,
    serverName: passedName,
    sourceIdentity: identity,
    alpn,
  }
}

/** Undefined: nobody listened, nothing came in time, or it could not be read to its end. */
function passedNameOf(peeked: Peeked | undefined): string | undefined {
  if (!peeked || peeked.kind === 'closed' || peeked.kind === 'timeout') return undefined
  if (peeked.kind === 'tls') return peeked.hello.serverName
  return peeked.kind === 'opaque' && peeked.unreadHello ? undefined : ''
}

/** By what a chain of a later listener is chosen for it. `http2`: undefined for opaque bytes. */
function chainFacts({ arrival, chain, alpn, serverName, peeked }: Accepted, http2?: boolean): ChainFacts {
  const hello = peeked?.kind === 'tls' ? peeked.hello : undefined
  const spoken = http2 === undefined ? [] : [http2 ? 'h2c' : 'http/1.1']
  return {
    destinationPort: arrival.destination.port,
    serverName,
    transportProtocol: chain.tls || hello ? 'tls' : 'raw_buffer',
    applicationProtocols: alpn !== '' ? [alpn] : (hello?.alpn ?? spoken),
  }
}

const NO_CHAIN: Refusing = { flags: ResponseFlag.NR, details: 'filter_chain_not_found' }

function ignore(): void {}

function decided(detected: Detected): Peeked {
  return detected.kind === 'more' ? { kind: 'timeout', silent: false } : detected
}

/** Thrown by wiring when a listener cannot be bound. */
export function listenError(address: string, cause: NodeJS.ErrnoException): WeftError {
  const hint =
    cause.code === 'EADDRINUSE'
      ? 'another process listens there'
      : cause.code === 'EACCES'
        ? 'the port needs privileges'
        : cause.message
  return new WeftError('listener.bind', `cannot listen on ${address}: ${hint}`, { cause })
}
