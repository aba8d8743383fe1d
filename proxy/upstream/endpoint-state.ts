import { ALPN_LINK } from '../../core/contract.ts'
import type { ClientHandler } from '../http/stream.ts'
import { connectHttp1 } from '../http1/client.ts'
import { connectHttp2 } from '../http2/client.ts'
import { LINK_SLACK_BYTES, LINK_SLACK_FIELDS, MAX_HEADER_BYTES, MAX_HEADER_FIELDS } from '../http2/options.ts'
import type { Cluster, Endpoint } from '../model/cluster.ts'
import type { UpstreamTls } from '../model/tls.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import { createTransport } from '../transport/socket-transport.ts'
import type { ConnectTarget, Connector } from './connector.ts'
import { HttpPool, type OpenConnection } from './http-pool.ts'

const LINK_LIMITS = {
  maxHeaderBytes: MAX_HEADER_BYTES + LINK_SLACK_BYTES,
  maxHeaderFields: MAX_HEADER_FIELDS + LINK_SLACK_FIELDS,
}

/** One endpoint of one cluster while it is known, with its connections. Survives updates that keep its address. */
export class EndpointState {
  endpoint: Endpoint
  /** Requests and TCP connections running now. */
  active = 0
  readonly address: string
  readonly #cluster: Cluster
  readonly #connector: Connector
  readonly tls: UpstreamTls | undefined
  #http1: HttpPool | undefined
  #http2: HttpPool | undefined

  /** `self`: this very pod, whose inbound port is not in the way of our own connections. */
  constructor(endpoint: Endpoint, cluster: Cluster, connector: Connector, self: boolean) {
    this.endpoint = endpoint
    this.address = `${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`
    this.#cluster = cluster
    this.#connector = connector
    this.tls = self ? undefined : upstreamTls(cluster, endpoint)
  }

  /** The pool for a request that came as HTTP/2 or not. Over TLS the handshake decides and both share one. */
  pool(http2: boolean): HttpPool {
    const wantsHttp2 = this.tls
      ? this.tls.alpn.some((protocol) => protocol === ALPN_LINK || protocol === 'h2')
      : this.#cluster.http === 'http2' || (this.#cluster.http === 'downstream' && http2)
    if (wantsHttp2) return (this.#http2 ??= this.#createPool(true))
    return (this.#http1 ??= this.#createPool(false))
  }

  /** What to connect to, for opaque TCP. */
  target(purpose: 'http' | 'tcp'): ConnectTarget {
    return {
      host: this.endpoint.address,
      port: this.endpoint.port,
      tls: this.tls,
      identity: this.endpoint.identity,
      purpose,
      timeoutMs: this.#cluster.connectTimeoutMs,
    }
  }

  get connections(): number {
    return (this.#http1?.size ?? 0) + (this.#http2?.size ?? 0)
  }

  get idle(): boolean {
    return this.active === 0 && (this.#http1?.idle ?? true) && (this.#http2?.idle ?? true)
  }

  renew(): void {
    this.#http1?.renew()
    this.#http2?.renew()
  }

  close(): void {
    this.#http1?.close()
    this.#http2?.close()
  }

  destroy(): void {
    this.#http1?.destroy()
    this.#http2?.destroy()
  }

  #createPool(multiplexed: boolean): HttpPool {
    const idleTimeoutMs = this.#cluster.idleTimeoutMs
    const open: OpenConnection = (handler: ClientHandler, done) =>
      this.#connector(this.target('http'), (connected, failure) => {
        if (!connected) return done(undefined, undefined, failure)
        const http2 = connected.alpn === '' ? multiplexed && !this.tls : connected.alpn.endsWith('h2')
        // The end of the connection may be the end of an answer.
        if (!http2) refuseTruncation(connected.socket)
        const transport = createTransport(connected.socket)
        const codec = http2
          ? connectHttp2(transport, handler, connected.alpn === ALPN_LINK ? LINK_LIMITS : {})
          : connectHttp1(transport, handler, { idleTimeoutMs })
        done(codec, connected, undefined)
      })
    const { maxConnections, maxPendingRequests } = this.#cluster.limits
    return new HttpPool({ maxConnections, maxPending: maxPendingRequests, multiplexed }, open)
  }
}

/** Envoy's transport_socket_matches: the first whose every key the endpoint has, else the cluster's own. */
export function upstreamTls(cluster: Cluster, endpoint: Endpoint): UpstreamTls | undefined {
  for (const match of cluster.tlsMatches) {
    const hit = Object.entries(match.metadata).every(([key, value]) => endpoint.transportMatch[key] === value)
    if (hit) return match.tls
  }
  return cluster.tls
}
