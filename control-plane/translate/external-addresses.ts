import type { MeshService } from '../model/mesh.ts'
import { podsByAddress, type Snapshot } from '../registry/snapshot.ts'

/**
 * Services by their addresses of outside, as nodes route them (`externalIPs`, load balancers). Whoever may write a Service
 * can name any address (CVE-2020-8554): one of the mesh's own stays whose it is, and of two Services with one address
 * and port the older has it.
 */
export function externalAddresses(
  snapshot: Pick<Snapshot, 'services' | 'pods'>,
  services: ReadonlyMap<string, MeshService>,
  byClusterIP: ReadonlyMap<string, MeshService>,
): ReadonlyMap<string, readonly MeshService[]> {
  const result = new Map<string, MeshService[]>()
  for (const service of services.values()) {
    for (const address of service.externalAddresses ?? []) {
      if (byClusterIP.has(address) || podsByAddress(snapshot.pods).has(address)) continue
      result.set(address, [...(result.get(address) ?? []), service])
    }
  }
  const createdAt = ({ key }: MeshService): number => snapshot.services.get(key)?.meta.createdAt ?? 0
  for (const list of result.values())
    list.sort((a, b) => createdAt(a) - createdAt(b) || (a.key < b.key ? -1 : 1))
  return result
}
