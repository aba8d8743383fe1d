import { isEnumType, type EnumType, type FieldType } from '../../core/xds/codec.ts'

/** A value of a message, or what it must be instead: follows `must be`. */
export type Read =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly must: string }

const good = (value: unknown): Read => ({ ok: true, value })
const bad = (must: string): Read => ({ ok: false, must })

/** 10,000 years, the limit of google.protobuf.Duration. */
const MAX_SECONDS = 315_576_000_000

const INTEGERS: Readonly<Record<string, readonly [least: bigint, most: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}
/** Other names of one range: wrappers, and encodings that differ on the wire only. */
const SAME: Readonly<Record<string, string>> = {
  sint32: 'int32',
  sfixed32: 'int32',
  Int32Value: 'int32',
  fixed32: 'uint32',
  UInt32Value: 'uint32',
  sint64: 'int64',
  sfixed64: 'int64',
  Int64Value: 'int64',
  fixed64: 'uint64',
  UInt64Value: 'uint64',
  BoolValue: 'bool',
  StringValue: 'string',
  BytesValue: 'bytes',
  DoubleValue: 'double',
  FloatValue: 'double',
  float: 'double',
}

/**
 * A scalar as protobuf's JSON mapping has it (protobuf.dev, "ProtoJSON Format"): enumerations by name or number,
 * 64-bit integers as numbers or strings, bytes as base64, durations as `1.5s`. Durations become milliseconds.
 * Integers come as bigint.
 */
export function readScalar(raw: unknown, type: FieldType): Read {
  if (isEnumType(type)) return readEnum(raw, type)
  if (typeof type !== 'string') return bad('a mapping of fields')
  const name = SAME[type] ?? type
  switch (name) {
    case 'bool':
      return typeof raw === 'boolean' ? good(raw) : bad('true or false')
    case 'string':
      if (typeof raw !== 'string') return bad('a string: write it in quotes')
      // Lone surrogates have no UTF-8.
      return raw.isWellFormed() ? good(raw) : bad('text: it holds half of a surrogate pair')
    case 'bytes':
      return readBytes(raw)
    case 'duration':
      return readDuration(raw)
    case 'double': {
      const value = typeof raw === 'bigint' || typeof raw === 'string' ? numberOf(String(raw)) : raw
      return typeof value === 'number' && Number.isFinite(value) ? good(value) : bad('a number')
    }
    default:
      return readInteger(raw, name)
  }
}

function readInteger(raw: unknown, name: string): Read {
  const range = INTEGERS[name]
  if (!range) return bad('left out: fields of this type are not supported')
  const [least, most] = range
  const value = integerOf(raw)
  if (value === undefined || value < least || value > most)
    return bad(`a whole number from ${least} to ${most}`)
  return good(name.endsWith('64') ? value : Number(value))
}

function integerOf(raw: unknown): bigint | undefined {
  if (typeof raw === 'bigint') return raw
  if (typeof raw === 'number') return Number.isSafeInteger(raw) ? BigInt(raw) : undefined
  return typeof raw === 'string' && /^-?\d{1,20}$/.test(raw) ? BigInt(raw) : undefined
}

function numberOf(text: string): number {
  return /^-?\d/.test(text) ? Number(text) : Number.NaN
}

function readEnum(raw: unknown, type: EnumType<string>): Read {
  if (typeof raw === 'string' && type.byName.has(raw)) return good(raw)
  const known = typeof raw === 'bigint' ? type.byNumber.get(Number(raw)) : undefined
  return known === undefined ? bad(`one of ${[...type.byName.keys()].join(', ')}`) : good(known)
}

function readBytes(raw: unknown): Read {
  // Both alphabets of RFC 4648, with or without padding.
  if (typeof raw !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(raw)) return bad('base64')
  return good(new Uint8Array(Buffer.from(raw, 'base64')))
}

/** No field of the subset has a use for a negative one. */
function readDuration(raw: unknown): Read {
  const match = typeof raw === 'string' ? /^(\d{1,12})(\.\d{1,9})?s$/.exec(raw) : null
  const seconds = match ? Number(match[1]) : Number.NaN
  if (!match || !(seconds <= MAX_SECONDS)) return bad('a duration in seconds such as 0.25s or 30s')
  return good(seconds * 1000 + Number(match[2] ?? 0) * 1000)
}
