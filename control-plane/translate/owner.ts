import { formatPeerWorkload, workloadOfResource } from '../../core/peer-workload.ts'
import { ownerAttributes, serviceVersion } from '../../core/resource-attributes.ts'
import type { PodObject } from '../registry/kinds/core.ts'

/** What a pod's workload is called, for its callers' telemetry; the version as far as labels and annotations say it. */
export function ownerOf({ meta, owner }: PodObject): string {
  const named = { ...meta, owner }
  const workload = workloadOfResource(
    new Map([
      ...ownerAttributes(named),
      ['k8s.pod.name', meta.name],
      ['service.version', serviceVersion(named, '')],
    ]),
  )
  return workload ? formatPeerWorkload(workload) : ''
}
