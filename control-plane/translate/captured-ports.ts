import { ANNOTATION_PREFIX } from '../../core/contract.ts'
import type { CapturedPorts } from '../model/mesh.ts'
import type { PodObject } from '../registry/kinds/core.ts'

/** Where a pod says nothing. */
const ALL: CapturedPorts = { include: '*', exclude: [] }

/**
 * Which incoming connections go through the sidecar, by the pod's annotations (injector/annotations.ts). One that cannot
 * be read counts as absent: the injector has warned whoever made the pod. Pods that say nothing share one object.
 */
export function capturedPortsOf(pod: PodObject): CapturedPorts {
  const said = (name: string): string | undefined => pod.meta.annotations[ANNOTATION_PREFIX + name]?.trim()
  const included = said('include-inbound-ports')
  const excluded = said('exclude-inbound-ports')
  if (included === undefined && excluded === undefined) return ALL
  return {
    include: included === undefined || included === '*' ? '*' : (portList(included) ?? '*'),
    exclude: excluded === undefined ? [] : (portList(excluded) ?? []),
  }
}

function portList(text: string): readonly number[] | undefined {
  const items = text.split(',').flatMap((item) => item.trim() || [])
  const ports = items.map((item) => (/^[1-9][0-9]{0,4}$/.test(item) ? Number(item) : 0))
  return ports.every((port) => port > 0 && port <= 65535) ? ports : undefined
}
