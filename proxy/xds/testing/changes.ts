import type { AnyValue } from '../../../core/xds/any.ts'
import { isEnumType, isMessageType, type Field } from '../../../core/xds/codec.ts'
import { Any } from '../../../core/xds/generated/envoy.js'
import type { Rule } from '../../../core/xds/rules.ts'
import { typeUrl } from '../../../core/xds/type-urls.ts'
import type { JsonObject, JsonValue } from '../../../core/xds/well-known.ts'

/** Something that a field may say in place of what it says. */
export interface Change {
  readonly title: string
  readonly value: unknown
}

/**
 * Changes of a field, by its type. Each must be seen in what is decoded, or be refused; where there are none, the
 * table lets the field say one thing only.
 */
export function changesOf(rule: Rule, value: unknown): readonly Change[] {
  const { field } = rule
  if (field.map) {
    return Object.entries(value as Readonly<Record<string, unknown>>).flatMap(([key, item]) =>
      changesOfOne(rule, item).map((change) => ({
        title: `[${key}] ${change.title}`,
        value: { ...(value as object), [key]: change.value },
      })),
    )
  }
  if (!field.repeated) return [...changesOfOne(rule, value), ...removal(rule)]
  const [first, ...rest] = value as readonly unknown[]
  const whole = isPinned(rule)
    ? []
    : [
        { title: 'emptied', value: [] },
        { title: 'with one more', value: [first, ...rest, first] },
      ]
  return [
    ...changesOfOne(rule, first).map((change) => ({ ...change, value: [change.value, ...rest] })),
    ...whole,
  ]
}

/** Scalars stay: what is unset may be the same as what was said. */
function removal(rule: Rule): readonly Change[] {
  const isMessage = isMessageType(rule.field.type) && rule.field.type !== Any
  return isMessage && !isPinned(rule) ? [{ title: 'removed', value: undefined }] : []
}

/** Whatever it may hold is what is done anyway. */
export function isPinned(rule: Rule, outer: readonly Rule[] = []): boolean {
  const { type } = rule.field
  if (type === Any) return [...rule.types].length === 1
  if (!isMessageType(type)) return rule.values?.length === 1
  // A message that holds itself may hold any number of them.
  if (outer.includes(rule)) return false
  const inner = [...rule.inner().byKey.values()]
  return inner.length > 0 && inner.every((one) => isPinned(one, [...outer, rule]))
}

function changesOfOne(rule: Rule, value: unknown): readonly Change[] {
  const { field } = rule
  if (field.type === Any)
    return [...rule.types.values()]
      .filter((type) => type !== (value as AnyValue).unpacked?.type)
      .map((type) => ({
        title: `a ${type.typeName}`,
        value: { typeUrl: typeUrl(type), unpacked: { type, message: {} } } satisfies AnyValue,
      }))
  if (isEnumType(field.type))
    return [...field.type.byNumber.values()]
      .filter((name) => name !== value)
      .map((name) => ({ title: name, value: name }))
  if (isMessageType(field.type)) return []
  if (field.type === 'struct')
    return Object.entries(value as JsonObject).map(([key, inner]) => ({
      title: `another ${key}`,
      value: { ...(value as JsonObject), [key]: otherJson(inner) },
    }))
  const allowed = rule.values?.filter((one) => one !== value) ?? []
  if (typeof value === 'string' && allowed.length > 0)
    return allowed.map((one) => ({ title: one, value: one }))
  return [{ title: 'another value', value: otherScalar(field, value) }]
}

function otherScalar(field: Field, value: unknown): unknown {
  if (typeof value === 'boolean') return !value
  if (typeof value === 'bigint') return value + 1n
  if (typeof value === 'number') return value + (field.type === 'duration' ? 1000 : 1)
  if (value instanceof Uint8Array) return new Uint8Array([...value, 10])
  return `${String(value)}x`
}

function otherJson(value: JsonValue): JsonValue {
  return typeof value === 'boolean' ? !value : `${JSON.stringify(value)}x`
}

/** Something that any field of this type may say, also where it is a default with a presence. */
export function sampleOf(field: Field): unknown {
  const one = sampleValue(field)
  return field.repeated ? [one] : field.map ? { key: one } : one
}

function sampleValue({ type, presence, repeated, map }: Field): unknown {
  if (type === Any) return { typeUrl: 'type.googleapis.com/weft.test.Nothing' }
  if (isMessageType(type)) return {}
  if (isEnumType(type)) return [...type.byNumber.values()].at(-1)
  if (type === 'struct') return { key: 'x' }
  if (type === 'value' || type === 'list') return []
  if (type === 'opaque') return new Uint8Array(0)
  // A scalar without presence says nothing by its default; with it, it does.
  const says = !presence || repeated || map
  switch (type.replace('Value', '').toLowerCase()) {
    case 'bool':
      return says
    case 'string':
      return says ? 'x' : ''
    case 'bytes':
      return new Uint8Array(says ? 1 : 0)
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return says ? 1n : 0n
    default:
      return says ? 1 : 0
  }
}
