/** The codes of gRPC by number ("Status codes and their use in gRPC"), without OK. */
export const GRPC_STATUSES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

/** By number; undefined for one that is none. */
export function grpcStatusName(status: number): string | undefined {
  return status === 0 ? 'OK' : GRPC_STATUSES[status - 1]
}

export type GrpcStatus = (typeof GRPC_STATUSES)[number]

export function grpcStatusNumber(name: GrpcStatus): number {
  return GRPC_STATUSES.indexOf(name) + 1
}
