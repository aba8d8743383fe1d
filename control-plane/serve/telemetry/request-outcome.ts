import { GRPC_STATUSES } from '../../../core/grpc-status.ts'
import { numberOf, textOf, type Attributes } from './attributes.ts'

/** What a request that was counted says of who served it: `left` says nothing, its caller ended it. */
export type RequestOutcome = 'answered' | 'failed' | 'left'

// gRPC statuses that are the server's fault (OpenTelemetry's rule for server spans).
const FAILED_GRPC = new Set([2, 4, 12, 13, 14, 15])
// Letters of proxy/model/response-flag.ts, which are Envoy's. What broke an answer off stands beside the status that its
// head had; with an answer of the sidecar's own stands a status that tells by itself.
const LEFT = new Set(['DPE', 'SI'])
const BROKEN = new Set(['UC', 'UF', 'UO', 'UPE', 'UR', 'UT', 'LR', 'OM'])

/**
 * `failed`: the caller got no good answer, but 5xx, none at all, a part of one, or a gRPC status that is the server's
 * fault. `left`: it went before its answer was whole, or took nothing of it any more. What is refused with 4xx is answered, and
 * so is an upgrade that was accepted, whoever ends what follows.
 */
export function outcomeOf(attributes: Attributes): RequestOutcome {
  const status = numberOf(attributes, 'http.response.status_code') ?? 0
  if (status >= 500 || FAILED_GRPC.has(grpcStatusOf(attributes))) return 'failed'
  const tunnel = status === 101 || (status >= 200 && textOf(attributes, 'http.request.method') === 'CONNECT')
  if (tunnel) return 'answered'
  const flags = textOf(attributes, 'weft.response_flags').split(',')
  if (flags.includes('DC')) return 'left'
  if (status >= 400) return 'answered'
  if (flags.some((flag) => LEFT.has(flag))) return 'left'
  return status === 0 || flags.some((flag) => BROKEN.has(flag)) ? 'failed' : 'answered'
}

/** By its name, or by its number as a sidecar of the version before says it; -1: none. */
function grpcStatusOf(attributes: Attributes): number {
  const name = textOf(attributes, 'rpc.response.status_code')
  const named = GRPC_STATUSES.findIndex((one) => one === name) + 1
  return named > 0 ? named : (numberOf(attributes, 'rpc.grpc.status_code') ?? -1)
}
