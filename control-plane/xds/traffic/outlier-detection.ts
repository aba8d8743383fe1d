import { METADATA_OUTLIER } from '../../../core/contract.ts'
import type { Cluster } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import type { OutlierSettings } from '../../model/traffic-settings.ts'

/**
 * `outlier_detection` as a policy says it; none where it is off. A success rate is the share of failures the other way
 * round, which gRPC libraries know, too (gRFC A50); the deviation that Envoy compares by itself is switched off.
 */
export function outlierDetection(settings: OutlierSettings | undefined): Pick<Cluster, 'outlierDetection'> {
  if (!settings || settings.mode === 'Off') return {}
  const { successRate } = settings
  return {
    outlierDetection: {
      consecutive5xx: settings.consecutiveErrors,
      enforcingConsecutive5xx: 100,
      interval: successRate.windowMs,
      baseEjectionTime: settings.baseEjectionMs,
      maxEjectionTime: settings.maximumEjectionMs,
      maxEjectionPercent: settings.maximumEjectedPercent,
      enforcingSuccessRate: 0,
      failurePercentageThreshold: 100 - successRate.belowPercent,
      failurePercentageRequestVolume: successRate.minimumRequests,
      failurePercentageMinimumHosts: 1,
      enforcingFailurePercentage: 100,
    },
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
