import { isIP } from 'node:net'
import type { Fields } from '../fields.ts'
import { canonicalAddress } from '../../../core/ip-address.ts'
import { readMeta, type Meta } from './meta.ts'

const SERVICE_LABEL = 'kubernetes.io/service-name'

/** discovery.k8s.io/v1 EndpointSlice */
export interface EndpointSliceObject {
  readonly kind: 'EndpointSlice'
  readonly meta: Meta
  /** Name of the Service in its namespace; '' when it belongs to none. */
  readonly service: string
  readonly ports: readonly {
    readonly name: string
    readonly port: number
    readonly appProtocol: string | undefined
  }[]
  readonly endpoints: readonly SliceEndpoint[]
}

export interface SliceEndpoint {
  /** Each in its canonical form, as those of pods and Services. */
  readonly addresses: readonly string[]
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zone: string
  /** Name of its node, or ''. */
  readonly node: string
  /** `namespace/name` of the pod behind it, or ''. */
  readonly pod: string
}

export function readEndpointSlice(object: Fields): EndpointSliceObject {
  const meta = readMeta(object, 'namespaced')
  const type = object.oneOf('addressType', ['IPv4', 'IPv6', 'FQDN'])
  const endpoints = object.list('endpoints', (endpoint): SliceEndpoint => {
    const conditions = endpoint.map('conditions')
    const target = endpoint.map('targetRef')
    const addresses = endpoint.texts('addresses')
    for (const [index, address] of addresses.entries()) {
      if (type !== 'FQDN' && isIP(address) === 0) {
        endpoint.problem(`must be an IP address, got ${JSON.stringify(address)}`, 'addresses', index)
      }
    }
    // Kubernetes: a condition that is not set is to be read as ready, and as serving when ready.
    const ready = conditions.boolean('ready') ?? true
    const pod = target.text('kind') === 'Pod' ? (target.text('name') ?? '') : ''
    return {
      addresses: type === 'FQDN' ? [] : addresses.map(canonicalAddress),
      ready,
      serving: conditions.boolean('serving') ?? ready,
      terminating: conditions.boolean('terminating') ?? false,
      zone: endpoint.text('zone') ?? '',
      node: endpoint.text('nodeName') ?? '',
      pod: pod === '' ? '' : `${target.text('namespace') ?? meta.namespace}/${pod}`,
    }
  })
  return {
    kind: 'EndpointSlice',
    meta,
    service: meta.labels[SERVICE_LABEL] ?? '',
    endpoints,
    ports: object
      .list('ports', (port) => ({
        name: port.text('name') ?? '',
        port: port.integer('port', 1, 65535) ?? 0,
        appProtocol: port.text('appProtocol'),
        tcp: (port.text('protocol') ?? 'TCP') === 'TCP',
      }))
      .filter((port) => port.tcp && port.port > 0)
      .map(({ name, port, appProtocol }) => ({ name, port, appProtocol })),
  }
}
