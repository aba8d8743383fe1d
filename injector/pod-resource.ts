import {
  annotatedAttributes,
  formatResourceAttributes,
  ownerAttributes,
  serviceName,
  serviceVersion,
} from '../core/resource-attributes.ts'
import type { PodView } from './pod.ts'

/**
 * What names a pod in telemetry, for the sidecar's OTEL_RESOURCE_ATTRIBUTES: as far as it is known at admission. A pod that
 * nothing but its own name names gets no `service.name` here, as that name may still have to be made.
 */
export function podResource(pod: PodView): string {
  const named = {
    name: pod.name,
    labels: Object.fromEntries(pod.labels),
    annotations: Object.fromEntries(pod.annotations),
    owner: pod.owner,
  }
  const attributes = new Map([
    ...annotatedAttributes(named),
    ['service.name', serviceName(named)] as const,
    ['service.version', serviceVersion(named, pod.containers[0]?.image ?? '')] as const,
    ...ownerAttributes(named),
  ])
  return formatResourceAttributes([...attributes].filter(([, value]) => value !== ''))
}
