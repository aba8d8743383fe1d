import type { StatefulSetObject } from '../manifest/objects.ts'
import type { OwnedPod } from './owned-pod.ts'

export interface StatefulSetPlan {
  /** Ordinals of the pods to create now. */
  readonly create: readonly number[]
  /** Names of the pods to stop now. */
  readonly stop: readonly string[]
}

/**
 * The next step towards a StatefulSet's wish; called again after every change of a pod. Pods come in the order of their
 * ordinals, each when those before it are ready, and go in the opposite order, one after the other; all at once where
 * `parallel` says so. A new template is rolled out from the highest ordinal down, one pod at a time. Source:
 * Kubernetes, StatefulSets, deployment and scaling guarantees.
 */
export function planStatefulSet(
  set: Pick<StatefulSetObject, 'name' | 'replicas' | 'firstOrdinal' | 'parallel' | 'partition'> & {
    readonly hash: string
  },
  pods: readonly OwnedPod[],
): StatefulSetPlan {
  const byName = new Map(pods.map((pod) => [pod.name, pod]))
  const wanted = Array.from({ length: set.replicas }, (_, index) => set.firstOrdinal + index)
  const create: number[] = []
  for (const ordinal of wanted) {
    const pod = byName.get(`${set.name}-${ordinal}`)
    if (!pod) create.push(ordinal)
    if (!set.parallel && !(pod?.ready === true && !pod.terminating)) break
  }
  const names = new Set(wanted.map((ordinal) => `${set.name}-${ordinal}`))
  const living = pods.filter((pod) => !pod.terminating)
  const surplus = living.filter((pod) => !names.has(pod.name)).sort(byOrdinal)
  if (set.parallel)
    return { create, stop: [...surplus.map((pod) => pod.name), ...outdated(set, pods, names)] }
  const calm = living.length === pods.length
  if (surplus.length > 0) return { create, stop: calm && surplus[0] ? [surplus[0].name] : [] }
  return { create, stop: create.length > 0 ? [] : outdated(set, pods, names) }
}

/** The one pod that makes way for the new template: none while another one is on its way, or not ready. */
function outdated(
  set: { readonly hash: string; readonly partition: number },
  pods: readonly OwnedPod[],
  names: ReadonlySet<string>,
): string[] {
  const own = pods.filter((pod) => names.has(pod.name))
  const old = own.filter((pod) => pod.hash !== set.hash && ordinalOf(pod) >= set.partition).sort(byOrdinal)
  const [next] = old
  if (!next || own.length < names.size) return []
  const others = own.filter((pod) => pod !== next)
  return next.terminating || !others.every((pod) => pod.ready && !pod.terminating) ? [] : [next.name]
}

function ordinalOf(pod: OwnedPod): number {
  return Number(pod.name.slice(pod.name.lastIndexOf('-') + 1))
}

/** The highest first. */
function byOrdinal(a: OwnedPod, b: OwnedPod): number {
  return ordinalOf(b) - ordinalOf(a)
}
