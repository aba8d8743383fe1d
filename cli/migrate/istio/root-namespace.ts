import { SYSTEM_NAMESPACE } from '../../../core/contract.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { selectedPods } from '../selected-pods.ts'
import type { KnownObjects } from '../known-objects.ts'
import type { ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'

/** Whose policies Istio takes for the whole mesh, unless it was told another. */
export const ROOT_NAMESPACE = 'istio-system'

/**
 * Where a policy has to be to hold for the same pods. In the root namespace it is for the whole mesh; with labels for pods of
 * all namespaces, and here each namespace needs one.
 */
export function placesOf(
  own: ObjectId,
  matchLabels: JsonObject | undefined,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): readonly ObjectId[] {
  if (own.namespace !== ROOT_NAMESPACE) return [own]
  if (!matchLabels) return [{ ...own, namespace: SYSTEM_NAMESPACE }]
  const found = new Set(selectedPods(known, undefined, matchLabels).map(({ namespace }) => namespace))
  const field = ['spec', 'selector']
  if (found.size === 0)
    notes.lost(
      field,
      `is for pods of all namespaces, and a selector here is for those of its own; no pod of the input has its labels`,
      'add the workloads to the input, or write the policy into each namespace that has such pods',
    )
  else
    notes.changed(
      field,
      `is for pods of all namespaces, and is printed for those of the input: ${[...found].sort().join(', ')}`,
      'write it into other namespaces that have such pods',
    )
  return [...found].sort().map((namespace) => ({ ...own, namespace }))
}

/** Undefined where a selector names no labels, which is for every pod. */
export function labelsOf(labels: Readonly<Record<string, string>> | undefined): JsonObject | undefined {
  return labels && Object.keys(labels).length > 0 ? { ...labels } : undefined
}
