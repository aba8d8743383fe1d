import { METADATA, METADATA_OUTLIER } from '../../core/contract.ts'
import type { Cluster as WireCluster } from '../../core/xds/generated/envoy.js'
import type { JsonValue } from '../../core/xds/well-known.ts'
import { GRPC_FAILURES, type OutlierDetection } from '../model/outlier-detection.ts'
import type { Scope } from './scope.ts'

/**
 * envoy.config.cluster.v3.OutlierDetection with Envoy's defaults
 * (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/outlier_detection.proto), and what the cluster's
 * `weft.dev` metadata counts as failure beside 5xx. Undefined: no endpoint is ejected.
 */
export function decodeOutlierDetection(cluster: WireCluster, scope: Scope): OutlierDetection | undefined {
  const said = cluster.outlierDetection
  const extra = decodeExtra(cluster, scope)
  if (!said) return undefined
  const at = scope.at('outlier_detection')
  if (cluster.type === 'ORIGINAL_DST') at.fail('has nothing to choose from in type ORIGINAL_DST')
  const percent = (value: number | undefined, name: string, unset: number): number => {
    if (value !== undefined && value > 100) at.at(name).fail('must be at most 100')
    return value ?? unset
  }
  const time = (value: number | undefined, name: string, unset: number): number => {
    if (value !== undefined && value <= 0) at.at(name).fail('must be above 0')
    return value ?? unset
  }
  const baseEjectionMs = time(said.baseEjectionTime, 'base_ejection_time', 30_000)
  const maxEjectionMs = time(said.maxEjectionTime, 'max_ejection_time', Math.max(300_000, baseEjectionMs))
  if (maxEjectionMs < baseEjectionMs)
    at.at('max_ejection_time').fail('must be at least base_ejection_time (30 s unless set)')
  return {
    consecutiveErrors: {
      limit: said.consecutive5xx ?? 5,
      enforcing: percent(said.enforcingConsecutive5xx, 'enforcing_consecutive_5xx', 100),
    },
    consecutiveGatewayFailures: {
      limit: said.consecutiveGatewayFailure ?? 5,
      enforcing: percent(said.enforcingConsecutiveGatewayFailure, 'enforcing_consecutive_gateway_failure', 0),
    },
    intervalMs: time(said.interval, 'interval', 10_000),
    baseEjectionMs,
    maxEjectionMs,
    maxEjectedPercent: percent(said.maxEjectionPercent, 'max_ejection_percent', 10),
    successRate: {
      enforcing: percent(said.enforcingSuccessRate, 'enforcing_success_rate', 100),
      minimumHosts: said.successRateMinimumHosts ?? 5,
      requestVolume: said.successRateRequestVolume ?? 100,
      stdevFactor: said.successRateStdevFactor ?? 1900,
    },
    failurePercentage: {
      enforcing: percent(said.enforcingFailurePercentage, 'enforcing_failure_percentage', 0),
      minimumHosts: said.failurePercentageMinimumHosts ?? 5,
      requestVolume: said.failurePercentageRequestVolume ?? 50,
      threshold: percent(said.failurePercentageThreshold, 'failure_percentage_threshold', 85),
    },
    statuses: extra.statuses ?? [],
    grpcStatuses: extra.grpcStatuses ?? GRPC_FAILURES,
  }
}

/** Of the key `outlier`: lists of numbers. */
function decodeExtra(
  { metadata, outlierDetection }: WireCluster,
  scope: Scope,
): { readonly statuses?: readonly number[]; readonly grpcStatuses?: readonly number[] } {
  const said: JsonValue | undefined = metadata?.filterMetadata?.[METADATA]?.[METADATA_OUTLIER]
  if (said === undefined) return {}
  const at = scope.at('metadata').at(`filter_metadata[${METADATA}]`).at(METADATA_OUTLIER)
  if (!outlierDetection) at.fail('belongs to outlier_detection')
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    at.fail('must be an object of statuses and grpcStatuses')
    return {}
  }
  const numbers = (name: string, least: number, most: number): readonly number[] | undefined => {
    const value: JsonValue | undefined = (said as Readonly<Record<string, JsonValue>>)[name]
    if (value === undefined) return undefined
    if (Array.isArray(value) && value.every((one) => isWithin(one, least, most))) return value as number[]
    at.at(name).fail(`must be a list of whole numbers from ${least} to ${most}`)
    return undefined
  }
  for (const name of Object.keys(said))
    if (name !== 'statuses' && name !== 'grpcStatuses')
      at.at(name).fail('is not supported: only statuses, grpcStatuses is')
  const statuses = numbers('statuses', 400, 599)
  const grpcStatuses = numbers('grpcStatuses', 1, 16)
  return { ...(statuses && { statuses }), ...(grpcStatuses && { grpcStatuses }) }
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
}
