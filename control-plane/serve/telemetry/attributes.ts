import type { AnyValue, KeyValue } from '../../../core/xds/generated/otlp.js'

export type AttributeValue = string | number | boolean
/** Without a prototype: a key may be any text. */
export type Attributes = Readonly<Record<string, AttributeValue>>

export const MAX_ATTRIBUTES = 64
export const MAX_KEY = 128
export const MAX_VALUE = 1024

/** What is kept of a reporter's attributes: the first of each key, shortened to the bounds above. */
export function readAttributes(list: readonly KeyValue[] | undefined): Attributes {
  const attributes: Record<string, AttributeValue> = Object.create(null)
  let kept = 0
  for (const { key = '', value } of list ?? []) {
    if (kept === MAX_ATTRIBUTES) break
    const name = shorten(key, MAX_KEY)
    const plain = plainValue(value)
    if (name === '' || plain === undefined || name in attributes) continue
    attributes[name] = plain
    kept++
  }
  return attributes
}

/** The text of an attribute; '' where there is none, or it is no text. */
export function textOf(attributes: Attributes, key: string): string {
  const value = attributes[key]
  return typeof value === 'string' ? value : ''
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
