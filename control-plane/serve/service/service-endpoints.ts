import type { EndpointLoad, ServiceEndpoint } from '../../../core/api/service.ts'
import type { Ejection, Sidecar } from '../../../core/api/sidecars.ts'
import type { ServiceView } from '../../service-view.ts'
import { addressOf } from '../telemetry/endpoint-owners.ts'

/** What is known of endpoints, from whoever knows it. */
export interface KnownOfEndpoints {
  readonly loads: readonly EndpointLoad[]
  readonly ejections: readonly Ejection[]
  readonly sidecars: readonly Sidecar[]
}

/** Those of a Service and of the Services to which its routes lead, each address once. */
export function serviceEndpoints(
  services: readonly ServiceView[],
  { loads, ejections, sidecars }: KnownOfEndpoints,
): readonly ServiceEndpoint[] {
  const clusters = new Set(services.flatMap(({ ports }) => ports.map(({ cluster }) => cluster)))
  const loadOf = Map.groupBy(
    loads.filter(({ cluster }) => clusters.has(cluster)),
    ({ address }) => address,
  )
  const ejectionsOf = Map.groupBy(
    ejections.filter(({ cluster }) => clusters.has(cluster)),
    ({ endpoint }) => endpoint,
  )
  const ends = new Map(sidecars.map((one) => [`${one.pod}.${one.namespace}`, one.certificateEndsAt]))
  const rows = new Map<string, ServiceEndpoint>()
  for (const { protocol, endpoints } of services.flatMap(({ ports }) => ports))
    for (const { address, port, workload, zone, node, health, meshed, identity } of endpoints) {
      const at = addressOf(address, port)
      if (rows.has(at)) continue
      const known = loadOf.get(at)
      const latencies = (known ?? []).flatMap(({ latencyMs }) => latencyMs ?? [])
      rows.set(at, {
        ...{ address: at, protocol, workload, zone, node, health, meshed, identity },
        active: known ? known.reduce((sum, { active }) => sum + active, 0) : null,
        latencyMs: latencies.length > 0 ? Math.max(...latencies) : null,
        ejections: ejectionsOf.get(at) ?? [],
        certificateEndsAt: ends.get(workload) ?? null,
      })
    }
  return [...rows.values()]
}
