import type { InjectionDecision, Injections } from '../../../core/api/injections.ts'
import { INJECT_LABEL } from '../../../core/contract.ts'
import { decide, EXCLUDED_NAMESPACES, type Reason } from '../../../core/injection/decide.ts'
import type { PodObject } from '../../registry/kinds/core.ts'
import type { Snapshot } from '../../registry/snapshot.ts'

/** It should have a sidecar, by its labels and its namespace's, and has none. */
const MISSED = 'missed'
/** It has one. */
const INJECTED = 'injected'
/** More of the pods without a sidecar are counted and not listed. */
const MOST_LISTED = 1000

const TEXTS: Readonly<
  Record<Exclude<Reason, 'already-injected' | 'pod-enabled' | 'namespace-enabled'>, string>
> = {
  'excluded-namespace': 'Pods of its namespace are never injected.',
  'mirror-pod': 'It is a static pod, which the API server cannot change.',
  'pod-disabled': `It asks for none: label ${INJECT_LABEL}: disabled.`,
  'namespace-disabled': `Its namespace asks for none: label ${INJECT_LABEL}: disabled.`,
  'namespace-not-enabled': `Neither it nor its namespace has the label ${INJECT_LABEL}: enabled.`,
  'host-network': 'It is on its node’s network (hostNetwork), whose rules it would change for all.',
  windows: 'It runs on Windows; the sidecar runs on Linux only.',
  'other-mesh': 'It has the sidecar of another mesh.',
  'reserved-name': 'It has a container or volume with a name of the sidecar’s.',
}

/** What the injector decides of each pod that there is and is not over, in one namespace or all. */
export function injectionsOf(
  { pods, namespaces }: Pick<Snapshot, 'pods' | 'namespaces'>,
  hasSidecar: (pod: string) => boolean,
  namespace?: string,
): Injections {
  const counts = new Map<string, number>()
  const without: InjectionDecision[] = []
  for (const [key, pod] of pods) {
    const { meta, finished } = pod
    if (finished || (namespace !== undefined && meta.namespace !== namespace)) continue
    const reason = hasSidecar(key)
      ? INJECTED
      : reasonOf(pod, namespaces.get(meta.namespace)?.meta.labels ?? {})
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (reason === INJECTED) continue
    without.push({ namespace: meta.namespace, pod: meta.name, reason, ...wordsOf(reason) })
  }
  // Who should have one and has none comes first.
  without.sort((a, b) => rank(a) - rank(b) || compare(a.namespace, b.namespace) || compare(a.pod, b.pod))
  const more = Math.max(0, without.length - MOST_LISTED)
  return {
    counts: [...counts]
      .map(([reason, count]) => ({ reason, injected: reason === INJECTED, pods: count }))
      .sort((a, b) => b.pods - a.pods || compare(a.reason, b.reason)),
    without: without.slice(0, MOST_LISTED),
    more,
  }
}

/** Of a pod without a sidecar. Its system and volumes are not read here: who is left out for them counts as missed. */
function reasonOf(
  { meta, containers, hostNetwork }: PodObject,
  labels: Readonly<Record<string, string>>,
): string {
  const decision = decide({
    pod: {
      labels: new Map(Object.entries(meta.labels)),
      annotations: new Map(Object.entries(meta.annotations)),
      hostNetwork,
      os: undefined,
      containers: containers.map((name) => ({ name })),
      initContainers: [],
      volumeNames: [],
    },
    namespace: { name: meta.namespace, labels: new Map(Object.entries(labels)) },
    excludedNamespaces: EXCLUDED_NAMESPACES,
    reservedVolumes: [],
  })
  return decision.inject || decision.reason === 'already-injected' ? MISSED : decision.reason
}

function wordsOf(reason: string): Pick<InjectionDecision, 'text' | 'remedy'> {
  if (reason === MISSED)
    return {
      text: 'It should have a sidecar and has none: it was made before its namespace asked for them or while no injector answered, or the injector left it out with a warning.',
      remedy: 'Make it anew (kubectl rollout restart), and read the warnings then.',
    }
  return { text: (TEXTS as Readonly<Record<string, string>>)[reason] ?? reason, remedy: '' }
}

const EXPECTED: ReadonlySet<string> = new Set(['excluded-namespace', 'mirror-pod', 'namespace-not-enabled'])

function rank({ reason }: InjectionDecision): number {
  return reason === MISSED ? 0 : EXPECTED.has(reason) ? 2 : 1
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
