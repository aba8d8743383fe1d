import { unpackAny, type AnyValue } from './any.ts'
import { isMessageType, type Field, type MessageType } from './codec.ts'
import { Any } from './generated/envoy.js'
import { messageType } from './message-types.ts'
import { typeNameOf } from './type-urls.ts'
import type { JsonObject, JsonValue } from './well-known.ts'

type Values = Readonly<Record<string, unknown>>

/** What stands in place of a field; undefined: the field itself. */
export type Replacement = (type: MessageType<unknown>, field: Field, value: unknown) => JsonValue | undefined

/**
 * A message by protobuf's JSON mapping (protobuf.dev, "ProtoJSON Format"): fields in lowerCamelCase, durations as
 * `1.5s`, 64-bit integers as text, bytes in base64, an Any of a type that this build knows as
 * `{"@type": url, ...fields}`. A file may hold it as it is.
 */
export function toJson(
  type: MessageType<unknown>,
  message: object,
  replace: Replacement = () => undefined,
): JsonObject {
  const json: Record<string, JsonValue> = {}
  for (const [key, value] of Object.entries(message)) {
    const field = type.fields.byName.get(key)
    if (!field || value === undefined) continue
    json[key] = replace(type, field, value) ?? fieldJson(field, value, replace)
  }
  return json
}

function fieldJson(field: Field, value: unknown, replace: Replacement): JsonValue {
  const one = (item: unknown): JsonValue => valueJson(field, item, replace)
  if (field.repeated) return (value as readonly unknown[]).map(one)
  // Not an assignment for each: a key `__proto__` would change the object's prototype.
  if (field.map)
    return Object.fromEntries(Object.entries(value as Values).map(([key, item]) => [key, one(item)]))
  return one(value)
}

function valueJson({ type }: Field, value: unknown, replace: Replacement): JsonValue {
  if (type === Any) return anyJson(value as AnyValue, replace)
  if (isMessageType(type)) return toJson(type, value as object, replace)
  if (type === 'duration') return durationJson(value as number)
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value as JsonValue
}

function anyJson(any: AnyValue, replace: Replacement): JsonValue {
  const { typeUrl = '', value = new Uint8Array(0), unpacked } = any
  const type = unpacked?.type ?? messageType(typeNameOf(typeUrl))
  if (!type) return { '@type': typeUrl, value: Buffer.from(value).toString('base64') }
  const message = unpacked?.message ?? (unpackAny(any, type) as object)
  return { '@type': typeUrl, ...toJson(type, message, replace) }
}

/** Milliseconds to seconds, exact to the nanosecond. */
function durationJson(ms: number): string {
  return `${(ms / 1000).toFixed(9).replace(/\.?0+$/, '')}s`
}
