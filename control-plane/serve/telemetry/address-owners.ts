import type { Mesh, MeshEndpoint } from '../../model/mesh.ts'

/** Says who has an address now, as `pod.namespace`: a pod with a sidecar, or one of a Service; '' if none is known. */
export type OwnerOfAddress = (address: string) => string

/** By the mesh as it is each time that it is asked. */
export function ownersOfAddresses(mesh: () => Mesh | undefined): OwnerOfAddress {
  let known: Mesh | undefined
  let endpoints: ReadonlyMap<string, string> | undefined
  return (address) => {
    const now = mesh()
    if (now !== known) endpoints = undefined
    known = now
    const workload = now?.workloadsByAddress.get(address)
    if (workload) return `${workload.name}.${workload.namespace}`
    endpoints ??= new Map(
      [...endpointsOf(now)].map((endpoint) => [endpoint.address, endpoint.workload] as const),
    )
    return endpoints.get(address) ?? ''
  }
}

export function* endpointsOf(mesh: Mesh | undefined): Generator<MeshEndpoint> {
  for (const { endpoints } of mesh?.endpoints.values() ?? []) yield* endpoints
}
