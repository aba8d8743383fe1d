import { field, type Fields } from '../http/message.ts'

// gRPC over HTTP/2, Requests: Timeout -> "grpc-timeout" TimeoutValue TimeoutUnit, at most 8 digits.
const TIMEOUT = /^([0-9]{1,8})([HMSmun])$/
const MS_OF_UNIT: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }
const LARGEST_VALUE = 99_999_999

/** How long the caller waits for a call, in milliseconds; undefined where it says nothing that can be read. */
export function grpcTimeoutMs(fields: Fields): number | undefined {
  const parts = TIMEOUT.exec(field(fields, 'grpc-timeout') ?? '')
  return parts ? Number(parts[1]) * (MS_OF_UNIT[parts[2] as string] as number) : undefined
}

/** `ms` as a value of grpc-timeout, in the finest unit that holds it and never more than that; at least a microsecond. */
export function formatGrpcTimeout(ms: number): string {
  const micros = Math.max(1, Math.floor(ms * 1000))
  if (micros <= LARGEST_VALUE) return `${micros}u`
  if (ms <= LARGEST_VALUE) return `${Math.floor(ms)}m`
  return `${Math.min(LARGEST_VALUE, Math.floor(ms / 1000))}S`
}
