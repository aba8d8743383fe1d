import { GRPC_FAILURES, type OutlierDetection } from '../model/outlier-detection.ts'

/** As the control plane has it for a Service, with rules by rate switched off. */
export const IN_A_ROW: OutlierDetection = {
  consecutiveErrors: { limit: 5, enforcing: 100 },
  consecutiveGatewayFailures: { limit: 5, enforcing: 0 },
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectedPercent: 50,
  successRate: { enforcing: 0, minimumHosts: 5, requestVolume: 100, stdevFactor: 1900 },
  failurePercentage: { enforcing: 0, minimumHosts: 2, requestVolume: 20, threshold: 20 },
  statuses: [],
  grpcStatuses: GRPC_FAILURES,
}
/** Also by the share of failures. */
export const BY_SHARE: OutlierDetection = {
  ...IN_A_ROW,
  failurePercentage: { ...IN_A_ROW.failurePercentage, enforcing: 100 },
}
