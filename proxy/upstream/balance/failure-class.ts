import type { TryOutcome } from '../health/try-outcome.ts'

/**
 * Whether a try failed in a way that another endpoint might not: a 5xx, 429 (RFC 6585: too many requests), or no answer. A
 * cancel says nothing about the endpoint. `status`: of the answer, 0 without one.
 */
export function isFailure(outcome: TryOutcome, status: number): boolean {
  return outcome === 'answered' ? status >= 500 || status === 429 : outcome !== 'cancelled'
}

/** By number of a gRPC status (grpc/grpc, doc/statuscodes.md); the other ones are about the call, not about its server. */
const FAILED = new Set([
  2, // UNKNOWN: what a handler that throws ends with
  4, // DEADLINE_EXCEEDED
  8, // RESOURCE_EXHAUSTED, which is gRPC's 429
  13, // INTERNAL
  14, // UNAVAILABLE
  15, // DATA_LOSS
])

/** The same of a gRPC status: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE and DATA_LOSS. */
export function isGrpcFailure(grpcStatus: number): boolean {
  return FAILED.has(grpcStatus)
}
