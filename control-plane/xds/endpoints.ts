import {
  MESH_TRANSPORT,
  METADATA,
  METADATA_IDENTITY,
  METADATA_OWNER,
  METADATA_TRANSPORT_MATCH,
  METADATA_WORKLOAD,
} from '../../core/contract.ts'
import type { LbEndpoint, LocalityLbEndpoints } from '../../core/xds/generated/envoy.js'
import {
  serviceOf,
  SIDECAR_PORTS,
  type EndpointGroup,
  type Mesh,
  type MeshEndpoint,
  type Nearness,
} from '../model/mesh.ts'
import { settingsOf } from '../model/traffic-tables.ts'
import type { MeshClient } from './client.ts'
import { parsePod } from './names.ts'
import type { Plan } from './resource.ts'
import { preferred } from './traffic/balancing.ts'
import { policiesFor } from './traffic/policies-for.ts'

/** `<namespace>/<service>/<port>` or `pod/<namespace>/<pod>/<port>`; a Service without endpoints has an empty one. */
export function endpoints(mesh: Mesh, name: string, client: MeshClient): Plan<'endpoints'> | undefined {
  const { localities: zones, owners } = client.takes
  const variant = zones ? 'localities' : owners ? 'owners' : ''
  const known = (one: MeshEndpoint): MeshEndpoint => (owners ? one : { ...one, owner: '' })
  const pod = parsePod(name)
  if (pod) {
    const workload = mesh.workloads.get(pod.key)
    const address = workload?.addresses[0]
    if (!workload || address === undefined || SIDECAR_PORTS.has(pod.port)) return undefined
    if (revoked(mesh, workload.identity)) return { variant, parts: [], make: () => ({ clusterName: name }) }
    const only: MeshEndpoint = {
      address,
      port: pod.port,
      health: 'healthy',
      meshed: true,
      identity: workload.identity,
      workload: `${workload.name}.${workload.namespace}`,
      owner: workload.owner,
      zone: '',
      node: '',
    }
    return {
      variant,
      parts: [workload],
      make: () => ({ clusterName: name, endpoints: (zones ? byZone : together)([known(only)]) }),
    }
  }
  const group = mesh.endpoints.get(name)
  if (!group) return undefined
  const near = client.takes.nearestFirst ? nearnessFor(mesh, group, client) : undefined
  const node = group.ownNodeOnly ? nodeOf(mesh, client) : ''
  return {
    variant: [near && `near ${near}`, node && `on ${node}`, variant].filter(Boolean).join(' '),
    parts: [group, mesh.trust.revoked],
    make: () => {
      const reached = node === '' ? group.endpoints : onNode(group.endpoints, node)
      const accepted = reached.filter(({ identity }) => !revoked(mesh, identity)).map(known)
      return {
        clusterName: name,
        endpoints: near ? byPlace(accepted, near) : zones ? byZone(accepted) : together(accepted),
      }
    },
  }
}

/** Who calls an endpoint whose identity is revoked would only be told so by the handshake, or not at all. */
function revoked({ trust }: Mesh, identity: string): boolean {
  return identity !== '' && trust.revoked.identities.includes(identity)
}

/** '' of a client that is no pod of the mesh: nobody knows its node, and it is told of all. */
function nodeOf(mesh: Mesh, { namespace, pod }: MeshClient): string {
  return mesh.workloads.get(`${namespace}/${pod}`)?.node ?? ''
}

/** Also there, those that serve while they terminate are the last resort (KEP-1669). */
function onNode(all: readonly MeshEndpoint[], node: string): readonly MeshEndpoint[] {
  const own = all.filter((one) => one.node === node)
  return own.some(({ health }) => health === 'healthy')
    ? own
    : own.map((one) => ({ ...one, health: 'healthy' }))
}

function nearnessFor(
  mesh: Mesh,
  { key, nearness }: EndpointGroup,
  { takes }: MeshClient,
): Nearness | undefined {
  const settings = settingsOf(policiesFor(mesh, takes), serviceOf(key))
  return preferred(nearness, settings.loadBalancing)
}

/** One locality a zone, or a node, which is its sub-zone. */
function byPlace(all: readonly MeshEndpoint[], nearness: Nearness): readonly LocalityLbEndpoints[] {
  const places = Map.groupBy(all, ({ zone, node }) =>
    JSON.stringify(nearness === 'node' ? [zone, node] : [zone]),
  )
  return [...places]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, members]) => {
      const [zone = '', subZone = ''] = JSON.parse(key) as string[]
      const locality = { ...(zone === '' ? {} : { zone }), ...(subZone === '' ? {} : { subZone }) }
      return { locality, lbEndpoints: members.map(lbEndpoint) }
    })
}

/** Where nobody asked for them, zones change nothing for a sidecar of ours. */
function together(all: readonly MeshEndpoint[]): readonly LocalityLbEndpoints[] {
  return all.length === 0 ? [] : [{ lbEndpoints: all.map(lbEndpoint) }]
}

/** One locality a zone; each weighs what its endpoints weigh, so that zones change nothing yet. */
function byZone(all: readonly MeshEndpoint[]): readonly LocalityLbEndpoints[] {
  const zones = new Map<string, MeshEndpoint[]>()
  for (const endpoint of all) {
    const list = zones.get(endpoint.zone)
    if (list) list.push(endpoint)
    else zones.set(endpoint.zone, [endpoint])
  }
  return [...zones]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([zone, members]) => ({
      locality: zone === '' ? {} : { zone },
      loadBalancingWeight: members.length,
      lbEndpoints: members.map(lbEndpoint),
    }))
}

function lbEndpoint(endpoint: MeshEndpoint): LbEndpoint {
  const { address, port, meshed, identity, owner, workload } = endpoint
  return {
    endpoint: { address: { socketAddress: { address, portValue: port } } },
    healthStatus: endpoint.health === 'healthy' ? 'HEALTHY' : 'DRAINING',
    loadBalancingWeight: 1,
    metadata: {
      filterMetadata: {
        ...(meshed ? { [METADATA_TRANSPORT_MATCH]: MESH_TRANSPORT } : {}),
        [METADATA]: {
          ...(identity === '' ? {} : { [METADATA_IDENTITY]: identity }),
          ...(workload === '' ? {} : { [METADATA_WORKLOAD]: workload }),
          ...(owner === '' ? {} : { [METADATA_OWNER]: owner }),
        },
      },
    },
  }
}
