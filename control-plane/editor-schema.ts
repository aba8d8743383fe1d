import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaText, where, type JsonSchema } from '../core/json-schema.ts'
import { readCrds, type Crd, type Schema } from './crds-page.ts'

/** The schema of manifests with kinds of weft.dev that this module writes, for editors. */
export const KINDS_SCHEMA = join(import.meta.dirname, '../docs/schemas/weft.dev.json')

const COMMAND = 'node control-plane/editor-schema.ts'
const RULES = 'x-kubernetes-validations'

const METADATA: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    namespace: { type: 'string' },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    annotations: { type: 'object', additionalProperties: { type: 'string' } },
  },
  required: ['name'],
}

/**
 * The text of that file, from the definitions that the chart installs. It says nothing of an object of another group, so
 * that it can stand for all manifests of a folder. Rules that are no schema (CEL) stand in the field's description.
 */
export function kindsSchema(crds: readonly Crd[] = readCrds()): string {
  const kinds = crds.flatMap(({ spec: { group, names, versions } }) =>
    versions.map(({ name, schema }) => ({
      apiVersion: `${group}/${name}`,
      kind: names.kind,
      schema: schema.openAPIV3Schema,
    })),
  )
  const group = crds[0]?.spec.group ?? ''
  return schemaText(COMMAND, {
    title: `Kinds of ${group}`,
    allOf: [
      where(
        {
          properties: { apiVersion: { pattern: `^${group.replaceAll('.', '[.]')}/` } },
          required: ['apiVersion'],
        },
        {
          properties: {
            apiVersion: { enum: [...new Set(kinds.map(({ apiVersion }) => apiVersion))] },
            kind: { enum: [...new Set(kinds.map(({ kind }) => kind))] },
          },
          required: ['kind', 'metadata'],
        },
      ),
      ...kinds.map(({ apiVersion, kind, schema }) =>
        where(
          {
            properties: { apiVersion: { const: apiVersion }, kind: { const: kind } },
            required: ['apiVersion', 'kind'],
          },
          kindSchema(schema),
        ),
      ),
    ],
  })
}

function kindSchema(schema: Schema): JsonSchema {
  const { properties = {}, ...rest } = closed(schema)
  return { ...rest, properties: { ...properties, metadata: METADATA, status: { type: 'object' } } }
}

/** As an API server reads it that is asked to refuse unknown fields, and as files are read. */
function closed({ [RULES]: rules = [], ...rest }: Schema): JsonSchema {
  const said = [rest.description, ...rules.map(({ message }) => `${message}.`)].filter(Boolean).join(' ')
  const { properties, additionalProperties, items } = rest
  return {
    ...rest,
    ...(said === '' ? {} : { description: said }),
    ...(properties ? { properties: mapValues(properties, closed), additionalProperties: false } : {}),
    ...(additionalProperties ? { additionalProperties: closed(additionalProperties) } : {}),
    ...(items ? { items: closed(items) } : {}),
  }
}

function mapValues<T, R>(object: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]))
}

if (import.meta.main) writeFileSync(KINDS_SCHEMA, kindsSchema())
