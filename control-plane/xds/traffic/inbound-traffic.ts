import { METADATA, METADATA_PRIORITY_HEADER } from '../../../core/contract.ts'
import { packAny } from '../../../core/xds/any.ts'
import {
  AdaptiveConcurrency,
  type FilterChain,
  type HttpFilter,
  type RateLimit,
} from '../../../core/xds/generated/envoy.js'
import type { Workload } from '../../model/mesh.ts'
import type { AdaptiveConcurrencySettings, RateLimitSettings } from '../../model/traffic-settings.ts'
import { settingsOf, type TrafficTables } from '../../model/traffic-tables.ts'
import type { ClientTakes } from '../client-takes.ts'
import { rateLimitActions, rateLimitFilter } from './rate-limits.ts'

const UPDATE_MS = 100
const MINIMUM_RTT_MS = 60_000

/** What the sidecar of whoever serves does to requests to one port of its pod. */
export interface InboundTraffic {
  /** Before those that forward. */
  readonly filters: readonly HttpFilter[]
  readonly rateLimits: readonly RateLimit[]
  readonly metadata: FilterChain['metadata']
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
  const lists = new Map<readonly RateLimitSettings[], string>()
  for (const [at, { rateLimits = [] }] of all.entries())
    // What two have from their namespace is one limit.
    if (rateLimits.length > 0 && !lists.has(rateLimits)) lists.set(rateLimits, owners[at] ?? '')
  const limits = [...lists.keys()].flat().filter(({ by }) => takes.weftMetadata || by.type === 'Service')
  const adaptive = all.find(({ adaptiveConcurrency }) => adaptiveConcurrency)?.adaptiveConcurrency
  return {
    filters: [...rateLimitFilter([...lists.values()].join(' '), limits), ...adaptiveFilter(adaptive)],
    rateLimits: rateLimitActions(limits),
    metadata: takes.weftMetadata ? priorities(adaptive) : undefined,
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
    enabled: { defaultValue: true },
  }
  const name = 'envoy.filters.http.adaptive_concurrency'
  return [{ name, typedConfig: packAny(AdaptiveConcurrency, message) }]
}

/** Envoy sheds whatever comes: which requests are worth less it has no word for. */
function priorities(settings: AdaptiveConcurrencySettings | undefined): FilterChain['metadata'] {
  if (settings?.mode !== 'On' || settings.priorityHeader === undefined) return undefined
  return { filterMetadata: { [METADATA]: { [METADATA_PRIORITY_HEADER]: settings.priorityHeader } } }
}
