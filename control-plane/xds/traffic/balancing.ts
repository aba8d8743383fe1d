import { METADATA_PEAK_EWMA } from '../../../core/contract.ts'
import type { Cluster, Cluster_SlowStartConfig } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
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

/** What a policy says of balancing, in the words that the client has; the rest stays as without a policy. */
export function balancing(settings: LoadBalancing | undefined, takes: ClientTakes): Balancing {
  if (!settings) return {}
  const common = takes.lbConfigs ? commonLbConfig(settings) : undefined
  return { ...lbPolicy(settings, takes), ...(common ? { commonLbConfig: common } : {}) }
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

function commonLbConfig({ locality, panicThresholdPercent }: LoadBalancing): Cluster['commonLbConfig'] {
  if (locality === undefined && panicThresholdPercent === undefined) return undefined
  return {
    ...(panicThresholdPercent === undefined
      ? {}
      : { healthyPanicThreshold: { value: panicThresholdPercent } }),
    ...(locality === undefined
      ? {}
      : {
          zoneAwareLbConfig: {
            routingEnabled: { value: locality === 'Prefer' ? 100 : 0 },
            // Envoy prefers no zone of a cluster with fewer than six endpoints unless it is told to.
            ...(locality === 'Prefer' ? { minClusterSize: 1n } : {}),
          },
        }),
  }
}

/** Peak EWMA, for which xDS has no word: metadata of the cluster. Undefined: the policy says another balancer. */
export function peakEwma({ policy, slowStart }: LoadBalancing): JsonObject | undefined {
  if (policy.type !== 'PeakEwma') return undefined
  return {
    [METADATA_PEAK_EWMA]: {
      decayMs: policy.decayMs,
      penaltyMs: policy.failurePenaltyMs,
      ...(slowStart ? { slowStartMs: slowStart.windowMs, minWeightPercent: slowStart.minimumPercent } : {}),
    },
  }
}
