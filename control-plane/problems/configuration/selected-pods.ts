import type { ServiceObject } from '../../registry/kinds/core.ts'
import { selects, type Labels } from '../../registry/kinds/label-selector.ts'
import type { CheckedPod } from './checked-mesh.ts'

export function selectedPods(service: ServiceObject, pods: readonly CheckedPod[]): readonly CheckedPod[] {
  if (Object.keys(service.selector).length === 0 || service.type === 'ExternalName') return []
  return podsWith(service.meta.namespace, service.selector, pods)
}

/** Of a namespace those that have all labels of the selector; without one, all. */
export function podsWith(
  namespace: string,
  selector: Labels | undefined,
  pods: readonly CheckedPod[],
): readonly CheckedPod[] {
  const { all, labelled } = indexOf(pods)
  const labels = Object.entries(selector ?? {})
  if (selector === undefined || labels.length === 0) return all.get(namespace) ?? []
  // Of the labels the one that fewest pods have.
  const candidates = labels
    .map(([key, value]) => labelled.get(keyOf(namespace, key, value)) ?? [])
    .reduce((fewest, one) => (one.length < fewest.length ? one : fewest))
  return labels.length === 1 ? candidates : candidates.filter(({ meta }) => selects(selector, meta.labels))
}

interface PodIndex {
  readonly all: ReadonlyMap<string, readonly CheckedPod[]>
  readonly labelled: ReadonlyMap<string, readonly CheckedPod[]>
}

const indexes = new WeakMap<readonly CheckedPod[], PodIndex>()

/** Each Service and each policy asks for its own, and there are many of all three. */
function indexOf(pods: readonly CheckedPod[]): PodIndex {
  const known = indexes.get(pods)
  if (known) return known
  const labelled = new Map<string, CheckedPod[]>()
  for (const pod of pods)
    for (const [key, value] of Object.entries(pod.meta.labels)) {
      const label = keyOf(pod.meta.namespace, key, value)
      const same = labelled.get(label)
      if (same) same.push(pod)
      else labelled.set(label, [pod])
    }
  const made = { all: Map.groupBy(pods, ({ meta }) => meta.namespace), labelled }
  indexes.set(pods, made)
  return made
}

/** None of the three may have a blank in it. */
function keyOf(namespace: string, key: string, value: string): string {
  return `${namespace} ${key} ${value}`
}
