import { ANNOTATION_PREFIX, PROXY_PROTOCOL } from '../../core/contract.ts'
import { WeftError } from '../../core/errors.ts'
import { parseProxyProtocolPorts, type ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { PodObject } from '../registry/kinds/core.ts'

const NONE: ReadonlyMap<number, ProxyProtocolVersion> = new Map()

/**
 * Ports of the pod whose application wants the PROXY protocol. What cannot be read counts as absent: the injector has
 * warned whoever made the pod.
 */
export function proxyProtocolPortsOf(pod: PodObject): ReadonlyMap<number, ProxyProtocolVersion> {
  const text = pod.meta.annotations[ANNOTATION_PREFIX + PROXY_PROTOCOL]
  if (text === undefined) return NONE
  try {
    return parseProxyProtocolPorts(text)
  } catch (error) {
    if (error instanceof WeftError) return NONE
    throw error
  }
}
