import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { schemaText, where, type JsonSchema } from '../../core/json-schema.ts'
import { isEnumType, isMessageType, type FieldType } from '../../core/xds/codec.ts'
import { Any, Bootstrap } from '../../core/xds/generated/envoy.js'
import { rulesOf, type Rule, type Rules } from '../../core/xds/rules.ts'
import { typeUrl } from '../../core/xds/type-urls.ts'
import { SCALAR_SCHEMAS } from './scalar-schema.ts'

/** The schema of a bootstrap file that this module writes, for editors. */
export const BOOTSTRAP_SCHEMA = fileURLToPath(new URL('../../docs/schemas/bootstrap.json', import.meta.url))

const COMMAND = 'node proxy/bootstrap/editor-schema.ts'

/**
 * The text of that file, from the table of what is served (core/xds/served): each field that a file may have, under either
 * of its names, of which an editor proposes that of Envoy's documents. Enumerations are written by name. What concerns
 * several fields at once (members of a oneof, names that must be unique) only `weft proxy --bootstrap FILE --check` says.
 */
export function bootstrapSchema(): string {
  const definitions = new Definitions()
  const bootstrap = definitions.refTo(rulesOf(Bootstrap, 'bootstrap'))
  const resources = ['static_resources', 'dynamic_resources', 'staticResources', 'dynamicResources']
  return schemaText(COMMAND, {
    title: 'Bootstrap file of weft proxy',
    allOf: [bootstrap],
    anyOf: resources.map((name) => ({ required: [name] })),
    definitions: definitions.made,
  })
}

class Definitions {
  readonly #made: Record<string, JsonSchema> = {}

  /** By name, in alphabetical order. */
  get made(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries(Object.entries(this.#made).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** `place`: where a message stands that is narrower there than elsewhere. */
  refTo(rules: Rules, place = ''): JsonSchema {
    const { type } = rules
    const general = rulesOf(type, 'bootstrap') === rules
    return this.#once(general ? type.typeName : `${type.typeName} in ${place}`, (name) =>
      this.#message(rules, name),
    )
  }

  #once(name: string, make: (name: string) => JsonSchema): JsonSchema {
    if (!(name in this.#made)) {
      // Known before it is made: a message may hold itself.
      this.#made[name] = {}
      this.#made[name] = make(name)
    }
    return { $ref: `#/definitions/${name.replaceAll(' ', '%20')}` }
  }

  #message(rules: Rules, name: string, packed?: string): JsonSchema {
    const properties: Record<string, JsonSchema> = packed === undefined ? {} : { '@type': { const: packed } }
    const others: Record<string, JsonSchema> = {}
    for (const rule of rules.byKey.values()) {
      const { field } = rule
      const schema = this.#field(rule, `${name}.${field.name}`)
      properties[field.name] = schema
      // No editor proposes what only a pattern names.
      if (field.key !== field.name) others[`^${field.key}$`] = schema
    }
    const required = rules.required.map(({ field }) => field)
    const bothWays = required.filter(({ key, name: own }) => key !== own)
    return {
      description: rules.type.typeName,
      type: 'object',
      properties,
      ...(Object.keys(others).length > 0 ? { patternProperties: others } : {}),
      additionalProperties: false,
      required: [
        ...(packed === undefined ? [] : ['@type']),
        ...required.filter((field) => !bothWays.includes(field)).map((field) => field.name),
      ],
      ...(bothWays.length > 0
        ? { allOf: bothWays.map((one) => ({ anyOf: [{ required: [one.name] }, { required: [one.key] }] })) }
        : {}),
    }
  }

  #field(rule: Rule, place: string): JsonSchema {
    const { field, row } = rule
    if (field.map) {
      const { keys } = row
      if (!keys) return { type: 'object', additionalProperties: this.#value(rule, place) }
      const properties = Object.entries(keys).map(([key, inside]) => [
        key,
        inside === 'any' || field.type !== 'struct' ? this.#value(rule, place) : onlyKeys(inside),
      ])
      return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false }
    }
    if (field.repeated) return { type: 'array', items: this.#value(rule, place) }
    return this.#value(rule, place)
  }

  #value(rule: Rule, place: string): JsonSchema {
    const { type } = rule.field
    if (type === Any) return this.#any(rule)
    if (isMessageType(type)) return this.refTo(rule.inner(), place)
    return scalarSchema(type, rule.values)
  }

  /** `{"@type": url, ...fields}`; which fields, the type says. */
  #any({ types }: Rule): JsonSchema {
    const branches = [...types.values()].map((type) => ({
      url: typeUrl(type),
      schema: this.#once(`${type.typeName} with @type`, () =>
        this.#message(rulesOf(type, 'bootstrap'), type.typeName, typeUrl(type)),
      ),
    }))
    return {
      type: 'object',
      properties: { '@type': { enum: branches.map(({ url }) => url) } },
      required: ['@type'],
      allOf: branches.map(({ url, schema }) => where({ properties: { '@type': { const: url } } }, schema)),
    }
  }
}

function onlyKeys(keys: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(keys.map((key) => [key, {}])),
    additionalProperties: false,
  }
}

function scalarSchema(type: FieldType, values: readonly string[] | undefined): JsonSchema {
  if (isEnumType(type)) return { enum: values ?? [...type.byName.keys()] }
  const schema = typeof type === 'string' ? SCALAR_SCHEMAS[type] : undefined
  if (!schema) throw new Error('a bootstrap schema has no words for a type: see scalar-schema.ts')
  if (!values) return schema
  return { enum: values.map((value) => (schema.type === 'string' ? value : (JSON.parse(value) as number))) }
}

if (import.meta.main) writeFileSync(BOOTSTRAP_SCHEMA, bootstrapSchema())
