import { ANNOTATION_PREFIX, OPAQUE_PORTS } from '../../core/contract.ts'
import type { PodObject } from '../registry/kinds/core.ts'

const NONE: ReadonlySet<number> = new Set()

/** What is no port is passed over here: the injector has warned whoever made the pod. */
export function opaquePortsOf(pod: PodObject): ReadonlySet<number> {
  const text = pod.meta.annotations[ANNOTATION_PREFIX + OPAQUE_PORTS]
  if (text === undefined) return NONE
  const ports = text.split(',').map((item) => (/^ *[1-9][0-9]{0,4} *$/.test(item) ? Number(item) : 0))
  return new Set(ports.filter((port) => port > 0 && port <= 65535))
}
