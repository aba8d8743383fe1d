// Schemas for editors: what docs/schemas has, in the draft that the YAML language server of editors reads.

/** As much of JSON Schema draft-07 as our schemas use. */
export interface JsonSchema {
  readonly $schema?: string
  readonly $ref?: string
  readonly $comment?: string
  readonly title?: string
  readonly description?: string
  readonly definitions?: Readonly<Record<string, JsonSchema>>
  readonly type?: string | readonly string[]
  readonly const?: string
  readonly enum?: readonly (string | number | boolean)[]
  readonly default?: unknown
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | false
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
  readonly if?: JsonSchema
  readonly then?: JsonSchema
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly pattern?: string
}

/** A schema that says something only of what meets another one. */
export function where(condition: JsonSchema, schema: JsonSchema): JsonSchema {
  // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema; nobody awaits one.
  return { if: condition, then: schema }
}

/** The text of a schema's file. `command` is what writes it. */
export function schemaText(command: string, schema: JsonSchema): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', $comment: `Written by: ${command}` }
  return `${JSON.stringify({ ...head, ...schema }, undefined, 2)}\n`
}
