import type { CanaryObject } from '../registry/kinds/canary.ts'
import type { PodObject } from '../registry/kinds/core.ts'
import { slicesByService, type Snapshot } from '../registry/snapshot.ts'

/** What Deployments, and StatefulSets and DaemonSets, put on their pods. */
const HASH_LABELS = ['pod-template-hash', 'controller-revision-hash'] as const

export interface NewVersion {
  /** The hash of the newest ready pod's template; '' where pods have none. */
  readonly revision: string
  /** Endpoints of its Service that are ready. */
  readonly ready: number
}

/** What is behind the Service of the new version. */
export function newVersionOf({ meta, spec }: CanaryObject, snapshot: Snapshot): NewVersion {
  const { ready, pods } = readyPods(`${meta.namespace}/${spec.canary.name}`, snapshot)
  return { revision: pods[0] ? hashOf(pods[0]) : '', ready }
}

/** Hash of the template of all ready pods behind the stable Service; '' where there are none, or of several. */
export function stableRevision({ meta, spec }: CanaryObject, snapshot: Snapshot): string {
  const { pods } = readyPods(`${meta.namespace}/${spec.stable.name}`, snapshot)
  const [first, ...others] = new Set(pods.map(hashOf))
  return others.length === 0 ? (first ?? '') : ''
}

/** Newest pod first. */
function readyPods(
  service: string,
  snapshot: Snapshot,
): { readonly ready: number; readonly pods: PodObject[] } {
  const slices = slicesByService(snapshot.slices).get(service) ?? []
  const ready = slices.flatMap(({ endpoints }) => endpoints.filter((one) => one.ready && !one.terminating))
  const pods = ready
    .flatMap(({ pod }) => snapshot.pods.get(pod) ?? [])
    .sort((a, b) => b.meta.createdAt - a.meta.createdAt || (a.meta.name < b.meta.name ? -1 : 1))
  return { ready: ready.length, pods }
}

function hashOf({ meta }: PodObject): string {
  return HASH_LABELS.map((label) => meta.labels[label]).find((value) => value !== undefined) ?? ''
}
