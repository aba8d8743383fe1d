import type { Socket } from 'node:net'
import { ALPN_LINK, ALPN_TCP } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { Watched, type Watchable } from '../../core/watched.ts'
import { Exchange } from '../exchange/exchange.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { ExchangeDependencies, Hop } from '../exchange/hop.ts'
import { newRecord } from '../exchange/record.ts'
import type { RequestHead } from '../http/message.ts'
import type { BodyReader, ServerConnection, ServerHandler, ServerStream } from '../http/stream.ts'
import { serveHttp1 } from '../http1/server.ts'
import { LINK_SLACK_BYTES, LINK_SLACK_FIELDS, MAX_HEADER_FIELDS } from '../http2/options.ts'
import { serveHttp2 } from '../http2/server.ts'
import type { Configuration } from '../model/configuration.ts'
import type { FilterChain, HttpConnectionManager, Listener } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import { newConnectionRecord, TcpRoute, type TcpDependencies, type TcpHop } from '../tcp/tcp-route.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { Transport } from '../transport/transport.ts'
import { peek, type Peeked } from '../transport/peek.ts'
import { createTransport } from '../transport/socket-transport.ts'
import { chooseChain, needsInspection } from './chain-match.ts'
import type { TlsTermination } from './tls-termination.ts'

export interface ConnectionDependencies {
  readonly configuration: Configuration
  readonly exchange: ExchangeDependencies
  readonly tcp: TcpDependencies
  readonly termination: TlsTermination
  /** This workload's SPIFFE ID, or ''. */
  readonly localIdentity: () => string
}

export interface Arrival {
  readonly direction: 'outbound' | 'inbound'
  readonly original: Destination | undefined
  readonly destinationPort: number
  readonly downstream: string
}

// A link carries the callers of a whole pod: what one of them cancels must not end it for the others. Its peer is
// a sidecar with a certificate, which bounds its own callers as any server does: without one it is anybody.
const LINK_LIMITS = {
  abandonedBurst: 1_000_000,
  abandonedPerSecond: 100_000,
  maxHeaderFields: MAX_HEADER_FIELDS + LINK_SLACK_FIELDS,
}

// Of a request that could not be read.
const NO_HEAD: RequestHead = { method: '', scheme: '', authority: '', path: '', fields: [], upgrade: '' }

/** How the output of a connection moves. */
interface Flow {
  readonly transport: Transport
  /** At the last sweep that saw it move, and when that was. */
  taken: number
  movedAt: number
  readonly limitMs: number
}

/**
 * From an accepted socket to the engine that serves it: inspect, choose a filter chain, end TLS, detect,
 * hand over. Keeps what is open, so that it can be drained.
 */
export class ConnectionServer {
  readonly #deps: ConnectionDependencies
  readonly #http = new Map<ServerConnection, Flow>()
  readonly #tcp = new Set<Socket>()
  readonly #tcpRoutes = new WeakMap<object, TcpRoute>()
  readonly #inlineRoutes = new WeakMap<object, Watchable<RouteConfiguration>>()
  /** Requests and opaque connections that ever began. */
  begun = 0
  #draining = false

  constructor(deps: ConnectionDependencies) {
    this.#deps = deps
  }

  /** Requests and opaque connections running now. */
  get active(): number {
    let active = this.#tcp.size
    for (const connection of this.#http.keys()) active += connection.active
    return active
  }

  get connections(): number {
    return this.#http.size + this.#tcp.size
  }

  drain(): void {
    this.#draining = true
    for (const connection of [...this.#http.keys()]) connection.drain()
  }

  destroy(): void {
    for (const connection of [...this.#http.keys()]) connection.destroy()
    for (const socket of [...this.#tcp]) socket.destroy()
  }

  /**
   * Once a second: gives up clients that take nothing of their answers, for as long as a stream may be idle. A
   * running request is watched by itself; this is for what is left of it in our buffers after its end.
   */
  sweep(nowMs: number): void {
    for (const [connection, flow] of this.#http) {
      if (flow.limitMs === 0) continue
      connection.sweep?.(nowMs, flow.limitMs)
      const taken = flow.transport.taken ?? 0
      if (flow.transport.pending === 0 || taken !== flow.taken) {
        flow.taken = taken
        flow.movedAt = nowMs
      } else if (nowMs - flow.movedAt >= flow.limitMs) {
        this.#deps.exchange.telemetry.count('downstream_stalled')
        connection.destroy('stalled')
      }
    }
  }

  serve(socket: Socket, listener: Listener, arrival: Arrival): void {
    if (!needsInspection(listener, arrival.destinationPort))
      return this.#inspected(socket, listener, arrival, undefined)
    peek(socket, listener.detectTimeoutMs, (peeked) => {
      if (peeked.kind === 'closed') return void socket.destroy()
      this.#inspected(socket, listener, arrival, peeked)
    })
  }

  #inspected(socket: Socket, listener: Listener, arrival: Arrival, peeked: Peeked | undefined): void {
    const hello = peeked?.kind === 'tls' ? peeked.hello : undefined
    const chain = chooseChain(listener, {
      destinationPort: arrival.destinationPort,
      serverName: hello?.serverName ?? '',
      transportProtocol: hello ? 'tls' : 'raw_buffer',
      applicationProtocols: hello?.alpn ?? detectedProtocols(peeked),
    })
    if (!chain) return this.#refuse(socket, arrival, ResponseFlag.NR, 'filter_chain_not_found')
    if (!chain.tls) return this.#plain(socket, chain, arrival, '', '', peeked)
    this.#deps.termination.terminate(socket, chain.tls, (result) => {
      if (!result.ok) {
        this.#deps.exchange.telemetry.count('tls_handshake_failed')
        return this.#record(arrival, ResponseFlag.UAEX | ResponseFlag.DC, `downstream_tls{${result.reason}}`)
      }
      this.#plain(result.socket, chain, arrival, result.identity, result.alpn, undefined)
    })
  }

  #plain(
    socket: Socket,
    chain: FilterChain,
    arrival: Arrival,
    identity: string,
    alpn: string,
    peeked: Peeked | undefined,
  ): void {
    const network = chain.network
    if (network.kind === 'tcp' || alpn === ALPN_TCP) {
      if (network.kind === 'http')
        return this.#refuse(socket, arrival, ResponseFlag.DPE, 'opaque_connection_to_http_chain')
      let route = this.#tcpRoutes.get(network)
      if (!route) {
        route = new TcpRoute(this.#deps.tcp, network)
        this.#tcpRoutes.set(network, route)
      }
      this.begun++
      this.#tcp.add(socket)
      return route.serve(socket, this.#tcpHop(arrival, identity), () => this.#tcp.delete(socket))
    }
    if (network.codec !== 'auto')
      return this.#serveHttp(socket, network, arrival, identity, alpn, network.codec === 'http2')
    if (alpn !== '') return this.#serveHttp(socket, network, arrival, identity, alpn, alpn.endsWith('h2'))
    if (peeked?.kind === 'http1' || peeked?.kind === 'h2c')
      return this.#serveHttp(socket, network, arrival, identity, alpn, peeked.kind === 'h2c')
    // Nothing told yet which HTTP it is: the first bytes do. A bad request gets HTTP/1.1's 400; whoever speaks
    // another protocol, or a broken HTTP/2 (RFC 9113 section 3.4), would not understand that.
    peek(socket, network.requestHeadersTimeoutMs || 60_000, (seen) => {
      if (seen.kind === 'closed') return void socket.destroy()
      if (seen.kind === 'opaque' && seen.text)
        return this.#refuse(socket, arrival, ResponseFlag.DPE, 'no_http')
      this.#serveHttp(socket, network, arrival, identity, alpn, seen.kind === 'h2c')
    })
  }

  #serveHttp(
    socket: Socket,
    manager: HttpConnectionManager,
    arrival: Arrival,
    identity: string,
    alpn: string,
    http2: boolean,
  ): void {
    const hop: Hop = {
      direction: arrival.direction,
      manager,
      routes: this.#routes(manager),
      original: arrival.original,
      downstream: arrival.downstream,
      sourceIdentity: identity,
      localIdentity: this.#deps.localIdentity(),
      http2,
      link: alpn === ALPN_LINK,
    }
    // Its routes are in use as long as it is open, and stay current.
    const unwatch = hop.routes.watch(ignore)
    const deps = this.#deps.exchange
    const connections = this.#http
    const handler: ServerHandler = {
      onRequest: (stream: ServerStream, head: RequestHead, end: boolean): BodyReader => {
        this.begun++
        const exchange = new Exchange(deps, hop, stream, head, end)
        exchange.start()
        return exchange
      },
      onRefused(status: number, code: string): void {
        const record = newRecord(hop, NO_HEAD, deps.configVersion())
        record.flags = ResponseFlag.DPE
        record.status = status
        record.details = `downstream_protocol_error{${code}}`
        deps.telemetry.requestStarted(hop.direction)
        deps.telemetry.requestFinished(record)
      },
      onClose(): void {
        unwatch()
        connections.delete(connection)
      },
    }
    const transport = createTransport(socket)
    const connection = http2
      ? serveHttp2(transport, handler, {
          maxConcurrentStreams: manager.maxConcurrentStreams,
          maxHeaderBytes: manager.maxRequestHeadersKiB * 1024 + (hop.link ? LINK_SLACK_BYTES : 0),
          ...(hop.link && identity !== '' ? LINK_LIMITS : {}),
        })
      : serveHttp1(transport, handler, {
          scheme: alpn === '' && identity === '' ? 'http' : 'https',
          headersTimeoutMs: manager.requestHeadersTimeoutMs,
          idleTimeoutMs: manager.idleTimeoutMs,
          maxHeaderBytes: manager.maxRequestHeadersKiB * 1024,
        })
    const limitMs = manager.streamIdleTimeoutMs
    connections.set(connection, { transport, taken: 0, movedAt: performance.now(), limitMs })
    if (this.#draining) connection.drain()
  }

  #routes(manager: HttpConnectionManager): Watchable<RouteConfiguration | null | undefined> {
    if (manager.route.kind === 'rds') return this.#deps.configuration.route(manager.route.name)
    let routes = this.#inlineRoutes.get(manager)
    if (!routes) {
      routes = new Watched(manager.route.config)
      this.#inlineRoutes.set(manager, routes)
    }
    return routes
  }

  #tcpHop(arrival: Arrival, identity: string): TcpHop {
    return {
      direction: arrival.direction,
      original: arrival.original,
      downstream: arrival.downstream,
      sourceIdentity:
        identity === '' && arrival.direction === 'outbound' ? this.#deps.localIdentity() : identity,
    }
  }

  #refuse(socket: Socket, arrival: Arrival, flags: number, details: string): void {
    socket.on('error', () => {})
    socket.destroy()
    this.#record(arrival, flags, details)
  }

  #record(arrival: Arrival, flags: number, details: string): void {
    const record = newConnectionRecord(this.#tcpHop(arrival, ''), '')
    record.flags = flags
    record.details = details
    this.#deps.exchange.telemetry.connectionFinished(record)
  }
}

function ignore(): void {}

function detectedProtocols(peeked: Peeked | undefined): readonly string[] {
  if (peeked?.kind === 'http1') return ['http/1.1']
  if (peeked?.kind === 'h2c') return ['h2c']
  return []
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
