import type { ServiceObject, ServicePort } from '../manifest/objects.ts'

/** What Services need to know of a pod. */
export interface EndpointPod {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** The node that it is on. */
  readonly node: string
  readonly labels: Readonly<Record<string, string>>
  readonly ips: readonly string[]
  readonly hostname: string | undefined
  /** The Service in whose name the host name is one. */
  readonly subdomain: string | undefined
  readonly ports: readonly { readonly name: string | undefined; readonly containerPort: number }[]
  readonly ready: boolean
  readonly terminating: boolean
  /** Succeeded or Failed: it will never answer again. */
  readonly finished: boolean
}

export interface Endpoint {
  readonly pod: EndpointPod
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
}

/** Pods behind a Service that agree on the numbers of its ports. */
export interface EndpointGroup {
  readonly ports: readonly (ServicePort & { readonly number: number })[]
  readonly endpoints: readonly Endpoint[]
}

/**
 * The endpoints of a Service. A named target port may have another number in each pod, hence groups.
 * Conditions as in discovery.k8s.io/v1: `ready` is never true of a pod that is going away.
 */
export function endpointGroups(service: ServiceObject, pods: Iterable<EndpointPod>): EndpointGroup[] {
  const { selector } = service
  if (!selector || Object.keys(selector).length === 0) return []
  const groups = new Map<string, { ports: EndpointGroup['ports']; endpoints: Endpoint[] }>()
  for (const pod of pods) {
    if (pod.namespace !== service.namespace || pod.finished || pod.ips.length === 0) continue
    if (!Object.entries(selector).every(([label, value]) => pod.labels[label] === value)) continue
    const ports = service.ports.flatMap((port) => {
      const number = resolvePort(port.targetPort, pod)
      return number === undefined ? [] : [{ ...port, number }]
    })
    const key = ports.map((port) => `${port.name}=${port.number}`).join()
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push({
      pod,
      ready: service.publishNotReady || (pod.ready && !pod.terminating),
      serving: pod.ready,
      terminating: pod.terminating,
    })
  }
  return [...groups.values()]
}

/** The number behind a port reference, or undefined when the pod has no port of that name. */
export function resolvePort(target: number | string, pod: Pick<EndpointPod, 'ports'>): number | undefined {
  if (typeof target === 'number') return target
  return pod.ports.find((port) => port.name === target)?.containerPort
}

/** The EndpointSlice objects (discovery.k8s.io/v1) of a Service, one for each group and address family. */
export function endpointSlices(
  service: ServiceObject,
  groups: readonly EndpointGroup[],
  zoneOf: (node: string) => string,
): object[] {
  const slices: object[] = []
  for (const [family, own] of [
    ['IPv4', (ip: string) => !ip.includes(':')],
    ['IPv6', (ip: string) => ip.includes(':')],
  ] as const) {
    if (family === 'IPv6' && !service.dualStack) continue
    for (const group of groups) {
      const endpoints = group.endpoints.flatMap((endpoint) => {
        const addresses = endpoint.pod.ips.filter(own)
        if (addresses.length === 0) return []
        return [sliceEndpoint(service, endpoint, addresses, zoneOf(endpoint.pod.node))]
      })
      if (endpoints.length === 0 && groups.length > 1) continue
      slices.push(slice(service, family, slices.length, group.ports, endpoints))
    }
  }
  if (slices.length === 0 && service.selector) slices.push(slice(service, 'IPv4', 0, [], []))
  return slices
}

function slice(
  service: ServiceObject,
  family: string,
  index: number,
  ports: EndpointGroup['ports'],
  endpoints: object[],
): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service.name}-${index}`,
      namespace: service.namespace,
      labels: {
        'kubernetes.io/service-name': service.name,
        'endpointslice.kubernetes.io/managed-by': 'weft-local',
      },
    },
    addressType: family,
    ports: ports.map((port) => ({
      name: port.name ?? '',
      port: port.number,
      protocol: port.protocol,
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
    })),
    endpoints,
  }
}

/** The pod's own name in the name of a Service: `hostname` where the pod's `subdomain` is that Service. */
export function hostnameIn(service: ServiceObject, pod: EndpointPod): string | undefined {
  return pod.subdomain === service.name ? pod.hostname : undefined
}

function sliceEndpoint(
  service: ServiceObject,
  endpoint: Endpoint,
  addresses: string[],
  zone: string,
): object {
  const hostname = hostnameIn(service, endpoint.pod)
  const { pod, ready, serving, terminating } = endpoint
  return {
    addresses,
    conditions: { ready, serving, terminating },
    nodeName: pod.node,
    ...(zone === '' ? {} : { zone }),
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace: pod.namespace, name: pod.name, uid: pod.uid },
  }
}
