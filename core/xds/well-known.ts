import { WeftError } from '../errors.ts'
import { SCALARS, type ScalarName, type ValueCodec } from './scalars.ts'
import { LENGTH, VARINT, FIXED64, malformed, type Reader, type Writer } from './wire.ts'

/** google.protobuf.Struct and friends stand as plain JSON in messages. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** google.protobuf.BoolValue and friends stand as the bare value: `undefined` is unset. */
function wrapper(scalar: ScalarName): ValueCodec {
  const inner = SCALARS[scalar]
  return {
    wire: LENGTH,
    isDefault: () => false,
    read(reader) {
      let value: unknown
      each(reader, (number, wire) => {
        if (number !== 1 || wire !== inner.wire) return false
        value = inner.read(reader)
        return true
      })
      return value ?? zero(scalar)
    },
    write(writer, value) {
      const before = writer.length
      if (!inner.isDefault(value)) {
        inner.write(writer, value as never)
        writer.tag(1, inner.wire)
      }
      writer.uint32(writer.length - before)
    },
  }
}

function zero(scalar: ScalarName): unknown {
  if (scalar === 'bool') return false
  if (scalar === 'string') return ''
  if (scalar === 'bytes') return new Uint8Array(0)
  return scalar.includes('64') ? 0n : 0
}

/** Calls `take` for each field of the length-delimited message that follows; skips what it does not take. */
function each(reader: Reader, take: (number: number, wire: number) => boolean): void {
  const outer = reader.enter()
  while (!reader.done) {
    const tag = reader.uint32()
    if (tag >>> 3 === 0) throw malformed('field number 0')
    if (!take(tag >>> 3, tag & 7)) reader.skip(tag & 7)
  }
  reader.leave(outer)
}

/** 10,000 years, the limit of google.protobuf.Duration. */
const MAX_SECONDS = 315_576_000_000

/** google.protobuf.Duration stands as a number of milliseconds, exact to the nanosecond up to 104 days. */
const duration: ValueCodec = {
  wire: LENGTH,
  isDefault: () => false,
  read(reader) {
    let seconds = 0
    let nanos = 0
    each(reader, (number, wire) => {
      if (wire !== VARINT) return false
      if (number === 1) seconds = Number(BigInt.asIntN(64, reader.uint64()))
      else if (number === 2) nanos = reader.uint32() | 0
      else return false
      return true
    })
    if (Math.abs(seconds) > MAX_SECONDS || Math.abs(nanos) > 999_999_999 || seconds * nanos < 0) {
      throw malformed('duration is out of range')
    }
    return seconds * 1000 + nanos / 1e6
  },
  write(writer, value) {
    const ms = value as number
    if (typeof ms !== 'number' || !(Math.abs(ms) <= MAX_SECONDS * 1000)) {
      throw new WeftError('protobuf.invalid_value', 'not a duration in milliseconds')
    }
    let seconds = Math.trunc(ms / 1000)
    let nanos = Math.round((ms - seconds * 1000) * 1e6)
    if (Math.abs(nanos) === 1e9) {
      seconds += Math.sign(nanos)
      nanos = 0
    }
    const before = writer.length
    if (nanos !== 0) {
      SCALARS.int32.write(writer, nanos)
      writer.tag(2, VARINT)
    }
    if (seconds !== 0) {
      writer.uint64(BigInt(seconds))
      writer.tag(1, VARINT)
    }
    writer.uint32(writer.length - before)
  },
}

const MAX_JSON_DEPTH = 60

function readStruct(reader: Reader, depth: number): JsonObject {
  const object: Record<string, JsonValue> = {}
  each(reader, (number, wire) => {
    if (number !== 1 || wire !== LENGTH) return false
    let key = ''
    let value: JsonValue = null
    each(reader, (part, kind) => {
      if (kind !== LENGTH) return false
      if (part === 1) key = reader.string()
      else if (part === 2) value = readValue(reader, depth + 1)
      else return false
      return true
    })
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true })
    return true
  })
  return object
}

function readList(reader: Reader, depth: number): JsonValue[] {
  const list: JsonValue[] = []
  each(reader, (number, wire) => {
    if (number !== 1 || wire !== LENGTH) return false
    list.push(readValue(reader, depth + 1))
    return true
  })
  return list
}

function readValue(reader: Reader, depth: number): JsonValue {
  if (depth > MAX_JSON_DEPTH) throw malformed('value is nested too deeply')
  let value: JsonValue = null
  each(reader, (number, wire) => {
    if (number === 1 && wire === VARINT) {
      reader.uint32()
      value = null
    } else if (number === 2 && wire === FIXED64) value = reader.double()
    else if (number === 3 && wire === LENGTH) value = reader.string()
    else if (number === 4 && wire === VARINT) value = reader.uint32() !== 0
    else if (number === 5 && wire === LENGTH) value = readStruct(reader, depth)
    else if (number === 6 && wire === LENGTH) value = readList(reader, depth)
    else return false
    return true
  })
  return value
}

function nested(writer: Writer, write: () => void): void {
  const before = writer.length
  write()
  writer.uint32(writer.length - before)
}

function writeStruct(writer: Writer, object: JsonObject): void {
  nested(writer, () => {
    for (const key of Object.keys(object).toSorted().toReversed()) {
      nested(writer, () => {
        writeValue(writer, object[key]!)
        writer.tag(2, LENGTH)
        writer.string(key)
        writer.tag(1, LENGTH)
      })
      writer.tag(1, LENGTH)
    }
  })
}

function writeList(writer: Writer, list: readonly JsonValue[]): void {
  nested(writer, () => {
    for (const item of list.toReversed()) {
      writeValue(writer, item)
      writer.tag(1, LENGTH)
    }
  })
}

function writeValue(writer: Writer, value: JsonValue): void {
  nested(writer, () => {
    if (value === null) {
      writer.uint32(0)
      writer.tag(1, VARINT)
    } else if (typeof value === 'number') {
      writer.double(value)
      writer.tag(2, FIXED64)
    } else if (typeof value === 'string') {
      writer.string(value)
      writer.tag(3, LENGTH)
    } else if (typeof value === 'boolean') {
      writer.uint32(value ? 1 : 0)
      writer.tag(4, VARINT)
    } else if (isList(value)) {
      writeList(writer, value)
      writer.tag(6, LENGTH)
    } else {
      writeStruct(writer, value)
      writer.tag(5, LENGTH)
    }
  })
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

function json<T>(
  read: (reader: Reader, depth: number) => T,
  write: (writer: Writer, value: T) => void,
): ValueCodec {
  return {
    wire: LENGTH,
    isDefault: () => false,
    read: (reader) => read(reader, 0),
    write: write as ValueCodec['write'],
  }
}

export const WELL_KNOWN = {
  duration,
  struct: json(readStruct, writeStruct),
  value: json(readValue, writeValue),
  list: json(readList, writeList),
  DoubleValue: wrapper('double'),
  FloatValue: wrapper('float'),
  Int32Value: wrapper('int32'),
  Int64Value: wrapper('int64'),
  UInt32Value: wrapper('uint32'),
  UInt64Value: wrapper('uint64'),
  BoolValue: wrapper('bool'),
  StringValue: wrapper('string'),
  BytesValue: wrapper('bytes'),
} satisfies Record<string, ValueCodec>

export type WellKnownName = keyof typeof WELL_KNOWN
