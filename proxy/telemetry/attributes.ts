import { grpcStatusName } from '../../core/grpc-status.ts'
import { field, type RequestHead } from '../http/message.ts'
import type { ConnectionRecord, RequestRecord, TryRecord } from '../exchange/telemetry-sink.ts'
import { parseDestination } from '../transport/original-destination.ts'
import type { AttributeSink } from './span-bytes.ts'
import type { WeftAttribute } from '../../core/weft-attributes.ts'

// Attributes by OpenTelemetry's conventions.

// Characters of a text that a caller chose. Thousands of spans may wait for a collector.
export const LONGEST_TEXT = 1024
const LONGEST_WORD = 256
/** Instead of a query, which may hold what nobody wants in a trace store: only that there is one is told. */
const REDACTED = 'REDACTED'

/** Those that the conventions know; any other is `_OTHER`. */
const METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])
const UNIMPLEMENTED = 12
const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

export function methodOf(method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}

/** One of the mesh's own, of few values. */
export function own(out: AttributeSink, key: WeftAttribute, value: string): void {
  out.known(key, value)
}

/** What was asked for. */
export function requestOf(
  out: AttributeSink,
  record: RequestRecord,
  direction: RequestRecord['direction'],
): void {
  const { authority, grpc, path: whole, protocol, scheme, template, userAgent } = record
  const client = direction === 'outbound'
  const query = whole.indexOf('?')
  const path = query < 0 ? whole : whole.slice(0, query)
  const method = methodOf(record.method)
  out.known('http.request.method', method)
  out.known('url.scheme', scheme)
  asked(out, 'url.path', path)
  if (method === '_OTHER') asked(out, 'http.request.method_original', record.method)
  if (query >= 0) out.known('url.query', REDACTED)
  if (client && authority !== '')
    asked(out, 'url.full', `${scheme}://${authority}${path}${query < 0 ? '' : `?${REDACTED}`}`)
  if (template !== '') out.known(client ? 'url.template' : 'http.route', template)
  addressOf(out, 'server', authority, client ? PORTS[scheme] : undefined)
  out.known('network.protocol.version', protocol === 'HTTP/2' ? '2' : protocol.slice('HTTP/'.length))
  if (userAgent !== '') asked(out, 'user_agent.original', userAgent, LONGEST_WORD)
  if (grpc) {
    const called = rpcMethodOf(record)
    out.known('rpc.system.name', 'grpc')
    asked(out, 'rpc.method', called)
    if (called === '_OTHER') asked(out, 'rpc.method_original', path.slice(1))
  }
}

/** Where the caller's connection came from and was going to. */
export function receivedBy(
  out: AttributeSink,
  record: Pick<ConnectionRecord, 'direction' | 'downstream' | 'destinationAddress' | 'destinationPort'>,
): void {
  if (record.direction === 'inbound' && record.downstream !== '') {
    const { host, port } = parseDestination(record.downstream)
    out.known('client.address', host)
    out.known('network.peer.address', host)
    out.integer('network.peer.port', port)
  }
  if (record.destinationAddress !== '') {
    out.known('network.local.address', record.destinationAddress)
    out.integer('network.local.port', record.destinationPort)
  }
}

/** Whom it went to; `peer`: of a client's span, whose peer that is. */
export function endpointOf(
  out: AttributeSink,
  { cluster, upstream, upstreamWorkload }: Pick<TryRecord, 'cluster' | 'upstream' | 'upstreamWorkload'>,
  peer: boolean,
): void {
  if (cluster !== '') own(out, 'weft.backend', cluster)
  if (upstream !== '') {
    own(out, 'weft.endpoint', upstream)
    if (peer) addressOf(out, 'network.peer', upstream)
  }
  if (upstreamWorkload !== '') own(out, 'weft.upstream_workload', upstreamWorkload)
}

/**
 * `package.Service/Method`. `_OTHER` where it is no method of the server, as far as that can be known: where it says so, and where
 * the path is no such name.
 */
export function rpcMethodOf({ answered, grpcStatus, path }: RequestRecord): string {
  if (answered && grpcStatus === UNIMPLEMENTED) return '_OTHER'
  return /^\/([^/?]+\/[^/?]+)$/.exec(path)?.[1] ?? '_OTHER'
}

/** Of a call that was answered, by name; nothing of any other. */
export function rpcStatusOf(out: AttributeSink, grpcStatus: number): void {
  if (grpcStatus >= 0) out.known('rpc.response.status_code', grpcStatusName(grpcStatus) ?? String(grpcStatus))
}

/** An attribute from a request, cut to `longest`. */
export function asked(out: AttributeSink, key: string, value: string, longest = LONGEST_TEXT): void {
  out.text(key, value.length > longest ? value.slice(0, longest) : value)
}

/** `<prefix>.address` and `<prefix>.port` of `host`, `host:port` or `[v6]:port`. */
function addressOf(
  out: AttributeSink,
  prefix: 'server' | 'network.peer',
  authority: string,
  otherwise?: number,
): void {
  if (authority === '') return
  const [, host = authority, port = otherwise] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? []
  const address = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  asked(out, prefix === 'server' ? 'server.address' : 'network.peer.address', address)
  if (port !== undefined) out.integer(prefix === 'server' ? 'server.port' : 'network.peer.port', Number(port))
}

/** The field by which logs of all hops are told to be of one request; undefined: it has none. */
export function requestIdOf({ fields }: RequestHead): string | undefined {
  return field(fields, 'x-request-id')?.slice(0, LONGEST_WORD)
}
