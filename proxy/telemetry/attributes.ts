import { grpcStatusName } from '../../core/grpc-status.ts'
import type { KeyValue } from '../../core/xds/generated/otlp.js'
import { field, type RequestHead } from '../http/message.ts'
import type { ConnectionRecord, RequestRecord, TryRecord } from '../exchange/telemetry-sink.ts'
import { parseDestination } from '../transport/original-destination.ts'
import { integer, text } from './resource.ts'
import type { WeftAttribute } from '../../core/weft-attributes.ts'

// Attributes by OpenTelemetry's conventions that spans and log records share.

// Characters of a text that a caller chose. Thousands of spans may wait for a collector.
const LONGEST_TEXT = 1024
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

export function own(key: WeftAttribute, value: string): KeyValue {
  return asked(key, value)
}

/** What was asked for. */
export function requestOf(record: RequestRecord): KeyValue[] {
  const { authority, direction, grpc, protocol, scheme, template, userAgent } = record
  const client = direction === 'outbound'
  const [path = '', query] = record.path.split('?', 2)
  const method = methodOf(record.method)
  const attributes = [
    text('http.request.method', method),
    text('url.scheme', scheme),
    asked('url.path', path),
  ]
  if (method === '_OTHER') attributes.push(asked('http.request.method_original', record.method))
  if (query !== undefined) attributes.push(text('url.query', REDACTED))
  if (client && authority !== '')
    attributes.push(
      asked('url.full', `${scheme}://${authority}${path}${query === undefined ? '' : `?${REDACTED}`}`),
    )
  if (template !== '') attributes.push(asked(client ? 'url.template' : 'http.route', template))
  attributes.push(
    ...addressOf('server', authority, client ? PORTS[scheme] : undefined),
    text('network.protocol.version', protocol.slice('HTTP/'.length)),
  )
  if (userAgent !== '') attributes.push(asked('user_agent.original', userAgent, LONGEST_WORD))
  if (grpc) {
    const called = rpcMethodOf(record)
    attributes.push(text('rpc.system.name', 'grpc'), asked('rpc.method', called))
    if (called === '_OTHER') attributes.push(asked('rpc.method_original', path.slice(1)))
  }
  return attributes
}

/** Where the caller's connection came from and was going to. */
export function receivedBy(
  record: Pick<ConnectionRecord, 'direction' | 'downstream' | 'destinationAddress' | 'destinationPort'>,
): KeyValue[] {
  const attributes: KeyValue[] = []
  if (record.direction === 'inbound' && record.downstream !== '') {
    const { host, port } = parseDestination(record.downstream)
    attributes.push(text('client.address', host), text('network.peer.address', host))
    attributes.push(integer('network.peer.port', port))
  }
  if (record.destinationAddress !== '') {
    attributes.push(text('network.local.address', record.destinationAddress))
    attributes.push(integer('network.local.port', record.destinationPort))
  }
  return attributes
}

/** Whom it went to; `peer`: of a client's span, whose peer that is. */
export function endpointOf(
  { cluster, upstream, upstreamWorkload }: Pick<TryRecord, 'cluster' | 'upstream' | 'upstreamWorkload'>,
  peer: boolean,
): KeyValue[] {
  return [
    ...(cluster === '' ? [] : [own('weft.backend', cluster)]),
    ...(upstream === '' ? [] : [own('weft.endpoint', upstream)]),
    ...(upstream === '' || !peer ? [] : addressOf('network.peer', upstream)),
    ...(upstreamWorkload === '' ? [] : [own('weft.upstream_workload', upstreamWorkload)]),
  ]
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
export function rpcStatusOf(grpcStatus: number): KeyValue[] {
  if (grpcStatus < 0) return []
  return [text('rpc.response.status_code', grpcStatusName(grpcStatus) ?? String(grpcStatus))]
}

/** An attribute from a request, cut to `longest`; a string of its own, as a slice would keep the whole head alive. */
export function asked(key: string, value: string, longest = LONGEST_TEXT): KeyValue {
  return text(key, Buffer.from(value.slice(0, longest), 'latin1').toString('latin1'))
}

/** `<prefix>.address` and `<prefix>.port` of `host`, `host:port` or `[v6]:port`. */
function addressOf(prefix: string, authority: string, otherwise?: number): KeyValue[] {
  if (authority === '') return []
  const [, host = authority, port = otherwise] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? []
  const address = asked(`${prefix}.address`, host.replace(/^\[(.*)\]$/, '$1'))
  return port === undefined ? [address] : [address, integer(`${prefix}.port`, Number(port))]
}

/** The field by which logs of all hops are told to be of one request; undefined: it has none. */
export function requestIdOf({ fields }: RequestHead): string | undefined {
  return field(fields, 'x-request-id')?.slice(0, LONGEST_WORD)
}
