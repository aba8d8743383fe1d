import { BROKEN_OFF, formatFlags, ResponseFlag } from '../model/response-flag.ts'
import type { RequestRecord } from '../exchange/telemetry-sink.ts'
import { grpcStatusName } from '../../core/grpc-status.ts'

/** gRPC statuses that are the server's fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const SERVER_FAULTS = new Set([2, 4, 12, 13, 14, 15])

/** What of a record says how the request ended. */
export type Ending = Pick<RequestRecord, 'status' | 'grpcStatus' | 'flags' | 'method'>

/**
 * The answer ended before it was whole, and not by its caller: whom that leaves, as a download that a person stops does, has
 * an error neither here nor in Envoy's spans. What becomes of an accepted upgrade is not ours to judge.
 */
function brokenOff({ flags, method, status }: Ending): boolean {
  return (flags & BROKEN_OFF) !== 0 && status !== 101 && method !== 'CONNECT'
}

/** Its caller was gone before an answer, which is no error by the conventions: it was cancelled on purpose. */
function left({ flags, status }: Ending): boolean {
  return status === 0 && (flags & ResponseFlag.DC) !== 0
}

/** As its server is to be judged: 5xx, no answer or a part of one, or a gRPC status that is the server's fault. */
export function failedByServer(one: Ending): boolean {
  if (left(one)) return false
  return one.status === 0 || one.status >= 500 || SERVER_FAULTS.has(one.grpcStatus) || brokenOff(one)
}

/** As its caller sees it: 4xx, and every gRPC status but OK, too. */
export function failedForClient(one: Ending): boolean {
  return failedByServer(one) || one.status >= 400 || one.grpcStatus > 0
}

/** `error.type` of one that failed: a gRPC status by name, the letters of what broke it off, or the HTTP status. */
export function errorType(one: Ending): string {
  if (one.grpcStatus > 0) return grpcStatusName(one.grpcStatus) ?? '_OTHER'
  if (one.status >= 400) return String(one.status)
  return one.flags === 0 ? '_OTHER' : formatFlags(one.flags)
}
