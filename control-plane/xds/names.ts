import { isIP } from 'node:net'
import { canonicalAddress } from '../../core/ip-address.ts'
import { INBOUND_LISTENER, OUTBOUND_LISTENER_PREFIX } from '../../core/contract.ts'
import type { ProxyProtocolVersion } from '../../core/proxy-protocol.ts'
import type { Mesh, MeshService, ServicePort, Workload } from '../model/mesh.ts'

/** The listener of a sidecar's own pod; the cluster and the routes behind it have its name. */
export const INBOUND = INBOUND_LISTENER

/** The cluster behind ports of the pod whose application wants the PROXY protocol. */
export function inboundCluster(proxyProtocol: ProxyProtocolVersion | undefined): string {
  return proxyProtocol === undefined ? INBOUND : `${INBOUND}-proxy-protocol-${proxyProtocol}`
}

/** Undefined: it is no cluster behind a sidecar's own pod. */
export function parseInboundCluster(
  name: string,
): { readonly proxyProtocol: ProxyProtocolVersion | undefined } | undefined {
  const proxyProtocol = [undefined, 'v1', 'v2'] as const
  const found = proxyProtocol.findIndex((version) => inboundCluster(version) === name)
  return found < 0 ? undefined : { proxyProtocol: proxyProtocol[found] }
}

const CLUSTER_DOMAIN = 'cluster.local'

export function outboundName(address: string, port: number): string {
  return `${OUTBOUND_LISTENER_PREFIX}${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}

export function podName(workload: Workload, port: number): string {
  return `pod/${workload.key}/${port}`
}

/** `outbound/<ip>:<port>`, IPv6 in brackets. */
export function parseOutbound(name: string): { readonly address: string; readonly port: number } | undefined {
  if (!name.startsWith(OUTBOUND_LISTENER_PREFIX)) return undefined
  const destination = name.slice(OUTBOUND_LISTENER_PREFIX.length)
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(destination)
  const address = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (address === undefined || isIP(address) === 0 || port < 1 || port > 65535) return undefined
  return { address: canonicalAddress(address), port }
}

/** `pod/<namespace>/<pod>/<port>` */
export function parsePod(name: string): { readonly key: string; readonly port: number } | undefined {
  const match = /^pod\/([^/]+\/[^/]+)\/(\d{1,5})$/.exec(name)
  const port = Number(match?.[2])
  return match?.[1] === undefined || port < 1 || port > 65535 ? undefined : { key: match[1], port }
}

/** `<namespace>/<service>/<port>`, with `@<client-namespace>` for a consumer's routes. */
export function parseRouteName(name: string): {
  readonly portKey: string
  readonly consumer: string | undefined
} {
  const at = name.indexOf('@')
  return at < 0
    ? { portKey: name, consumer: undefined }
    : { portKey: name.slice(0, at), consumer: name.slice(at + 1) }
}

export function servicePort(
  mesh: Mesh,
  portKey: string,
): { readonly service: MeshService; readonly port: ServicePort } | undefined {
  const slash = portKey.lastIndexOf('/')
  const service = mesh.services.get(portKey.slice(0, slash))
  const port = service?.ports.find((one) => one.key === portKey)
  return service && port && { service, port }
}

/**
 * Service and port that an `xds:///` target means: `svc:port` in the client's namespace, `svc.ns:port`,
 * `svc.ns.svc:port`, `svc.ns.svc.cluster.local:port`.
 */
export function parseTarget(
  mesh: Mesh,
  name: string,
  clientNamespace: string,
): { readonly service: MeshService; readonly port: ServicePort } | undefined {
  const match =
    /^([a-z0-9][-a-z0-9]*)(?:\.([a-z0-9][-a-z0-9]*)(\.svc(?:\.([-a-z0-9.]+?))?)?)?\.?:(\d{1,5})$/.exec(name)
  if (!match || (match[4] !== undefined && match[4] !== CLUSTER_DOMAIN)) return undefined
  return servicePort(mesh, `${match[2] ?? clientNamespace}/${match[1]}/${Number(match[5])}`)
}
