import protobuf from 'protobufjs'
import type { ModuleSource } from './messages.ts'

/** Types of google.protobuf that stand as plain JavaScript values (well-known.ts): [codec's name, TypeScript type]. */
const PLAIN: Readonly<Record<string, readonly [string, string]>> = {
  'google.protobuf.Duration': ['duration', 'number'],
  'google.protobuf.Struct': ['struct', 'JsonObject'],
  'google.protobuf.Value': ['value', 'JsonValue'],
  'google.protobuf.ListValue': ['list', 'readonly JsonValue[]'],
  'google.protobuf.DoubleValue': ['DoubleValue', 'number'],
  'google.protobuf.FloatValue': ['FloatValue', 'number'],
  'google.protobuf.Int32Value': ['Int32Value', 'number'],
  'google.protobuf.Int64Value': ['Int64Value', 'bigint'],
  'google.protobuf.UInt32Value': ['UInt32Value', 'number'],
  'google.protobuf.UInt64Value': ['UInt64Value', 'bigint'],
  'google.protobuf.BoolValue': ['BoolValue', 'boolean'],
  'google.protobuf.StringValue': ['StringValue', 'string'],
  'google.protobuf.BytesValue': ['BytesValue', 'Uint8Array'],
}

const SCALAR_TYPES: Readonly<Record<string, string>> = {
  double: 'number',
  float: 'number',
  int32: 'number',
  uint32: 'number',
  sint32: 'number',
  fixed32: 'number',
  sfixed32: 'number',
  int64: 'bigint',
  uint64: 'bigint',
  sint64: 'bigint',
  fixed64: 'bigint',
  sfixed64: 'bigint',
  bool: 'boolean',
  string: 'string',
  bytes: 'Uint8Array',
}

const REPEATED = 1
const OPTIONAL = 2
const UNPACKED = 4
const MAP = 8

/** One ES module of lazy tables and its declarations; see codec.ts for what the tables mean. */
export function emitModule(root: protobuf.Root, source: ModuleSource): { code: string; types: string } {
  const names = new Names()
  const messages: protobuf.Type[] = []
  const services: protobuf.Service[] = []
  for (const [fullName, alias] of selected(root, source)) {
    const found = root.lookup(fullName)
    if (found instanceof protobuf.Type) messages.push(found)
    else if (found instanceof protobuf.Service) services.push(found)
    else throw new Error(`${fullName} is neither a message nor a service`)
    names.add(fullName, alias)
  }
  const enums = new Set<protobuf.Enum>()
  for (const type of messages) {
    for (const field of type.fieldsArray)
      if (field.resolvedType instanceof protobuf.Enum) enums.add(field.resolvedType)
  }
  for (const type of enums) names.add(nameOf(type), undefined)

  const code = ["import { enumeration as e, message as m } from '../codec.ts'"]
  const types = [
    "import type { EnumType, MessageType } from '../codec.ts'",
    "import type { JsonObject, JsonValue } from '../well-known.ts'",
  ]
  if (services.length > 0) {
    code.push("import { method as r } from '../service.ts'")
    types.push("import type { MethodDefinition } from '@grpc/grpc-js'")
  }
  // So that an unused import is no error in a module without JSON.
  types.push('export type { JsonObject, JsonValue }')
  for (const type of enums) emitEnum(type, names, code, types)
  for (const type of messages) emitMessage(type, names, code, types)
  for (const service of services) emitService(service, names, code, types)
  const head = '// Made by `npm run generate` from .proto files; not to be edited.\n'
  return { code: head + code.join('\n') + '\n', types: head + types.join('\n') + '\n' }
}

function* selected(
  root: protobuf.Root,
  source: ModuleSource,
): Generator<[fullName: string, alias: string | undefined]> {
  if (source.messages !== 'all') {
    for (const entry of source.messages) yield typeof entry === 'string' ? [entry, undefined] : [...entry]
    return
  }
  for (const object of everything(root)) {
    if (nameOf(object).startsWith('google.')) continue
    if (object instanceof protobuf.Type || object instanceof protobuf.Service)
      yield [nameOf(object), undefined]
  }
}

function* everything(parent: protobuf.NamespaceBase): Generator<protobuf.ReflectionObject> {
  for (const child of parent.nestedArray) {
    yield child
    if (child instanceof protobuf.Namespace || child instanceof protobuf.Type) yield* everything(child)
  }
}

function nameOf(object: protobuf.ReflectionObject): string {
  return object.fullName.replace(/^\./, '')
}

/** Full protobuf names to identifiers: the short name, nested ones joined by `_`. */
class Names {
  readonly #byFull = new Map<string, string>()
  readonly #used = new Map<string, string>()

  add(fullName: string, alias: string | undefined): void {
    const short =
      alias ??
      fullName
        .split('.')
        .filter((part) => /^[A-Z]/.test(part))
        .join('_')
    const other = this.#used.get(short)
    if (other !== undefined)
      throw new Error(`${fullName} and ${other} are both called ${short}: give one an alias`)
    this.#used.set(short, fullName)
    this.#byFull.set(fullName, short)
  }

  find(fullName: string): string | undefined {
    return this.#byFull.get(fullName)
  }

  get(fullName: string): string {
    const name = this.find(fullName)
    if (name === undefined) throw new Error(`${fullName} is in use and not listed`)
    return name
  }
}

const quote = (text: string) => `'${text}'`

function emitEnum(type: protobuf.Enum, names: Names, code: string[], types: string[]): void {
  const name = names.get(nameOf(type))
  const values = Object.entries(type.values)
  const rows = values.map(([value, number]) => `['${value}',${number}]`).join(',')
  code.push(`export const ${name} = /*@__PURE__*/ e('${nameOf(type)}', [${rows}])`)
  types.push(`export type ${name} = ${values.map(([value]) => quote(value)).join(' | ')}`)
  types.push(`export declare const ${name}: EnumType<${name}>`)
}

function emitMessage(type: protobuf.Type, names: Names, code: string[], types: string[]): void {
  const name = names.get(nameOf(type))
  const rows: string[] = []
  const members: string[] = []
  for (const field of type.fieldsArray) {
    const [row, member] = emitField(field, names)
    rows.push(row)
    members.push(member)
  }
  code.push(`export const ${name} = /*@__PURE__*/ m('${nameOf(type)}', () => [${rows.join(',')}])`)
  types.push(`export interface ${name} {\n${members.join('\n')}${members.length > 0 ? '\n' : ''}}`)
  types.push(`export declare const ${name}: MessageType<${name}>`)
}

function emitField(field: protobuf.Field, names: Names): [row: string, member: string] {
  const [codec, typed, note] = fieldType(field, names)
  const oneof = field.partOf && !isSyntheticOneof(field) ? field.partOf.name : undefined
  const flags =
    (field.repeated ? REPEATED : 0) |
    (isSyntheticOneof(field) ? OPTIONAL : 0) |
    (field.repeated && isPackable(field) && !field.packed ? UNPACKED : 0) |
    (field.map ? MAP : 0)
  const tail = oneof ? `,${flags},'${oneof}'` : flags === 0 ? '' : `,${flags}`
  const key = field.name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  const shape = field.map
    ? `{ readonly [key: string]: ${typed} }`
    : field.repeated
      ? `readonly ${/[ |]/.test(typed) ? `(${typed})` : typed}[]`
      : typed
  return [`[${field.id},'${field.name}',${codec}${tail}]`, `${note}  readonly ${key}?: ${shape} | undefined`]
}

function isSyntheticOneof(field: protobuf.Field): boolean {
  return field.options?.['proto3_optional'] === true || field.partOf?.isProto3Optional === true
}

function isPackable(field: protobuf.Field): boolean {
  return field.type in SCALAR_TYPES && field.type !== 'string' && field.type !== 'bytes'
}

function fieldType(field: protobuf.Field, names: Names): [codec: string, typed: string, note: string] {
  // Envoy has a few maps with numbers as keys; none of them is in use.
  if (field instanceof protobuf.MapField && field.keyType !== 'string') {
    return [quote('opaque'), 'Uint8Array', '  /** Not supported: kept as bytes. */\n']
  }
  const scalar = SCALAR_TYPES[field.type]
  if (scalar) return [quote(field.type), scalar, '']
  const resolved = field.resolvedType
  if (resolved === null) throw new Error(`${field.fullName}: type ${field.type} was not found`)
  const full = nameOf(resolved)
  const plain = PLAIN[full]
  if (plain)
    return [quote(plain[0]), plain[1], full === 'google.protobuf.Duration' ? '  /** Milliseconds. */\n' : '']
  const name = names.find(full)
  if (name === undefined)
    return [quote('opaque'), 'Uint8Array', `  /** Not supported: bytes of a ${full}. */\n`]
  return [name, name, '']
}

function emitService(service: protobuf.Service, names: Names, code: string[], types: string[]): void {
  const name = names.get(nameOf(service))
  const rows: string[] = []
  const members: string[] = []
  for (const method of service.methodsArray) {
    const { resolvedRequestType, resolvedResponseType } = method
    if (!resolvedRequestType || !resolvedResponseType)
      throw new Error(`${method.fullName}: a type was not found`)
    const request = names.find(nameOf(resolvedRequestType))
    const response = names.find(nameOf(resolvedResponseType))
    if (request === undefined || response === undefined) continue
    const key = method.name.charAt(0).toLowerCase() + method.name.slice(1)
    const path = `/${nameOf(service)}/${method.name}`
    rows.push(
      `${key}: r('${path}', ${request}, ${response}, ${method.requestStream === true}, ${method.responseStream === true})`,
    )
    members.push(`  readonly ${key}: MethodDefinition<${request}, ${response}>`)
  }
  code.push(`export const ${name} = /*@__PURE__*/ (() => ({ ${rows.join(', ')} }))()`)
  types.push(`export declare const ${name}: {\n${members.join('\n')}\n}`)
}
