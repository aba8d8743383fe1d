import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { isObject, type Json, type JsonObject } from '../../injector/json-patch.ts'

type Asks = Pick<KubernetesConnection, 'request'>

/** An object of the API server: its metadata, and the rest as it came. */
export interface ClusterObject {
  readonly name: string
  /** '' for what has none. */
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly body: JsonObject
}

const PAGE = 500

/** All objects of a collection such as `/api/v1/pods`. Throws KubernetesError. */
export async function listObjects(
  connection: Asks,
  path: string,
  selector: { readonly labelSelector?: string; readonly fieldSelector?: string } = {},
): Promise<ClusterObject[]> {
  const found: ClusterObject[] = []
  let next: string | undefined
  do {
    const query = { ...selector, limit: PAGE, continue: next }
    const page = (await connection.request({ method: 'GET', path, query })) as Json
    for (const item of listAt(page, 'items')) if (isObject(item)) found.push(clusterObject(item))
    next = textAt(page, 'metadata', 'continue') || undefined
  } while (next !== undefined)
  return found
}

/** The object at a path, or undefined when there is none. Throws KubernetesError. */
export async function getObject(connection: Asks, path: string): Promise<ClusterObject | undefined> {
  try {
    const body = (await connection.request({ method: 'GET', path })) as Json
    return isObject(body) ? clusterObject(body) : undefined
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return undefined
    throw error
  }
}

function clusterObject(body: JsonObject): ClusterObject {
  return {
    name: textAt(body, 'metadata', 'name'),
    namespace: textAt(body, 'metadata', 'namespace'),
    labels: textsAt(body, 'metadata', 'labels'),
    annotations: textsAt(body, 'metadata', 'annotations'),
    body,
  }
}

type Steps = readonly (string | number)[]

/** What is at these steps, or undefined. */
export function valueAt(value: Json | undefined, ...steps: Steps): Json | undefined {
  let at = value
  for (const step of steps) {
    if (Array.isArray(at)) at = at[Number(step)]
    else at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined
  }
  return at
}

export function listAt(value: Json | undefined, ...steps: Steps): readonly Json[] {
  const found = valueAt(value, ...steps)
  return Array.isArray(found) ? found : []
}

export function textAt(value: Json | undefined, ...steps: Steps): string {
  const found = valueAt(value, ...steps)
  return typeof found === 'string' ? found : ''
}

export function numberAt(value: Json | undefined, ...steps: Steps): number {
  const found = valueAt(value, ...steps)
  return typeof found === 'number' ? found : 0
}

export function textsAt(value: Json | undefined, ...steps: Steps): Record<string, string> {
  const found = valueAt(value, ...steps)
  const entries = Object.entries(isObject(found) ? found : {})
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
