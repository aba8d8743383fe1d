import { METADATA_PEAK_EWMA } from '../../../core/contract.ts'
import type { Cluster, Cluster_SlowStartConfig } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { Nearness } from '../../model/mesh.ts'
import { PEAK_EWMA } from '../../model/traffic-defaults.ts'
import type { ConsistentHash, LoadBalancing } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'

type Balancing = Pick<
  Cluster,
  | 'lbPolicy'
  | 'leastRequestLbConfig'
  | 'roundRobinLbConfig'
  | 'ringHashLbConfig'
  | 'maglevLbConfig'
  | 'commonLbConfig'
>

type ZoneAware = NonNullable<NonNullable<Cluster['commonLbConfig']>['zoneAwareLbConfig']>

/** What a policy says of balancing, and the Service of nearness, in the words that the client has; the rest stays as it is. */
export function balancing(
  settings: LoadBalancing | undefined,
  nearness: Nearness | undefined,
  takes: ClientTakes,
): Balancing {
  const common = commonLbConfig(settings, nearness, takes)
  return { ...(settings && lbPolicy(settings, takes)), ...(common ? { commonLbConfig: common } : {}) }
}

/** Whose endpoints callers prefer: as a policy says it, before the Service (its `trafficDistribution`). */
export function preferred(
  nearness: Nearness | undefined,
  settings: LoadBalancing | undefined,
): Nearness | undefined {
  if (settings?.locality === 'Off') return undefined
  return settings?.locality === 'Prefer' ? (nearness ?? 'zone') : nearness
}

function lbPolicy({ policy, slowStart }: LoadBalancing, takes: ClientTakes): Balancing {
  if (policy.type === 'ConsistentHash') return consistentHash(policy, takes)
  // Every other balancer of Envoy is one that a library without the word has no use for.
  if (!takes.lbConfigs) return {}
  const slowStartConfig = slowStart && slowStartOf(slowStart)
  switch (policy.type) {
    case 'PeakEwma':
      // What Envoy has next to it; a sidecar of ours is told by metadata, slow start with it.
      return takes.weftMetadata || !slowStartConfig
        ? { lbPolicy: 'LEAST_REQUEST' }
        : { lbPolicy: 'LEAST_REQUEST', leastRequestLbConfig: { slowStartConfig } }
    case 'LeastRequest':
      return {
        lbPolicy: 'LEAST_REQUEST',
        leastRequestLbConfig: {
          choiceCount: policy.choices,
          ...(slowStartConfig ? { slowStartConfig } : {}),
        },
      }
    case 'RoundRobin':
      return {
        lbPolicy: 'ROUND_ROBIN',
        ...(slowStartConfig ? { roundRobinLbConfig: { slowStartConfig } } : {}),
      }
    case 'Random':
      return { lbPolicy: 'RANDOM' }
  }
}

/** gRPC libraries know the ring alone (gRFC A42): a table of Maglev becomes one, which keeps what hashing is for. */
function consistentHash({ table }: ConsistentHash, takes: ClientTakes): Balancing {
  if (table.algorithm === 'Maglev' && takes.lbConfigs)
    return { lbPolicy: 'MAGLEV', maglevLbConfig: { tableSize: BigInt(table.size) } }
  const size = table.algorithm === 'RingHash' ? { minimumRingSize: BigInt(table.minimumSize) } : {}
  return { lbPolicy: 'RING_HASH', ringHashLbConfig: size }
}

function slowStartOf({
  windowMs,
  minimumPercent,
}: NonNullable<LoadBalancing['slowStart']>): Cluster_SlowStartConfig {
  return { slowStartWindow: windowMs, minWeightPercent: { value: minimumPercent } }
}

function commonLbConfig(
  settings: LoadBalancing | undefined,
  nearness: Nearness | undefined,
  takes: ClientTakes,
): Cluster['commonLbConfig'] {
  const panic = takes.lbConfigs ? settings?.panicThresholdPercent : undefined
  const zones = takes.nearestFirst
    ? preferred(nearness, settings) && FEW_ENDPOINTS
    : takes.lbConfigs && settings?.locality !== undefined
      ? zoneRouting(settings.locality)
      : undefined
  if (panic === undefined && !zones) return undefined
  return {
    ...(panic === undefined ? {} : { healthyPanicThreshold: { value: panic } }),
    ...(zones ? { zoneAwareLbConfig: zones } : {}),
  }
}

/** No zone of a cluster with fewer than six endpoints is preferred unless this is said. */
const FEW_ENDPOINTS: ZoneAware = { minClusterSize: 1n }

function zoneRouting(locality: 'Prefer' | 'Off'): ZoneAware {
  return locality === 'Off'
    ? { routingEnabled: { value: 0 } }
    : { routingEnabled: { value: 100 }, ...FEW_ENDPOINTS }
}

/**
 * Peak EWMA, for which xDS has no word: metadata of the cluster, where nobody says another balancer. Without a policy a
 * latency counts for 10 s, and a failed answer as one of 5 s, as Linkerd has it.
 */
export function peakEwma(settings: LoadBalancing | undefined): JsonObject {
  const policy = settings?.policy ?? { type: 'PeakEwma', ...PEAK_EWMA }
  if (policy.type !== 'PeakEwma') return {}
  const { decayMs, failurePenaltyMs: penaltyMs } = policy
  const slowStart = settings?.slowStart
  return {
    [METADATA_PEAK_EWMA]: {
      decayMs,
      penaltyMs,
      ...(slowStart ? { slowStartMs: slowStart.windowMs, minWeightPercent: slowStart.minimumPercent } : {}),
    },
  }
}
