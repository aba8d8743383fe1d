import { WeftError } from '../errors.ts'
import { unpackAny, type AnyValue, type Unpacked } from './any.ts'
import { isMessageType, type Field, type MessageType } from './codec.ts'
import { Any } from './generated/envoy.js'
import { rulesOf, type Rule, type Rules } from './rules.ts'
import type { Source } from './served/table.ts'
import { typeNameOf, typeUrl } from './type-urls.ts'
import type { JsonObject } from './well-known.ts'

type Values = Readonly<Record<string, unknown>>

/**
 * The message in `any`, with all that stands in further Anys inside of it unpacked (see `unpacked` of any.ts), if each
 * of its fields is served. Otherwise what is wrong is added to `problems`, each with the path of its field, and what
 * comes back must not be used. Never throws for what is in `any`.
 */
export function readServed<T>(
  any: AnyValue,
  type: MessageType<T>,
  source: Source,
  problems: WeftError[],
): T | undefined {
  return new Check(source, problems).read(any, type) as T | undefined
}

class Check {
  readonly #source: Source
  readonly #problems: WeftError[]
  /** Where the check stands; made text for a problem or an Any only. */
  readonly #path: (string | number)[] = []

  constructor(source: Source, problems: WeftError[]) {
    this.#source = source
    this.#problems = problems
  }

  read(any: AnyValue, type: MessageType<unknown>): object | undefined {
    let message: object
    try {
      const options = { unknown: 'refuse', problems: this.#problems, path: this.#at() } as const
      message = unpackAny(any, type, options) as object
    } catch (error) {
      if (!(error instanceof WeftError)) throw error
      this.#problems.push(error)
      return undefined
    }
    this.#message(message as Values, rulesOf(type, this.#source))
    return message
  }

  #message(message: Values, rules: Rules): void {
    for (const key of Object.keys(message)) {
      const value = message[key]
      const rule = rules.byKey.get(key)
      if (rule) {
        this.#path.push(rule.field.name)
        this.#field(value, rule)
        this.#path.pop()
        continue
      }
      const field = rules.type.fields.byName.get(key)
      if (field && field.type !== 'opaque' && saysSomething(value, field))
        this.#problem('xds.unsupported', 'is not supported', field.name)
    }
    for (const { field } of rules.required)
      if (isMissing(message[field.key], field)) this.#problem('xds.invalid', 'is required', field.name)
  }

  #field(value: unknown, rule: Rule): void {
    const { field } = rule
    if (field.map) {
      const map = value as Values
      for (const key of Object.keys(map)) {
        this.#path.push(`[${key}]`)
        this.#entry(key, map[key], rule)
        this.#path.pop()
      }
    } else if (field.repeated) {
      const list = value as readonly unknown[]
      for (let index = 0; index < list.length; index++) {
        this.#path.push(index)
        this.#value(list[index], rule)
        this.#path.pop()
      }
    } else this.#value(value, rule)
  }

  #entry(key: string, value: unknown, rule: Rule): void {
    const { keys } = rule.row
    if (!keys) return this.#value(value, rule)
    const inside = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (inside === undefined) return this.#problem('xds.unsupported', onlyKeys(Object.keys(keys)))
    if (rule.field.type === 'struct' && inside !== 'any') {
      for (const name of Object.keys(value as JsonObject))
        if (!inside.includes(name)) this.#problem('xds.unsupported', onlyKeys(inside), name)
      return undefined
    }
    return this.#value(value, rule)
  }

  #value(value: unknown, rule: Rule): void {
    const { type } = rule.field
    if (type === Any) return this.#any(value as AnyValue, rule)
    if (isMessageType(type)) return this.#message(value as Values, rule.inner())
    const { values } = rule
    if (values && saysSomething(value, rule.field) && !values.includes(String(value)))
      this.#problem('xds.unsupported', `${String(value)} is not supported: use ${values.join(' or ')}`)
    return undefined
  }

  #any(any: AnyValue, rule: Rule): void {
    const name = any.typeUrl === undefined ? '' : typeNameOf(any.typeUrl)
    const type = rule.types.get(name)
    if (!type) {
      const known = [...rule.types.values()].map((one) => typeUrl(one)).join(' or ')
      return this.#problem('xds.unexpected_type', `${name || 'nothing'} is not supported: use ${known}`)
    }
    const message = this.read(any, type)
    // A message just decoded, which nobody else holds.
    if (message) (any as { unpacked?: Unpacked }).unpacked = { type, message }
    return undefined
  }

  #problem(code: string, text: string, field = ''): void {
    this.#problems.push(new WeftError(code, text, { field: this.#at(field) }))
  }

  #at(field = ''): string {
    let path = ''
    for (const step of this.#path)
      path += typeof step === 'number' ? `[${step}]` : path === '' || step.startsWith('[') ? step : `.${step}`
    return field === '' ? path : path === '' ? field : `${path}.${field}`
  }
}

/** Proto3 has no bytes for the default of a scalar without presence: it is as good as unset. */
function saysSomething(value: unknown, field: Field): boolean {
  if (value === undefined) return false
  if (field.map) return Object.keys(value as object).length > 0
  if (field.repeated) return (value as readonly unknown[]).length > 0
  return field.presence || !field.value.isDefault(value)
}

function isMissing(value: unknown, field: Field): boolean {
  return value === '' || !saysSomething(value, field)
}

function onlyKeys(keys: readonly string[]): string {
  return `is not supported: only ${keys.join(', ')} is`
}
