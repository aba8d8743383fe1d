import { isIP } from 'node:net'
import type { PodOwner } from '../../../core/resource-attributes.ts'
import type { Fields } from '../fields.ts'
import { canonicalAddress } from '../../../core/ip-address.ts'
import { readMeta, type Meta } from './meta.ts'

/** Of Kubernetes' core objects, what the mesh reads. Their other fields are the API server's business. */
export interface NamespaceObject {
  readonly kind: 'Namespace'
  readonly meta: Meta
}

export interface ServiceAccountObject {
  readonly kind: 'ServiceAccount'
  readonly meta: Meta
}

export interface ServiceObject {
  readonly kind: 'Service'
  readonly meta: Meta
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'
  readonly headless: boolean
  readonly clusterIPs: readonly string[]
  /** `externalIPs`, and those of its load balancer that nodes take for their own (KEP-1860). */
  readonly externalIPs: readonly string[]
  /** Labels of its pods; empty: somebody else writes its endpoints. */
  readonly selector: Readonly<Record<string, string>>
  /** Of trafficDistribution: whose endpoints are preferred; undefined: nobody's. */
  readonly nearness: 'zone' | 'node' | undefined
  /** `internalTrafficPolicy: Local`: callers reach the endpoints of their own node, and no others. */
  readonly ownNodeOnly: boolean
  readonly ports: readonly ServiceObjectPort[]
  /** Of `sessionAffinity: ClientIP`; undefined: none. */
  readonly affinitySeconds: number | undefined
}

export interface ServiceObjectPort {
  readonly name: string
  readonly port: number
  /** A number, or the name of a container port; undefined: the same as `port`. */
  readonly targetPort: number | string | undefined
  readonly appProtocol: string | undefined
}

export interface PodObject {
  readonly kind: 'Pod'
  readonly meta: Meta
  /** '' of a manifest. */
  readonly uid: string
  readonly serviceAccount: string
  /** Its controller. */
  readonly owner: PodOwner | undefined
  readonly hostNetwork: boolean
  readonly ips: readonly string[]
  /** Names of containers and init containers. */
  readonly containers: readonly string[]
  readonly ports: readonly { readonly container: string; readonly name: string; readonly port: number }[]
  readonly node: string
  /** Succeeded or Failed: its address may already be another pod's. */
  readonly finished: boolean
}

export function readNamespace(object: Fields): NamespaceObject {
  return { kind: 'Namespace', meta: readMeta(object, 'cluster') }
}

export function readServiceAccount(object: Fields): ServiceAccountObject {
  return { kind: 'ServiceAccount', meta: readMeta(object, 'namespaced') }
}

/** By trafficDistribution (Kubernetes, Service; PreferClose is the older name of PreferSameZone). Others say nothing to us. */
const NEARNESS: Readonly<Record<string, ServiceObject['nearness']>> = {
  PreferClose: 'zone',
  PreferSameZone: 'zone',
  PreferSameNode: 'node',
}

export function readService(object: Fields): ServiceObject {
  const meta = readMeta(object, 'namespaced')
  const spec = object.map('spec')
  const single = spec.text('clusterIP') ?? ''
  const listed = spec.texts('clusterIPs')
  const addresses = listed.length > 0 ? listed : single === '' ? [] : [single]
  for (const address of addresses) {
    if (address !== 'None' && isIP(address) === 0) {
      spec.problem(`must be an IP address or None, got ${JSON.stringify(address)}`, 'clusterIP')
    }
  }
  return {
    kind: 'Service',
    meta,
    type: spec.oneOf('type', ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']) ?? 'ClusterIP',
    headless: addresses.includes('None'),
    selector: spec.stringMap('selector'),
    clusterIPs: addresses.filter((address) => isIP(address) !== 0).map(canonicalAddress),
    externalIPs: readExternalIPs(spec, object.map('status')),
    ownNodeOnly: spec.oneOf('internalTrafficPolicy', ['Cluster', 'Local']) === 'Local',
    nearness: NEARNESS[spec.text('trafficDistribution') ?? ''],
    ports: spec.list('ports', readServicePort).filter((port) => port !== undefined),
    affinitySeconds: readAffinity(spec),
  }
}

/** With `ipMode: Proxy` the load balancer wants to see the traffic itself. */
function readExternalIPs(spec: Fields, status: Fields): readonly string[] {
  const external = spec.texts('externalIPs')
  for (const [index, address] of external.entries()) {
    if (isIP(address) === 0)
      spec.problem(`must be an IP address, got ${JSON.stringify(address)}`, 'externalIPs', index)
  }
  const balanced = status
    .map('loadBalancer')
    .list('ingress', (one) => (one.text('ipMode') === 'Proxy' ? '' : (one.text('ip') ?? '')))
  const addresses = [...external, ...balanced].filter((address) => isIP(address) !== 0)
  return [...new Set(addresses.map(canonicalAddress))]
}

/** 3 hours unless said otherwise, a day at most (Service, SessionAffinityConfig). */
function readAffinity(spec: Fields): number | undefined {
  const affinity = spec.oneOf('sessionAffinity', ['None', 'ClientIP'])
  const seconds = spec.map('sessionAffinityConfig').map('clientIP').integer('timeoutSeconds', 1, 86_400)
  return affinity === 'ClientIP' ? (seconds ?? 10_800) : undefined
}

function readServicePort(port: Fields): ServiceObjectPort | undefined {
  const protocol = port.oneOf('protocol', ['TCP', 'UDP', 'SCTP']) ?? 'TCP'
  if (!port.has('port')) port.problem('is required', 'port')
  const number = port.integer('port', 1, 65535)
  const target = port.any('targetPort')
  if (target !== undefined && typeof target !== 'string' && !Number.isInteger(target)) {
    port.problem('must be a port number or the name of a container port', 'targetPort')
  }
  if (protocol !== 'TCP' || number === undefined) return undefined
  return {
    name: port.text('name') ?? '',
    port: number,
    targetPort: typeof target === 'string' || typeof target === 'number' ? target : undefined,
    appProtocol: port.text('appProtocol'),
  }
}

export function readPod(object: Fields): PodObject {
  const meta = readMeta(object, 'namespaced')
  const metadata = object.map('metadata')
  const owners = metadata.list('ownerReferences', (owner) => ({
    kind: owner.text('kind') ?? '',
    name: owner.text('name') ?? '',
    controller: owner.boolean('controller') ?? false,
  }))
  const spec = object.map('spec')
  const status = object.map('status')
  const containers: string[] = []
  const ports: { container: string; name: string; port: number }[] = []
  for (const list of ['initContainers', 'containers']) {
    spec.list(list, (container) => {
      const name = container.requiredText('name')
      containers.push(name)
      container.list('ports', (port) => {
        const number = port.integer('containerPort', 1, 65535)
        if (number === undefined || (port.text('protocol') ?? 'TCP') !== 'TCP') return
        ports.push({ container: name, name: port.text('name') ?? '', port: number })
      })
    })
  }
  const ips = status.list('podIPs', (one) => one.text('ip') ?? '')
  const single = status.text('podIP')
  const phase = status.text('phase')
  return {
    kind: 'Pod',
    meta,
    uid: metadata.text('uid') ?? '',
    owner: owners.find(({ controller }) => controller),
    serviceAccount: spec.text('serviceAccountName') ?? 'default',
    hostNetwork: spec.boolean('hostNetwork') ?? false,
    ips: [
      ...new Set(
        [...(single === undefined ? [] : [single]), ...ips]
          .filter((ip) => isIP(ip) !== 0)
          .map(canonicalAddress),
      ),
    ],
    containers,
    ports,
    node: spec.text('nodeName') ?? '',
    finished: phase === 'Succeeded' || phase === 'Failed',
  }
}
