import type { PodTemplate } from '../manifest/objects.ts'
import type { OwnedPod } from './owned-pod.ts'

export interface DaemonSetPlan {
  /** Nodes to make a pod on now. */
  readonly create: readonly string[]
  /** Names of the pods to stop now. */
  readonly stop: readonly string[]
}

/**
 * One pod for each of `nodes`, the next step; called again after every change of a pod. A new template is rolled out one
 * node after the other: `maxUnavailable` is 1 and `maxSurge` 0, as Kubernetes has it by default.
 */
export function planDaemonSet(
  hash: string,
  nodes: readonly string[],
  pods: readonly (OwnedPod & { readonly node: string })[],
): DaemonSetPlan {
  const living = pods.filter((pod) => !pod.terminating)
  const create = nodes.filter((node) => !living.some((pod) => pod.node === node))
  const seen = new Set<string>()
  const surplus = living.filter((pod) => {
    const first = nodes.includes(pod.node) && !seen.has(pod.node)
    seen.add(pod.node)
    return !first
  })
  const kept = living.filter((pod) => !surplus.includes(pod))
  const old = kept.filter((pod) => pod.hash !== hash)
  const broken = old.filter((pod) => !pod.ready)
  const calm = create.length === 0 && kept.every((pod) => pod.ready)
  const next = calm ? old.slice(0, 1) : broken
  return { create, stop: [...surplus, ...next].map((pod) => pod.name) }
}

/** The template of a DaemonSet's pod for one node. */
export function nodeTemplate(template: PodTemplate, node: string): PodTemplate {
  return {
    ...template,
    raw: { ...template.raw, spec: { ...(template.raw.spec as object), nodeName: node } },
    spec: { ...template.spec, nodeName: node },
  }
}
