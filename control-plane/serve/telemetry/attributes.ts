import { WEFT_ATTRIBUTES } from '../../../core/weft-attributes.ts'
import type { AnyValue, KeyValue } from '../../../core/xds/generated/otlp.js'

export type AttributeValue = string | number | boolean
/** Without a prototype: a key may be any text. */
export type Attributes = Readonly<Record<string, AttributeValue>>

export const MAX_VALUE = 1024

/**
 * What a sidecar says of the requests that it counts (proxy/telemetry/request-families.ts); one of the version before says
 * `http.route`, `weft.cluster` and `rpc.grpc.status_code`.
 */
export const METRIC_ATTRIBUTES: ReadonlySet<string> = new Set([
  'error.type',
  'http.request.method',
  'http.response.status_code',
  'http.route',
  'network.protocol.version',
  'rpc.grpc.status_code',
  'rpc.method',
  'rpc.response.status_code',
  'rpc.system.name',
  'server.address',
  'server.port',
  'url.scheme',
  'weft.backend',
  'weft.cluster',
  'weft.destination_identity',
  'weft.destination_namespace',
  'weft.destination_service',
  'weft.destination_version',
  'weft.destination_workload',
  'weft.mtls',
  'weft.response_flags',
  'weft.route',
  'weft.source_identity',
  'weft.source_namespace',
  'weft.source_version',
  'weft.source_workload',
])

/** And of one request, in a span (proxy/telemetry/span.ts). */
export const SPAN_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...METRIC_ATTRIBUTES,
  ...Object.keys(WEFT_ATTRIBUTES),
  'client.address',
  'error.type',
  'http.request.body.size',
  'http.request.method_original',
  'http.request.resend_count',
  'http.response.body.size',
  'network.local.address',
  'network.local.port',
  'network.peer.address',
  'network.peer.port',
  'network.protocol.version',
  'network.transport',
  'rpc.method',
  'rpc.method_original',
  'rpc.response.status_code',
  'rpc.system.name',
  'server.address',
  'server.port',
  'tls.client.server_name',
  'url.full',
  'url.path',
  'url.query',
  'url.scheme',
  'url.template',
  'user_agent.original',
])

/** What is kept of a reporter's attributes: the first of each known key, its text shortened to MAX_VALUE. */
export function readAttributes(
  list: readonly KeyValue[] | undefined,
  known: ReadonlySet<string>,
): Attributes {
  const attributes: Record<string, AttributeValue> = Object.create(null)
  for (const { key = '', value } of list ?? []) {
    if (!known.has(key) || key in attributes) continue
    const plain = plainValue(value)
    if (plain !== undefined) attributes[key] = plain
  }
  return attributes
}

/** The text of an attribute; '' where there is none, or it is no text. */
export function textOf(attributes: Attributes, key: string): string {
  const value = attributes[key]
  return typeof value === 'string' ? value : ''
}

/** The rule of a route that a request followed, `HTTPRoute/shop/catalog/0`, or ''. */
export function ruleOf(attributes: Attributes): string {
  return textOf(attributes, 'weft.route') || textOf(attributes, 'http.route')
}

export function numberOf(attributes: Attributes, key: string): number | undefined {
  const value = attributes[key]
  return typeof value === 'number' ? value : undefined
}

/** At most `length` characters, never half of one. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`.toWellFormed()
}

/** Lists, maps and bytes are not kept: nothing that Weft shows has them. */
function plainValue(value: AnyValue | undefined): AttributeValue | undefined {
  if (value?.stringValue !== undefined) return shorten(value.stringValue, MAX_VALUE)
  if (value?.boolValue !== undefined) return value.boolValue
  if (value?.intValue !== undefined) return Number(value.intValue)
  // JSON knows no infinity.
  if (value?.doubleValue !== undefined && Number.isFinite(value.doubleValue)) return value.doubleValue
  return undefined
}
