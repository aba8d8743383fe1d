import type { MessageType } from '../../core/xds/codec.ts'
import {
  DownstreamTlsContext,
  HttpConnectionManager,
  HttpInspector,
  PreviousHostsPredicate,
  Router,
  TcpProxy,
  TlsInspector,
  UpstreamHttpOptions,
  UpstreamTlsContext,
} from '../../core/xds/generated/envoy.js'
import { typeNameOf } from '../../core/xds/type-urls.ts'

const NESTED: readonly MessageType<unknown>[] = [
  DownstreamTlsContext,
  HttpConnectionManager,
  HttpInspector,
  PreviousHostsPredicate,
  Router,
  TcpProxy,
  TlsInspector,
  UpstreamHttpOptions,
  UpstreamTlsContext,
]
const BY_NAME = new Map(NESTED.map((type) => [type.typeName, type]))

/**
 * A resource as plain JSON for people: what is packed in an Any is unfolded as `{"@type": ..., ...}`.
 * Durations stand as milliseconds. Holds no secret: certificates are named, not carried.
 */
export function readable(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== 'object' || value === null) return value
  if ('typeUrl' in value && typeof value.typeUrl === 'string' && 'value' in value) {
    const type = BY_NAME.get(typeNameOf(value.typeUrl))
    if (type && value.value instanceof Uint8Array) {
      return { '@type': type.typeName, ...(readable(type.decode(value.value)) as object) }
    }
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([key, part]) => [key, readable(part)]),
  )
}
