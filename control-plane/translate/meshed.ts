import { PROXY_CONTAINER } from '../../core/contract.ts'
import type { PodObject } from '../registry/kinds/core.ts'

/**
 * The pod has a sidecar, so its connections are mutual TLS. Its containers decide: the annotations that the
 * injector leaves could be written by anybody who makes a pod.
 */
export function isMeshed(pod: PodObject): boolean {
  return !pod.hostNetwork && pod.containers.includes(PROXY_CONTAINER)
}

export function identityOf(pod: PodObject, trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/${pod.meta.namespace}/sa/${pod.serviceAccount}`
}
