import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { DURATION } from '../core/duration.ts'
import { markdownTable, plain, withWritten } from '../core/document.ts'

const PROJECT = join(import.meta.dirname, '..')

/** The page whose descriptions of fields this module writes. */
export const CRDS_PAGE = join(PROJECT, 'docs/crds.md')

const COMMAND = 'node control-plane/crds-page.ts'

/** As much of a CustomResourceDefinition as the page says. */
export interface Crd {
  readonly spec: {
    readonly group: string
    readonly scope: 'Namespaced' | 'Cluster'
    readonly names: {
      readonly kind: string
      readonly plural: string
      readonly shortNames?: readonly string[]
      readonly categories?: readonly string[]
    }
    readonly versions: readonly CrdVersion[]
  }
}

interface CrdVersion {
  readonly name: string
  readonly subresources?: { readonly status?: object }
  readonly additionalPrinterColumns?: readonly { readonly name: string; readonly priority?: number }[]
  readonly schema: { readonly openAPIV3Schema: Schema }
}

/** As much of OpenAPI as our schemas use; `describeField` throws for another keyword, which the page would not tell. */
export interface Schema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema
  readonly items?: Schema
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly 'x-kubernetes-validations'?: readonly { readonly rule: string; readonly message: string }[]
}

const STRUCTURE = [
  'type',
  'description',
  'default',
  'enum',
  'required',
  'properties',
  'additionalProperties',
  'items',
]
const LIMITS: Readonly<Record<string, string>> = {
  minProperties: 'at least $ entries',
  maxProperties: 'at most $ entries',
  minItems: 'at least $ items',
  maxItems: 'at most $ items',
  minLength: 'at least $ characters',
  maxLength: 'at most $ characters',
  minimum: 'at least $',
  maximum: 'at most $',
  pattern: 'matches `$`',
}
/** Patterns that have a name. */
const NAMED_PATTERNS: Readonly<Record<string, string>> = {
  [DURATION.source]: 'a duration such as 500ms, 10s or 1m30s',
  "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$": "a header's name",
  "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$": "a cookie's name",
  '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$': "an object's name",
  '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$': "an object's name",
  '^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$': 'namespace/name, or a name',
  '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$': "a namespace's name",
  '^/[ -:<-~]*$': 'a path',
  '^/[!-~]*$': 'a path',
  '^[!-~]+$': 'printable, without spaces',
  '^[!-~]*$': 'printable, without spaces',
  '^[ -~]+$': 'printable',
}
const RULES = 'x-kubernetes-validations'
/** Kubernetes' own, the same in every object, and what nobody writes but the control plane. */
const COMMON = new Set(['apiVersion', 'kind', 'metadata', 'status'])

/** The definitions that the chart installs, by file name. */
export function readCrds(): readonly Crd[] {
  return globSync('deploy/chart/crds/*.yaml', { cwd: PROJECT })
    .toSorted()
    .map((path) => parse(readFileSync(join(PROJECT, path), 'utf8')) as Crd)
}

/** `page` with a description of each kind between its two marks. */
export function withCrds(page: string, crds: readonly Crd[] = readCrds()): string {
  return withWritten(page, COMMAND, crds.map(describeCrd).join('\n'))
}

function describeCrd({ spec: { group, scope, names, versions } }: Crd): string {
  return versions
    .map(({ name, subresources, additionalPrinterColumns = [], schema: { openAPIV3Schema: schema } }) => {
      const columns = additionalPrinterColumns.map((one) =>
        one.priority ? `${one.name} (with -o wide)` : one.name,
      )
      const facts = [
        ['apiVersion', `\`${group}/${name}\``],
        ['scope', scope === 'Namespaced' ? 'namespaced' : 'the whole cluster'],
        ['kubectl', [names.plural, ...(names.shortNames ?? [])].map((one) => `\`${one}\``).join(', ')],
        ['categories', (names.categories ?? []).map((one) => `\`${one}\``).join(', ') || 'none'],
        ['columns', columns.join(', ') || 'none'],
        ['status', subresources?.status ? 'a subresource' : 'none'],
      ]
      const fields = fieldsOf(schema, '').map((field) => [
        `\`${field.path}\``,
        field.type,
        field.required ? 'required' : `optional${field.preset}`,
        plain(field.values),
        plain(field.doc),
      ])
      return [
        `## ${names.kind}\n\n${schema.description ?? ''}\n\n`,
        markdownTable([['', ''], ...facts]),
        '\n',
        markdownTable([['field', 'type', 'needed', 'values', 'what it says'], ...fields]),
      ].join('')
    })
    .join('\n')
}

interface Field {
  readonly path: string
  readonly type: string
  readonly required: boolean
  readonly preset: string
  readonly values: string
  readonly doc: string
}

function fieldsOf(schema: Schema, prefix: string): readonly Field[] {
  return Object.entries(schema.properties ?? {})
    .filter(([name]) => prefix !== '' || !COMMON.has(name))
    .flatMap(([name, field]) => {
      const path = prefix === '' ? name : `${prefix}.${name}`
      const inner = field.items ?? field
      return [
        describeField(path, field, schema.required?.includes(name) ?? false),
        ...fieldsOf(inner, field.items ? `${path}[]` : path),
      ]
    })
}

function describeField(path: string, field: Schema, required: boolean): Field {
  for (const keyword of Object.keys(field))
    if (!STRUCTURE.includes(keyword) && !(keyword in LIMITS) && keyword !== RULES)
      throw new Error(`${path}: the page has no words for ${keyword}: teach control-plane/crds-page.ts`)
  const each = field.additionalProperties ?? field.items
  const values = [
    ...wordsOf(field),
    ...(each ? wordsOf(each).map((one) => `${one} each`) : []),
    ...rulesOf(field),
    ...(each ? rulesOf(each) : []),
  ]
  return {
    path,
    type: typeOf(field),
    required,
    preset: field.default === undefined ? '' : `, \`${JSON.stringify(field.default)}\` by itself`,
    values: values.join('; ') || 'any',
    doc: field.description ?? '',
  }
}

function typeOf(field: Schema): string {
  if (field.additionalProperties) return `map of ${field.additionalProperties.type}s`
  if (field.items) return `list of ${field.items.type}s`
  return field.type ?? 'any'
}

function wordsOf(schema: Schema): readonly string[] {
  const words = schema.enum?.map((one) => `\`${one}\``).join(' or ')
  return [...(words === undefined ? [] : [words]), ...limitsOf(schema)]
}

function rulesOf({ [RULES]: rules = [] }: Schema): readonly string[] {
  return rules.map(({ message }) => message)
}

function limitsOf(schema: Schema): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, value]) => {
    const words = LIMITS[keyword]
    const named = keyword === 'pattern' ? NAMED_PATTERNS[String(value)] : undefined
    return words === undefined ? [] : [named ?? words.replace('$', () => String(value))]
  })
}

if (import.meta.main) writeFileSync(CRDS_PAGE, withCrds(readFileSync(CRDS_PAGE, 'utf8')))
