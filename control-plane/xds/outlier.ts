import type { Cluster, OutlierDetection } from '../../core/xds/generated/envoy.js'
import type { ClientTakes } from './client-takes.ts'

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

/** Of the cluster of a Service, or nothing for a client that would refuse it. */
export function outlierDetection(takes: ClientTakes): Pick<Cluster, 'outlierDetection'> {
  switch (takes.outlierDetection) {
    case 'none':
      return {}
    case 'within':
      return { outlierDetection: DEFAULT }
    case 'beyond':
      return { outlierDetection: { ...DEFAULT, maxEjectionPercent: GRPC_EJECTED_PERCENT } }
  }
}
