import { METADATA, METADATA_PEAK_EWMA } from '../../core/contract.ts'
import type {
  Cluster as WireCluster,
  Cluster_SlowStartConfig as WireSlowStart,
} from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import {
  PANIC_THRESHOLD_PERCENT,
  type Balancing,
  type BalancingPolicy,
  type LocalityRule,
  type SlowStart,
} from '../model/balancing.ts'
import { decodeStruct } from './decode-metadata.ts'
import type { Scope } from './scope.ts'

// Envoy's defaults and bounds.
const CHOICES = 2
const MINIMUM_RING = 1024
const TABLE_SIZE = 65_537
const LARGEST_TABLE = 5_000_011
const MINIMUM_CLUSTER = 6
const MINIMUM_WEIGHT_PERCENT = 10
// Ours: Envoy's default of 8 million entries is 64 MB here.
const MAXIMUM_RING = 16_384
const LARGEST_RING = 1_048_576
/** Linkerd's. */
const DECAY_MS = 10_000
const PENALTY_MS = 5_000

/** lb_policy of a Cluster with what belongs to it. */
export function decodeBalancing(cluster: WireCluster, scope: Scope): Balancing {
  const common = cluster.commonLbConfig
  const at = scope.at('common_lb_config')
  return {
    policy: decodePolicy(cluster, scope),
    panicThresholdPercent: percentage(
      common?.healthyPanicThreshold?.value ?? PANIC_THRESHOLD_PERCENT,
      at.at('healthy_panic_threshold').at('value'),
    ),
    localities: decodeLocalities(common, at),
  }
}

function decodeLocalities(common: WireCluster['commonLbConfig'], at: Scope): LocalityRule {
  if (common?.localityWeightedLbConfig) return { kind: 'weighted' }
  const aware = common?.zoneAwareLbConfig
  if (!aware) return { kind: 'together' }
  const minimum = aware.minClusterSize ?? BigInt(MINIMUM_CLUSTER)
  return {
    kind: 'zone-aware',
    percent: percentage(
      aware.routingEnabled?.value ?? 100,
      at.at('zone_aware_lb_config').at('routing_enabled').at('value'),
    ),
    minimumEndpoints: Number(minimum),
  }
}

function decodePolicy(cluster: WireCluster, scope: Scope): BalancingPolicy {
  const lbPolicy = cluster.lbPolicy ?? 'ROUND_ROBIN'
  const { leastRequestLbConfig: least, roundRobinLbConfig: round, ringHashLbConfig: ring } = cluster
  const config = (
    [
      [least, 'least_request_lb_config', 'LEAST_REQUEST'],
      [round, 'round_robin_lb_config', 'ROUND_ROBIN'],
      [ring, 'ring_hash_lb_config', 'RING_HASH'],
      [cluster.maglevLbConfig, 'maglev_lb_config', 'MAGLEV'],
    ] as const
  ).find(([value, , policy]) => value && policy !== lbPolicy)
  if (config) scope.at(config[1]).fail(`belongs to lb_policy ${config[2]}, not ${lbPolicy}`)
  const peakEwma = decodeStruct(cluster.metadata, METADATA, METADATA_PEAK_EWMA, scope)
  if (peakEwma) {
    const at = scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(METADATA_PEAK_EWMA)
    if (lbPolicy !== 'LEAST_REQUEST') at.fail(`belongs to lb_policy LEAST_REQUEST, not ${lbPolicy}`)
    else if (least) at.fail('excludes least_request_lb_config: keep one')
    return decodePeakEwma(peakEwma, at)
  }
  switch (lbPolicy) {
    case 'LEAST_REQUEST': {
      const at = scope.at('least_request_lb_config')
      const choices = least?.choiceCount ?? CHOICES
      if (choices < 2) at.at('choice_count').fail('must be at least 2')
      const bias = least?.activeRequestBias?.defaultValue ?? 1
      if (!(bias >= 0)) at.at('active_request_bias').at('default_value').fail('must be 0 or above')
      const slowStart = decodeSlowStart(least?.slowStartConfig, at.at('slow_start_config'))
      return { kind: 'least-request', choices, activeRequestBias: bias, slowStart }
    }
    case 'RANDOM':
      return { kind: 'random' }
    case 'RING_HASH': {
      const at = scope.at('ring_hash_lb_config')
      const minimumSize = Number(ring?.minimumRingSize ?? MINIMUM_RING)
      const maximumSize = Number(ring?.maximumRingSize ?? Math.max(minimumSize, MAXIMUM_RING))
      if (minimumSize < 1 || minimumSize > LARGEST_RING)
        at.at('minimum_ring_size').fail(`must be from 1 to ${LARGEST_RING}`)
      if (maximumSize < 1 || maximumSize > LARGEST_RING)
        at.at('maximum_ring_size').fail(`must be from 1 to ${LARGEST_RING}`)
      if (minimumSize > maximumSize) at.at('minimum_ring_size').fail('must not be above maximum_ring_size')
      return { kind: 'ring-hash', minimumSize, maximumSize }
    }
    case 'MAGLEV': {
      const tableSize = Number(cluster.maglevLbConfig?.tableSize ?? TABLE_SIZE)
      if (tableSize < 2 || tableSize > LARGEST_TABLE || !isPrime(tableSize))
        scope
          .at('maglev_lb_config')
          .at('table_size')
          .fail(`must be a prime number, ${LARGEST_TABLE} at most, for instance ${TABLE_SIZE}`)
      return { kind: 'maglev', tableSize }
    }
    // CLUSTER_PROVIDED has one endpoint a connection; others are not in the table of what is served.
    case 'ROUND_ROBIN':
    case 'CLUSTER_PROVIDED':
    case 'LOAD_BALANCING_POLICY_CONFIG':
      return {
        kind: 'round-robin',
        slowStart: decodeSlowStart(
          round?.slowStartConfig,
          scope.at('round_robin_lb_config').at('slow_start_config'),
        ),
      }
  }
}

function decodeSlowStart(config: WireSlowStart | undefined, at: Scope): SlowStart | undefined {
  if (!config) return undefined
  return slowStartOf(
    {
      windowMs: config.slowStartWindow,
      aggression: config.aggression?.defaultValue,
      minimumPercent: config.minWeightPercent?.value,
    },
    {
      windowMs: at.at('slow_start_window'),
      aggression: at.at('aggression').at('default_value'),
      minimumPercent: at.at('min_weight_percent').at('value'),
    },
  )
}

const PEAK_EWMA_KEYS = ['decayMs', 'penaltyMs', 'slowStartMs', 'aggression', 'minWeightPercent'] as const

/** Of metadata: xDS has no message for it. */
function decodePeakEwma(struct: JsonObject, at: Scope): BalancingPolicy {
  const numbers: Partial<Record<string, number>> = {}
  for (const [key, value] of Object.entries(struct)) {
    if (!(PEAK_EWMA_KEYS as readonly string[]).includes(key))
      at.at(key).fail(`is not supported: only ${PEAK_EWMA_KEYS.join(', ')} are`)
    else if (typeof value !== 'number') at.at(key).fail('must be a number')
    else numbers[key] = value
  }
  const { decayMs = DECAY_MS, penaltyMs = PENALTY_MS, slowStartMs, aggression, minWeightPercent } = numbers
  if (!(decayMs > 0)) at.at('decayMs').fail('must be above 0')
  if (!(penaltyMs >= 0)) at.at('penaltyMs').fail('must be 0 or above')
  if (slowStartMs === undefined)
    for (const key of ['aggression', 'minWeightPercent'] as const)
      if (numbers[key] !== undefined) at.at(key).fail('belongs to slowStartMs')
  const slowStart =
    slowStartMs === undefined
      ? undefined
      : slowStartOf(
          { windowMs: slowStartMs, aggression, minimumPercent: minWeightPercent },
          {
            windowMs: at.at('slowStartMs'),
            aggression: at.at('aggression'),
            minimumPercent: at.at('minWeightPercent'),
          },
        )
  return { kind: 'peak-ewma', decayMs, penaltyMs, slowStart }
}

function slowStartOf(
  said: { readonly [key in keyof SlowStart]: number | undefined },
  at: { readonly [key in keyof SlowStart]: Scope },
): SlowStart | undefined {
  const { windowMs = 0, aggression = 1, minimumPercent = MINIMUM_WEIGHT_PERCENT } = said
  if (!(windowMs >= 0)) at.windowMs.fail('must be 0 or above')
  if (!(aggression > 0)) at.aggression.fail('must be above 0')
  percentage(minimumPercent, at.minimumPercent)
  return windowMs > 0 ? { windowMs, aggression, minimumPercent } : undefined
}

function percentage(value: number, at: Scope): number {
  if (!(value >= 0 && value <= 100)) at.fail('must be from 0 to 100')
  return value
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return value >= 2
}
