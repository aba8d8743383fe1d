import { isIP } from 'node:net'
import { closestName } from '../../core/closest-name.ts'
import { WeftError } from '../../core/errors.ts'
import { canonicalAddress } from '../../core/ip-address.ts'
import { serviceAt, type Mesh, type MeshService, type Workload } from '../model/mesh.ts'

/**
 * The pods with a sidecar that `namespace/name` stands for: a pod, or those of a workload by its name in telemetry, or those
 * behind a Service; in order. Throws WeftError `explain.from` that names what there is.
 */
export function podsOf(mesh: Mesh, from: string): readonly Workload[] {
  const [, namespace = '', name = ''] =
    /^([a-z0-9][-a-z0-9]{0,62})\/([a-z0-9][-a-z0-9.]{0,252})$/.exec(from) ?? []
  if (name === '')
    throw new WeftError(
      'explain.from',
      `"${from.slice(0, 200)}" must be NAMESPACE/WORKLOAD or NAMESPACE/POD`,
      {
        field: 'from',
      },
    )
  const pod = mesh.workloads.get(`${namespace}/${name}`)
  if (pod) return [pod]
  const own = [...mesh.workloads.values()].filter((one) => one.namespace === namespace)
  const found = own.filter(
    ({ service, services }) => service === name || services.includes(`${name}.${namespace}`),
  )
  if (found.length > 0) return found.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const names = [...new Set(own.map(({ service }) => service))].toSorted()
  const near = closestName(name, names)
  const there =
    names.length === 0
      ? `no pod of namespace ${namespace} has a sidecar`
      : `in ${namespace} there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ' and others' : ''}`
  throw new WeftError(
    'explain.from',
    `there is no workload or pod ${from} with a sidecar: ${there}${near === undefined ? '' : `; was ${namespace}/${near} meant?`}`,
    { field: 'from' },
  )
}

/** Where a connection goes that names a host; undefined: the mesh knows no such host. */
export interface Place {
  readonly address: string
  /** On which the connection is made. */
  readonly notes: readonly string[]
}

/** As the DNS of the cluster would say for an application of `namespace`. */
export function placeOf(mesh: Mesh, host: string, port: number, namespace: string): Place | undefined {
  if (isIP(host) !== 0) {
    const address = canonicalAddress(host)
    const found = serviceAt(mesh, address, port)
    return { address, notes: found ? portNotes(found.service, port) : [] }
  }
  const service = serviceNamed(mesh, host, namespace)
  if (!service) return undefined
  const [address] = service.addresses
  if (address !== undefined) return { address, notes: portNotes(service, port) }
  // A headless Service's name leads to the addresses of its pods, on whatever port is named.
  const groups = service.ports.map(({ key }) => mesh.endpoints.get(key)?.endpoints ?? [])
  const [first] = groups.flat()
  if (!first) return undefined
  return {
    address: first.address,
    notes: [
      `${service.key} is headless: its name leads to any of its pods, this is asked of ${first.address}`,
    ],
  }
}

function serviceNamed(mesh: Mesh, host: string, namespace: string): MeshService | undefined {
  const labels = host.replace(/\.$/, '').split('.')
  const [name = '', of = namespace, svc, ...zone] = labels
  if (labels.length > 2 && svc !== 'svc') return undefined
  if (zone.length > 0 && zone.join('.') !== 'cluster.local') return undefined
  return mesh.services.get(`${of}/${name}`)
}

function portNotes({ key, ports }: MeshService, port: number): readonly string[] {
  if (ports.some((one) => one.port === port)) return []
  return [`Service ${key} has no port ${port}; it has ${ports.map((one) => one.port).join(', ') || 'none'}`]
}
