type Labels = Readonly<Record<string, string>>

/** Of one pod, or of one version of its workload: the next has others. */
const OF_ONE_VERSION: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'controller-revision-hash',
  'pod-template-generation',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'batch.kubernetes.io/controller-uid',
  'controller-uid',
  'batch.kubernetes.io/job-name',
  'job-name',
  'batch.kubernetes.io/job-completion-index',
])
/** By which people name a workload; asked in this order. */
const NAMES = ['app', 'app.kubernetes.io/name', 'app.kubernetes.io/instance', 'k8s-app']
/** The injector's own say nothing of the workload. */
const OWN = /(^|\.)weft\.dev\//

/** Pods of one workload. */
export interface SelectablePods {
  readonly namespace: string
  readonly name: string
  readonly pods: readonly { readonly labels: Labels }[]
}

export interface PodSelector {
  readonly labels: Labels
  /** Names of other workloads of the namespace that it selects, too. */
  readonly others: readonly string[]
}

/**
 * Labels that select the pods of a workload, and of no other as far as there are such: one label if one does, else all that its
 * pods share. Undefined: no pod is there, or they share none.
 */
export function podSelector(
  workload: SelectablePods,
  all: readonly SelectablePods[],
): PodSelector | undefined {
  const [first, ...more] = workload.pods.map(({ labels }) => labels)
  if (!first) return undefined
  const shared = Object.entries(first).filter(
    ([key, value]) =>
      !OF_ONE_VERSION.has(key) && !OWN.test(key) && more.every((labels) => labels[key] === value),
  )
  if (shared.length === 0) return undefined
  const rank = ([key]: readonly [string, string]): number => {
    const at = NAMES.indexOf(key)
    return at === -1 ? NAMES.length : at
  }
  shared.sort((a, b) => rank(a) - rank(b) || (a[0] < b[0] ? -1 : 1))
  const others = (labels: Labels): readonly string[] =>
    all
      .filter((one) => one.namespace === workload.namespace && one !== workload)
      .filter(({ pods }) =>
        pods.some((pod) => Object.entries(labels).every(([key, value]) => pod.labels[key] === value)),
      )
      .map(({ name }) => name)
  const one = shared.map((label) => Object.fromEntries([label])).find((labels) => others(labels).length === 0)
  const labels = one ?? Object.fromEntries(shared)
  return { labels, others: others(labels) }
}
