import { WeftError } from '../errors.ts'
import { SCALARS, type ScalarName, type ValueCodec } from './scalars.ts'
import { WELL_KNOWN, type WellKnownName } from './well-known.ts'
import { LENGTH, Reader, Writer, malformed } from './wire.ts'

/** Any nested deeper is refused, as in Google's own implementations. */
const MAX_DEPTH = 100

export interface DecodeOptions {
  /**
   * Field numbers this build does not know, and known ones whose type it does not support. `ignore` is
   * Protocol Buffers' rule (the default); `refuse` names each in an error.
   */
  readonly unknown?: 'ignore' | 'refuse'
  /** Refused fields are added here and decoding goes on; without it the first one is thrown. */
  readonly problems?: WeftError[]
  /** Where the message stands, for errors, e.g. `filters[0].typed_config`. */
  readonly path?: string
}

/** Encodes and decodes one kind of message; JSON is in json.ts. */
export interface MessageType<T> {
  readonly typeName: string
  /** @throws WeftError `protobuf.*`, naming the field. */
  encode(value: T): Uint8Array
  /** @throws WeftError `protobuf.*`, naming the field. Never reads outside of `bytes`. */
  decode(bytes: Uint8Array, options?: DecodeOptions): T
  readonly fields: MessageFields
}

export interface EnumType<T extends string> {
  readonly typeName: string
  readonly byName: ReadonlyMap<string, number>
  readonly byNumber: ReadonlyMap<number, T>
}

/** Name of a scalar or well-known type, an enum, a message, or `opaque` for a message this build leaves as bytes. */
export type FieldType = ScalarName | WellKnownName | 'opaque' | EnumType<string> | MessageType<unknown>

export interface Field {
  readonly number: number
  /** As in the .proto file, e.g. `filter_chains`. */
  readonly name: string
  /** As in objects and in JSON, e.g. `filterChains`. */
  readonly key: string
  readonly type: FieldType
  readonly value: ValueCodec
  readonly repeated: boolean
  readonly map: boolean
  readonly packed: boolean
  /** Keeps "unset" apart from the default value: messages, `optional`, members of a oneof. */
  readonly presence: boolean
  /** Keys of the other members of its oneof. */
  readonly siblings: readonly string[]
}

export interface MessageFields {
  readonly list: readonly Field[]
  readonly byNumber: ReadonlyMap<number, Field>
  /** By `name` and by `key`. */
  readonly byName: ReadonlyMap<string, Field>
}

export const REPEATED = 1
export const OPTIONAL = 2
export const UNPACKED = 4
export const MAP = 8

/** Shape of the generated tables: number, name, type, flags, oneof. */
export type FieldRow = readonly [number, string, FieldType, number?, string?]
type Values = Record<string, unknown>

interface Context {
  readonly refuse: boolean
  readonly problems: WeftError[] | undefined
  readonly path: (string | number)[]
  readonly base: string
}

function pathOf(context: Context): string {
  let path = context.base
  for (const step of context.path) {
    // A key of a map stands in brackets already.
    path += typeof step === 'number' ? `[${step}]` : path === '' || step.startsWith('[') ? step : `.${step}`
  }
  return path
}

class Codec<T> implements MessageType<T> {
  readonly typeName: string
  readonly #rows: () => readonly FieldRow[]
  #fields: MessageFields | undefined

  constructor(typeName: string, rows: () => readonly FieldRow[]) {
    this.typeName = typeName
    this.#rows = rows
  }

  /** Built on first use: most processes touch a few of the messages they load. */
  get fields(): MessageFields {
    return (this.#fields ??= buildFields(this.#rows()))
  }

  encode(value: T): Uint8Array {
    const writer = new Writer()
    encodeInto(writer, this, value as Values, 0)
    return writer.finish()
  }

  decode(bytes: Uint8Array, options: DecodeOptions = {}): T {
    const context: Context = {
      refuse: options.unknown === 'refuse',
      problems: options.problems,
      path: [],
      base: options.path ?? '',
    }
    const target: Values = {}
    try {
      decodeInto(target, this, new Reader(bytes), context)
    } catch (error) {
      if (!(error instanceof WeftError) || error.field !== undefined) throw error
      const field = pathOf(context)
      throw new WeftError(error.code, `${this.typeName}: ${error.message}`, field === '' ? {} : { field })
    }
    return target as T
  }
}

export function message<T>(typeName: string, rows: () => readonly FieldRow[]): MessageType<T> {
  return new Codec<T>(typeName, rows)
}

/** `names` in the order of `numbers`; of aliases the first one is what decoding gives. */
export function enumeration<T extends string>(
  typeName: string,
  values: readonly (readonly [T, number])[],
): EnumType<T> {
  const byNumber = new Map<number, T>()
  for (const [name, number] of values) if (!byNumber.has(number)) byNumber.set(number, name)
  return { typeName, byName: new Map(values), byNumber }
}

export function isMessageType(type: FieldType): type is MessageType<unknown> {
  return typeof type === 'object' && 'encode' in type
}

export function isEnumType(type: FieldType): type is EnumType<string> {
  return typeof type === 'object' && 'byNumber' in type
}

export function jsonName(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function buildFields(rows: readonly FieldRow[]): MessageFields {
  const oneofs = new Map<string, string[]>()
  for (const [, name, , , oneof] of rows) {
    if (oneof) oneofs.set(oneof, [...(oneofs.get(oneof) ?? []), jsonName(name)])
  }
  const list = rows.map(([number, name, type, flags = 0, oneof]): Field => {
    const key = jsonName(name)
    const value = valueCodec(type)
    const map = (flags & MAP) !== 0
    const repeated = (flags & REPEATED) !== 0
    return {
      number,
      name,
      key,
      type,
      value,
      map,
      repeated,
      packed: repeated && value.wire !== LENGTH && (flags & UNPACKED) === 0,
      presence: (flags & OPTIONAL) !== 0 || oneof !== undefined || !hasDefault(type),
      siblings: oneof ? oneofs.get(oneof)!.filter((other) => other !== key) : [],
    }
  })
  list.sort((a, b) => a.number - b.number)
  const byName = new Map<string, Field>()
  for (const field of list) byName.set(field.name, field).set(field.key, field)
  return { list, byName, byNumber: new Map(list.map((field) => [field.number, field])) }
}

function hasDefault(type: FieldType): boolean {
  return isEnumType(type) || (typeof type === 'string' && type in SCALARS)
}

const OPAQUE: ValueCodec = SCALARS.bytes
/** Never called: messages are read and written with their path by encodeInto and decodeInto. */
const NESTED: ValueCodec = { wire: LENGTH, read: () => undefined, write() {}, isDefault: () => false }

function valueCodec(type: FieldType): ValueCodec {
  if (type === 'opaque') return OPAQUE
  if (typeof type === 'string')
    return type in SCALARS ? SCALARS[type as ScalarName] : WELL_KNOWN[type as WellKnownName]
  if (isMessageType(type)) return NESTED
  const { byName, byNumber, typeName } = type
  return {
    wire: 0,
    // Undefined for a number this build has no name for.
    read: (reader) => byNumber.get(reader.uint32() | 0),
    write(writer, name) {
      const number = byName.get(name as string)
      if (number === undefined) throw invalid(`${String(name)} is not a value of ${typeName}`)
      if (number < 0) writer.uint64(BigInt(number))
      else writer.uint32(number)
    },
    isDefault: (name) => byName.get(name as string) === 0,
  }
}

function invalid(message: string): WeftError {
  return new WeftError('protobuf.invalid_value', message)
}

/** Fields from the last to the first, as the writer goes backwards. */
function encodeInto(writer: Writer, type: MessageType<unknown>, values: Values, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid(`${type.typeName} is nested too deeply`)
  const { list } = type.fields
  for (let index = list.length - 1; index >= 0; index--) {
    const field = list[index]!
    const value = values[field.key]
    if (value === undefined) continue
    try {
      if (field.map) encodeMap(writer, field, value as Values, depth)
      else if (field.repeated) encodeList(writer, field, value as readonly unknown[], depth)
      else if (field.presence || !field.value.isDefault(value)) encodeOne(writer, field, value, depth)
    } catch (error) {
      if (error instanceof WeftError) {
        throw new WeftError(error.code, error.message, {
          field: field.name + (error.field ? `.${error.field}` : ''),
        })
      }
      throw new WeftError('protobuf.invalid_value', `not a ${nameOf(field.type)}`, { field: field.name })
    }
  }
}

function nameOf(type: FieldType): string {
  return typeof type === 'string' ? type : type.typeName
}

function encodeOne(writer: Writer, field: Field, value: unknown, depth: number): void {
  encodeValue(writer, field, value, depth)
  writer.tag(field.number, field.value.wire)
}

const ENCODED = Symbol('encoded')

/**
 * The same message, which is from now on written as it is now, wherever it is part of another: for what many messages share.
 * A copy of it (`{...value}`) is written anew. Throws WeftError `protobuf.*`.
 */
export function encodedOnce<T extends object>(type: MessageType<T>, value: T): T {
  return Object.defineProperty({ ...value }, ENCODED, { value: type.encode(value) })
}

function encodeValue(writer: Writer, field: Field, value: unknown, depth: number): void {
  if (!isMessageType(field.type)) return field.value.write(writer, value)
  if (typeof value !== 'object' || value === null) throw invalid(`not a ${field.type.typeName}`)
  const encoded = (value as { readonly [ENCODED]?: Uint8Array })[ENCODED]
  if (encoded) return writer.bytes(encoded)
  const before = writer.length
  encodeInto(writer, field.type, value as Values, depth + 1)
  writer.uint32(writer.length - before)
}

function encodeList(writer: Writer, field: Field, list: readonly unknown[], depth: number): void {
  if (!field.packed) {
    for (let index = list.length - 1; index >= 0; index--) encodeOne(writer, field, list[index], depth)
    return
  }
  if (list.length === 0) return
  const before = writer.length
  for (let index = list.length - 1; index >= 0; index--) field.value.write(writer, list[index])
  writer.uint32(writer.length - before)
  writer.tag(field.number, LENGTH)
}

/** Keys sorted, so that equal messages have equal bytes (versions are hashes of them). */
function encodeMap(writer: Writer, field: Field, map: Values, depth: number): void {
  const keys = Object.keys(map).sort()
  for (let index = keys.length - 1; index >= 0; index--) {
    const key = keys[index]!
    const before = writer.length
    encodeValue(writer, field, map[key], depth)
    writer.tag(2, field.value.wire)
    writer.string(key)
    writer.tag(1, LENGTH)
    writer.uint32(writer.length - before)
    writer.tag(field.number, LENGTH)
  }
}

function decodeInto(target: Values, type: MessageType<unknown>, reader: Reader, context: Context): void {
  if (context.path.length > MAX_DEPTH * 2) throw malformed('message is nested too deeply')
  const { byNumber } = type.fields
  while (!reader.done) {
    const tag = reader.uint32()
    const wire = tag & 7
    const number = tag >>> 3
    if (number === 0) throw malformed('field number 0')
    const field = byNumber.get(number)
    if (field === undefined) {
      reader.skip(wire)
      if (context.refuse) refuse(context, `unknown field ${number} of ${type.typeName}`)
      continue
    }
    context.path.push(field.name)
    decodeField(target, field, wire, reader, context)
    context.path.pop()
  }
}

function refuse(context: Context, text: string): void {
  const error = new WeftError('xds.unsupported_field', text, { field: pathOf(context) })
  if (!context.problems) throw error
  context.problems.push(error)
}

function decodeField(target: Values, field: Field, wire: number, reader: Reader, context: Context): void {
  if (field.repeated) {
    const list = (target[field.key] ??= []) as unknown[]
    if (wire === LENGTH && field.value.wire !== LENGTH) {
      const outer = reader.enter()
      while (!reader.done) add(list, field.value.read(reader), field, context)
      reader.leave(outer)
      return
    }
    expect(wire, field)
    context.path.push(list.length)
    add(list, decodeValue(undefined, field, reader, context), field, context)
    context.path.pop()
    return
  }
  expect(wire, field)
  if (field.map) return decodeEntry((target[field.key] ??= {}) as Values, field, reader, context)
  const value = decodeValue(target[field.key], field, reader, context)
  for (const other of field.siblings) delete target[other]
  if (value === undefined) refuseEnum(field, context)
  else target[field.key] = value
}

function add(list: unknown[], value: unknown, field: Field, context: Context): void {
  if (value === undefined) refuseEnum(field, context)
  else list.push(value)
}

function refuseEnum(field: Field, context: Context): void {
  if (context.refuse) refuse(context, `value is not known in ${nameOf(field.type)}`)
}

function expect(wire: number, field: Field): void {
  const wanted = field.map ? LENGTH : field.value.wire
  if (wire !== wanted) throw malformed(`wire type ${wire} where ${wanted} belongs`)
}

/** A message that comes twice is merged, as the specification asks. */
function decodeValue(earlier: unknown, field: Field, reader: Reader, context: Context): unknown {
  if (isMessageType(field.type)) {
    const target = (earlier ?? {}) as Values
    const outer = reader.enter()
    decodeInto(target, field.type, reader, context)
    reader.leave(outer)
    return target
  }
  const value = field.value.read(reader)
  if (field.type === 'opaque' && context.refuse) refuse(context, 'field is not supported')
  return value
}

function decodeEntry(map: Values, field: Field, reader: Reader, context: Context): void {
  const outer = reader.enter()
  let key = ''
  let value: unknown
  while (!reader.done) {
    const tag = reader.uint32()
    if (tag === 10) {
      key = reader.string()
    } else if (tag === ((2 << 3) | field.value.wire)) {
      // Whoever writes a map writes the key first.
      context.path.push(`[${key}]`)
      value = decodeValue(value, field, reader, context)
      context.path.pop()
    } else reader.skip(tag & 7)
  }
  reader.leave(outer)
  if (value === undefined) value = isMessageType(field.type) ? {} : defaultOf(field)
  // Not an assignment: a key `__proto__` would change the object's prototype.
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true })
}

function defaultOf(field: Field): unknown {
  if (isEnumType(field.type)) return field.type.byNumber.get(0)
  const empty = new Reader(new Uint8Array(field.value.wire === LENGTH ? 1 : 8))
  return field.value.read(empty)
}
