import type { EndpointGroup, Mesh } from '../../model/mesh.ts'

/** By `ip:port`, made once for each group: it keeps its identity while it does not change. */
const owners = new WeakMap<EndpointGroup, ReadonlyMap<string, string>>()

/** `catalog-1.shop` of an endpoint of a cluster, '' of what is no pod; undefined: the mesh has no such endpoint. */
export function ownerOfEndpoint(
  mesh: Mesh | undefined,
  cluster: string,
  endpoint: string,
): string | undefined {
  const group = mesh?.endpoints.get(cluster)
  if (!group) return undefined
  let known = owners.get(group)
  if (!known) {
    known = new Map(
      group.endpoints.map(({ address, port, workload }) => [addressOf(address, port), workload]),
    )
    owners.set(group, known)
  }
  return known.get(endpoint)
}

/** As sidecars write it: IPv6 in brackets. */
export function addressOf(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}
