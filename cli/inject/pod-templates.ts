import { WeftError } from '../../core/errors.ts'
import { isObject } from '../../injector/json-patch.ts'
import type { Json, JsonObject } from '../../injector/json-patch.ts'

export type Path = readonly (string | number)[]

/** A pod in a document: one by itself, or what a workload makes its pods from. */
export interface PodTemplate {
  /** Of the object that it belongs to. */
  readonly kind: string
  readonly name: string
  readonly namespace: string | undefined
  /** Where the pod's own `metadata` and `spec` are. */
  readonly path: Path
  readonly pod: JsonObject
}

const TEMPLATE: Path = ['spec', 'template']
const WORKLOADS: Readonly<Record<string, Path>> = {
  'v1 Pod': [],
  'v1 ReplicationController': TEMPLATE,
  'apps/v1 Deployment': TEMPLATE,
  'apps/v1 StatefulSet': TEMPLATE,
  'apps/v1 DaemonSet': TEMPLATE,
  'apps/v1 ReplicaSet': TEMPLATE,
  'batch/v1 Job': TEMPLATE,
  'batch/v1 CronJob': ['spec', 'jobTemplate', ...TEMPLATE],
}

/** All pods of a document, those in a List too. Throws WeftError `inject.object` with the field's path. */
export function podTemplates(document: Json, path: Path = []): PodTemplate[] {
  if (!isObject(document)) return []
  const { apiVersion, kind, items } = document
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') return []
  if (kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item, at) => podTemplates(withKind(item, kind, apiVersion), [...path, 'items', at]))
  const below = WORKLOADS[`${apiVersion} ${kind}`]
  if (!below) return []
  const metadata = isObject(document['metadata']) ? document['metadata'] : {}
  const { name, generateName, namespace } = metadata
  return [
    {
      kind,
      name: typeof name === 'string' ? name : typeof generateName === 'string' ? `${generateName}*` : '',
      namespace: typeof namespace === 'string' && namespace !== '' ? namespace : undefined,
      path: [...path, ...below],
      pod: at(document, below, path),
    },
  ]
}

/** Items of a typed list such as PodList need not say what they are. */
function withKind(item: Json, list: string, apiVersion: string): Json {
  if (!isObject(item) || list === 'List' || item['kind'] !== undefined) return item
  return { ...item, kind: list.slice(0, -'List'.length), apiVersion }
}

function at(document: JsonObject, steps: Path, path: Path): JsonObject {
  let value: Json = document
  for (const [count, step] of steps.entries()) {
    value = isObject(value) ? (value[step] ?? null) : null
    if (!isObject(value))
      throw new WeftError('inject.object', 'must be an object', {
        field: pathText([...path, ...steps.slice(0, count + 1)]),
      })
  }
  return value
}

/** `items[2].spec.template` */
export function pathText(path: Path): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : at === 0 ? step : `.${step}`))
    .join('')
}
