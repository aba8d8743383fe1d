import { createRequire } from 'node:module'
import { didYouMean } from '../../core/closest-name.ts'
import { remedyOf } from '../../control-plane/problems/remedy.ts'
import type { FieldPath, FieldProblem } from '../../control-plane/registry/fields.ts'

/** A field as Kubernetes' OpenAPI has it: its name, and `string`, `Array<V1Container>`, `{ [key: string]: string; }` ... */
interface Attribute {
  readonly baseName: string
  readonly type: string
}

type Report = (problem: FieldProblem & { readonly remedy: string }) => void

const require = createRequire(import.meta.url)
/** Made from Kubernetes' OpenAPI, one file a type; only those that manifests need are loaded. */
const MODELS = '@kubernetes/client-node/dist/gen/models'

/** Where two groups have a kind of one name and version. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  'v1 Event': 'CoreV1Event',
  'events.k8s.io/v1 Event': 'EventsV1Event',
}

/** Quantities, which may be numbers too: OpenAPI calls them strings. */
const QUANTITIES = new Set([
  'V1ResourceRequirements.limits',
  'V1ResourceRequirements.requests',
  'V1VolumeResourceRequirements.limits',
  'V1VolumeResourceRequirements.requests',
  'V1EmptyDirVolumeSource.sizeLimit',
  'V1ResourceFieldSelector.divisor',
  'V1PodSpec.overhead',
  'V1Overhead.podFixed',
  'V1ResourceQuotaSpec.hard',
  'V1PersistentVolumeSpec.capacity',
  'V1LimitRangeItem._default',
  'V1LimitRangeItem.default',
  'V1LimitRangeItem.defaultRequest',
  'V1LimitRangeItem.max',
  'V1LimitRangeItem.min',
  'V1LimitRangeItem.maxLimitRequestRatio',
  'V2MetricTarget.averageValue',
  'V2MetricTarget.value',
])

const MOST_LISTED = 12
const types = new Map<string, ReadonlyMap<string, string> | undefined>()

/**
 * What Kubernetes would refuse of an object by the schema of its kind: fields that are not there, and values of a wrong type.
 * Kinds that it does not know have none.
 */
export function schemaProblems(
  apiVersion: string,
  kind: string,
  value: unknown,
): (FieldProblem & { remedy: string })[] {
  const version = apiVersion.split('/').at(-1) ?? ''
  const type =
    OTHER_NAMES[`${apiVersion} ${kind}`] ?? `${version.charAt(0).toUpperCase()}${version.slice(1)}${kind}`
  const problems: (FieldProblem & { remedy: string })[] = []
  if (fieldsOf(type)) check(value, type, [], (problem) => problems.push(problem))
  return problems
}

function check(value: unknown, type: string, path: FieldPath, report: Report, quantity = false): void {
  if (value === null || value === undefined || type === 'any' || type === 'object') return
  const items = /^Array<(.+)>$/.exec(type)?.[1]
  if (items !== undefined) {
    if (!Array.isArray(value)) return wrong(path, 'a list', value, report)
    for (const [index, item] of value.entries()) check(item, items, [...path, index], report)
    return
  }
  const entries = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1]
  if (entries !== undefined) {
    if (!isMap(value)) return wrong(path, 'a map', value, report)
    for (const [key, item] of Object.entries(value)) check(item, entries, [...path, key], report, quantity)
    return
  }
  const scalar = scalarCheck(type, quantity)
  if (scalar) {
    if (!scalar.fits(value)) wrong(path, scalar.is, value, report)
    return
  }
  const fields = fieldsOf(type)
  if (!fields) return
  if (!isMap(value)) return wrong(path, 'a map', value, report)
  for (const [name, item] of Object.entries(value)) {
    const own = fields.get(name)
    if (own === undefined) {
      const known = [...fields.keys()].slice(0, MOST_LISTED).join(', ')
      const more = fields.size > MOST_LISTED ? ' and others' : ''
      const message = 'is no field that Kubernetes has there'
      report({
        path: [...path, name],
        message,
        remedy: didYouMean(name, fields.keys(), `take it out; there are ${known}${more}`),
      })
    } else check(item, own, [...path, name], report, QUANTITIES.has(`${type}.${name}`))
  }
}

function scalarCheck(
  type: string,
  quantity: boolean,
): { readonly is: string; fits(value: unknown): boolean } | undefined {
  switch (type) {
    case 'string':
      return quantity
        ? {
            is: 'a quantity such as 128Mi',
            fits: (value) => typeof value === 'string' || typeof value === 'number',
          }
        : { is: 'a string', fits: (value) => typeof value === 'string' }
    case 'number':
      return { is: 'an integer', fits: (value) => typeof value === 'number' && Number.isInteger(value) }
    case 'boolean':
      return { is: 'true or false', fits: (value) => typeof value === 'boolean' }
    case 'IntOrString':
      return {
        is: 'an integer or a string',
        fits: (value) => typeof value === 'string' || Number.isInteger(value),
      }
    case 'Date':
    case 'V1MicroTime':
      return { is: 'a time such as 2026-01-31T12:00:00Z', fits: (value) => typeof value === 'string' }
    default:
      return undefined
  }
}

function wrong(path: FieldPath, is: string, value: unknown, report: Report): void {
  const text = JSON.stringify(value)
  const message = `must be ${is}, got ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`
  report({ path, message, remedy: remedyOf(String(path.at(-1) ?? ''), message) })
}

/** The fields of a type; undefined of one that is not there. */
function fieldsOf(type: string): ReadonlyMap<string, string> | undefined {
  if (types.has(type)) return types.get(type)
  const fields = /^[A-Za-z0-9]+$/.test(type) ? load(type) : undefined
  types.set(type, fields)
  return fields
}

function load(type: string): ReadonlyMap<string, string> | undefined {
  let model: Record<string, { readonly attributeTypeMap?: readonly Attribute[] } | undefined>
  try {
    model = require(`${MODELS}/${type}.js`) as typeof model
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
  const attributes = model[type]?.attributeTypeMap
  return attributes && new Map(attributes.map(({ baseName, type: own }) => [baseName, own]))
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
