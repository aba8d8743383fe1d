import type { CanaryObject } from '../registry/kinds/canary.ts'
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
  const slices = slicesByService(snapshot.slices).get(`${meta.namespace}/${spec.canary.name}`) ?? []
  const ready = slices.flatMap(({ endpoints }) => endpoints.filter((one) => one.ready && !one.terminating))
  const pods = ready
    .flatMap(({ pod }) => snapshot.pods.get(pod) ?? [])
    .sort((a, b) => b.meta.createdAt - a.meta.createdAt || (a.meta.name < b.meta.name ? -1 : 1))
  const labels = pods[0]?.meta.labels ?? {}
  const hash = HASH_LABELS.map((label) => labels[label]).find((value) => value !== undefined)
  return { revision: hash ?? '', ready: ready.length }
}
