import { METADATA_OUTLIER } from '../../core/contract.ts'
import type { Cluster, OutlierDetection } from '../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../core/xds/well-known.ts'
import { OUTLIER_DETECTION } from '../model/traffic-defaults.ts'
import type { OutlierSettings } from '../model/traffic-settings.ts'
import type { ClientTakes } from './client-takes.ts'

/**
 * What ejects an endpoint of a Service unless somebody says otherwise, in the words of all clients: five failures in a
 * row, or a fifth of twenty requests or more in 10 s, or less success than the others have (Envoy's own numbers, from five
 * endpoints and 100 requests on); for 30 s, longer each time, 300 s at most.
 */
const DEFAULT: OutlierSettings = {
  mode: 'On',
  statusCodes: [],
  grpcStatusCodes: [],
  ...OUTLIER_DETECTION,
}

/**
 * gRFC A50 goes on until the share is reached, also beyond it: with 50 two of three would be out. With 33 it is one of
 * three, and never more than half of two or more.
 */
const GRPC_EJECTED_PERCENT = 33

/** Of the cluster of a Service, or nothing for a client that would refuse it, and where a policy says that it is off. */
export function outlierDetection(
  takes: ClientTakes,
  settings: OutlierSettings = DEFAULT,
): Pick<Cluster, 'outlierDetection'> {
  if (takes.outlierDetection === 'none' || settings.mode === 'Off') return {}
  const { maximumEjectedPercent: percent } = settings
  const beyond = takes.outlierDetection === 'beyond'
  return { outlierDetection: detection(settings, beyond ? Math.min(percent, GRPC_EJECTED_PERCENT) : percent) }
}

function detection(
  settings: Extract<OutlierSettings, { mode: 'On' }>,
  maxEjectionPercent: number,
): OutlierDetection {
  const { successRate } = settings
  return {
    consecutive5xx: settings.consecutiveErrors,
    interval: successRate.windowMs,
    baseEjectionTime: settings.baseEjectionMs,
    maxEjectionTime: settings.maximumEjectionMs,
    maxEjectionPercent,
    enforcingConsecutive5xx: 100,
    enforcingSuccessRate: 100,
    successRateMinimumHosts: 5,
    successRateRequestVolume: 100,
    successRateStdevFactor: 1900,
    // The share of failures that is left where a share must succeed.
    failurePercentageThreshold: 100 - successRate.belowPercent,
    enforcingFailurePercentage: 100,
    // Libraries of gRPC eject their only endpoint otherwise.
    failurePercentageMinimumHosts: 2,
    failurePercentageRequestVolume: successRate.minimumRequests,
  }
}

/** What counts as a failure beside 5xx, for which xDS has no word: metadata of the cluster. */
export function outlierStatuses(settings: OutlierSettings | undefined): JsonObject {
  if (!settings || settings.mode === 'Off') return {}
  const { statusCodes, grpcStatusCodes } = settings
  if (statusCodes.length + grpcStatusCodes.length === 0) return {}
  return {
    [METADATA_OUTLIER]: {
      ...(statusCodes.length > 0 ? { statuses: [...statusCodes] } : {}),
      ...(grpcStatusCodes.length > 0 ? { grpcStatuses: [...grpcStatusCodes] } : {}),
    },
  }
}
