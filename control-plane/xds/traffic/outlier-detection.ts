import { METADATA_OUTLIER } from '../../../core/contract.ts'
import type { Cluster, OutlierDetection } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { OutlierSettings } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'

/**
 * What ejects an endpoint of a Service unless somebody says otherwise, in the words of all clients: five failures in a
 * row, or a fifth of twenty requests or more in 10 s, or less success than the others have (Envoy's own numbers, from five
 * endpoints and 100 requests on); for 30 s, longer each time, 300 s at most.
 */
const DEFAULT: OutlierDetection = {
  consecutive5xx: 5,
  interval: 10_000,
  baseEjectionTime: 30_000,
  maxEjectionTime: 300_000,
  maxEjectionPercent: 50,
  enforcingConsecutive5xx: 100,
  enforcingSuccessRate: 100,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1900,
  failurePercentageThreshold: 20,
  enforcingFailurePercentage: 100,
  // Libraries of gRPC eject their only endpoint otherwise.
  failurePercentageMinimumHosts: 2,
  failurePercentageRequestVolume: 20,
}

/**
 * gRFC A50 goes on until the share is reached, also beyond it: with 50 two of three would be out. With 33 it is one of
 * three, and never more than half of two or more.
 */
const GRPC_EJECTED_PERCENT = 33

/**
 * `outlier_detection` of a Service's cluster, as a policy says it or as it is without one; nothing where it is off, and for a
 * client that would refuse it.
 */
export function outlierDetection(
  settings: OutlierSettings | undefined,
  takes: ClientTakes,
): Pick<Cluster, 'outlierDetection'> {
  if (settings?.mode === 'Off' || takes.outlierDetection === 'none') return {}
  const said = settings ? detectionOf(settings) : DEFAULT
  if (takes.outlierDetection === 'within') return { outlierDetection: said }
  const maxEjectionPercent = Math.min(said.maxEjectionPercent ?? GRPC_EJECTED_PERCENT, GRPC_EJECTED_PERCENT)
  return { outlierDetection: { ...said, maxEjectionPercent } }
}

/**
 * A success rate is the share of failures the other way round, which gRPC libraries know, too (gRFC A50); the deviation that
 * Envoy compares by itself is switched off.
 */
function detectionOf({ successRate, ...settings }: OutlierSettings & { mode: 'On' }): OutlierDetection {
  return {
    consecutive5xx: settings.consecutiveErrors,
    enforcingConsecutive5xx: 100,
    interval: successRate.windowMs,
    baseEjectionTime: settings.baseEjectionMs,
    maxEjectionTime: settings.maximumEjectionMs,
    maxEjectionPercent: settings.maximumEjectedPercent,
    enforcingSuccessRate: 0,
    failurePercentageThreshold: 100 - successRate.belowPercent,
    failurePercentageRequestVolume: successRate.minimumRequests,
    failurePercentageMinimumHosts: DEFAULT.failurePercentageMinimumHosts,
    enforcingFailurePercentage: 100,
  }
}

/** What counts as a failure beside 5xx, for which xDS has no word: metadata of the cluster. */
export function outlierStatuses(settings: OutlierSettings): JsonObject | undefined {
  if (settings.mode === 'Off') return undefined
  const { statusCodes, grpcStatusCodes } = settings
  if (statusCodes.length + grpcStatusCodes.length === 0) return undefined
  return {
    [METADATA_OUTLIER]: {
      ...(statusCodes.length > 0 ? { statuses: [...statusCodes] } : {}),
      ...(grpcStatusCodes.length > 0 ? { grpcStatuses: [...grpcStatusCodes] } : {}),
    },
  }
}
