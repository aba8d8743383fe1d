import type { Ejection } from '../../../core/api/sidecars.ts'
import { serviceId } from './topology.ts'

/** An endpoint that somebody leaves out, with all who do. */
export interface EjectedEndpoint {
  /** `catalog-1`, or its address where it is no pod. */
  readonly name: string
  /** Workloads, `web.shop`. */
  readonly callers: readonly string[]
  /** The first that was told. */
  readonly reason: string
}

/** By `catalog.shop`. */
export type EjectedByService = ReadonlyMap<string, readonly EjectedEndpoint[]>

/** Each pod of a Service once, whichever of its ports and however many callers it is. */
export function ejectedByService(ejections: readonly Ejection[]): EjectedByService {
  const found = new Map<string, Map<string, EjectedEndpoint>>()
  for (const { cluster, endpoint, workload, caller, reason } of ejections) {
    const service = serviceId(cluster)
    const endpoints = found.get(service) ?? new Map<string, EjectedEndpoint>()
    found.set(service, endpoints)
    const name = endpointName(workload, endpoint)
    const known = endpoints.get(name) ?? { name, callers: [], reason }
    endpoints.set(name, { ...known, callers: [...new Set([...known.callers, caller])].sort() })
  }
  return new Map([...found].map(([service, endpoints]) => [service, [...endpoints.values()]]))
}

/** `catalog-1` of `catalog-1.shop`, or the address of what is no pod. */
export function endpointName(workload: string, endpoint: string): string {
  return workload === '' ? endpoint : workload.slice(0, workload.lastIndexOf('.'))
}

/** `catalog-1 (consecutive errors, by web.shop and 2 more)` */
export function ejectedText({ name, callers, reason }: EjectedEndpoint): string {
  const more = callers.length > 1 ? ` and ${callers.length - 1} more` : ''
  return `${name} (${reasonText(reason)}, by ${callers[0] ?? 'nobody'}${more})`
}

/** As the word of a sidecar reads in a sentence. */
export function reasonText(reason: string): string {
  return reason.replaceAll('-', ' ')
}
