import type { MeshClient } from './client.ts'
import { INBOUND, parseInboundCluster, parseOutbound, parsePod } from './names.ts'
import type { ResourceType } from './resource.ts'

/**
 * What a resource of this name follows, as `touchedBetween` names it: a Service or pod, or an address. Undefined: it
 * must be looked at whatever changed (targets of gRPC clients, names of nothing).
 */
export function scopeOf(type: ResourceType, name: string, client: MeshClient): string | undefined {
  const inbound = type === 'cluster' ? parseInboundCluster(name) : name === INBOUND
  if (inbound) return `${client.namespace}/${client.pod}`
  const outbound = type === 'listener' ? parseOutbound(name) : undefined
  if (outbound) return outbound.address
  const pod = parsePod(name)
  if (pod) return pod.key
  const [namespace, service, , ...more] = name.split('/')
  return type === 'listener' || !namespace || !service || more.length > 0
    ? undefined
    : `${namespace}/${service}`
}
