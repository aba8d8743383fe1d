import type { PodObject } from '../registry/kinds/core.ts'

/** As injector/contract.ts names it. */
export const PROXY_CONTAINER = 'weft-proxy'

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
