import type { PodObject } from '../registry/kinds/core.ts'

/** As injector/contract.ts has them: what an injected pod is known by. */
const STATUS_ANNOTATION = 'weft.dev/status'
export const PROXY_CONTAINER = 'weft-proxy'

/** The pod has a sidecar, so its connections are mutual TLS. */
export function isMeshed(pod: PodObject): boolean {
  if (pod.hostNetwork) return false
  return Object.hasOwn(pod.meta.annotations, STATUS_ANNOTATION) || pod.containers.includes(PROXY_CONTAINER)
}

export function identityOf(pod: PodObject, trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/${pod.meta.namespace}/sa/${pod.serviceAccount}`
}
