import { METADATA_PRIORITY_HEADER } from '../../../core/contract.ts'
import { packAny } from '../../../core/xds/any.ts'
import { AdaptiveConcurrency, type HttpFilter, type RateLimit } from '../../../core/xds/generated/envoy.js'
import type { Workload } from '../../model/mesh.ts'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type {
  AdaptiveConcurrencySettings,
  RateLimitSettings,
  TrafficSettings,
} from '../../model/traffic-settings.ts'
import { settingsOf, type TrafficTables } from '../../model/traffic-tables.ts'
import type { ClientTakes } from '../client-takes.ts'
import { rateLimitActions, rateLimitFilters, type OwnedLimits } from './rate-limits.ts'

const UPDATE_MS = 100
const MINIMUM_RTT_MS = 60_000

/** What the sidecar of whoever serves does to requests to one port of its pod. */
export interface InboundTraffic {
  /** Before those that forward. */
  readonly filters: readonly HttpFilter[]
  readonly rateLimits: readonly RateLimit[]
}

/**
 * By the Services that lead to the port, or by the namespace where none does. The limits of several Services all hold; of
 * several that adapt concurrency the first by name decides.
 */
export function inboundTraffic(
  tables: TrafficTables,
  { namespace }: Workload,
  services: readonly string[],
  takes: ClientTakes,
): InboundTraffic {
  const owners = services.length > 0 ? services : [`${namespace}/`]
  const all = owners.map((service) => settingsOf(tables, service))
  const limits = new Map<readonly RateLimitSettings[], OwnedLimits>()
  for (const [at, { rateLimits = [] }] of all.entries()) {
    // What two have from their namespace is one limit.
    if (limits.has(rateLimits)) continue
    const own = rateLimits.filter(({ by }) => takes.weftMetadata || by.type === 'Service')
    limits.set(rateLimits, { owner: owners[at] ?? '', limits: own })
  }
  const owned = [...limits.values()]
  return {
    filters: [...owned.flatMap(rateLimitFilters), ...adaptiveFilter(adaptiveOf(all))],
    rateLimits: owned.flatMap(rateLimitActions),
  }
}

function adaptiveFilter(settings: AdaptiveConcurrencySettings | undefined): HttpFilter[] {
  if (!settings || settings.mode === 'Off') return []
  const message: AdaptiveConcurrency = {
    gradientControllerConfig: {
      concurrencyLimitParams: {
        maxConcurrencyLimit: settings.maximumLimit,
        concurrencyUpdateInterval: UPDATE_MS,
      },
      minRttCalcParams: { interval: MINIMUM_RTT_MS, minConcurrency: settings.minimumLimit },
    },
  }
  const name = 'envoy.filters.http.adaptive_concurrency'
  return [{ name, typedConfig: packAny(AdaptiveConcurrency, message) }]
}

function adaptiveOf(all: readonly TrafficSettings[]): AdaptiveConcurrencySettings | undefined {
  return all.find(({ adaptiveConcurrency }) => adaptiveConcurrency)?.adaptiveConcurrency
}

/**
 * Metadata of the listener: which header says what a request is worth. There is one for the pod, of the first port that
 * has any; Envoy sheds whatever comes.
 */
export function priorityHeader(tables: TrafficTables, { ports }: Workload, takes: ClientTakes): JsonObject {
  if (!takes.weftMetadata) return {}
  for (const { services } of ports) {
    const settings = adaptiveOf(services.map((service) => settingsOf(tables, service)))
    if (settings?.mode === 'On' && settings.priorityHeader !== undefined)
      return { [METADATA_PRIORITY_HEADER]: settings.priorityHeader }
  }
  return {}
}
