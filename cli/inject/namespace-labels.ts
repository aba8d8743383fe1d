import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { WeftError } from '../../core/errors.ts'
import { isObject } from '../../injector/json-patch.ts'
import type { Json } from '../../injector/json-patch.ts'
import { getObject } from '../cluster/objects.ts'

export type Labels = Readonly<Record<string, string>>

/**
 * The labels of each Namespace of a document, those in a List too, by its name; a later one wins, as it does when they are
 * applied. Throws WeftError `inject.object` for a label that the API server would not take.
 */
export function namespaceLabels(document: Json): ReadonlyMap<string, Labels> {
  const found = new Map<string, Labels>()
  collect(document, found)
  return found
}

function collect(object: Json | undefined, found: Map<string, Labels>): void {
  if (!isObject(object)) return
  const { apiVersion, kind, items, metadata } = object
  if (apiVersion !== 'v1') return
  if ((kind === 'List' || kind === 'NamespaceList') && Array.isArray(items)) {
    for (const item of items)
      collect(
        isObject(item) && kind === 'NamespaceList' ? { kind: 'Namespace', apiVersion, ...item } : item,
        found,
      )
    return
  }
  if (kind !== 'Namespace' || !isObject(metadata) || typeof metadata['name'] !== 'string') return
  const labels = Object.entries(isObject(metadata['labels']) ? metadata['labels'] : {})
  for (const [name, value] of labels)
    if (typeof value !== 'string')
      throw new WeftError('inject.object', `must be a string: put ${JSON.stringify(value)} in quotes`, {
        field: `metadata.labels.${name} of Namespace ${metadata['name']}`,
      })
  found.set(metadata['name'], Object.fromEntries(labels) as Labels)
}

/**
 * The labels that namespaces have in a cluster; those that are not there, or must not be read, are left out. Throws
 * KubernetesError when it gives no answer.
 */
export async function labelsInCluster(
  connection: Pick<KubernetesConnection, 'request'>,
  names: readonly string[],
): Promise<ReadonlyMap<string, Labels>> {
  const found = new Map<string, Labels>()
  for (const name of names) {
    try {
      const namespace = await getObject(connection, `/api/v1/namespaces/${encodeURIComponent(name)}`)
      if (namespace) found.set(name, namespace.labels)
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 403) throw error
    }
  }
  return found
}
