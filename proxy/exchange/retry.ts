import type { ResponseHead } from '../http/message.ts'
import type { RetryPolicy } from '../model/route.ts'
import { readGrpcStatus } from './reply.ts'

/** How a try ended before any of its response went to the caller. */
export type Outcome =
  /** No connection came about: nothing was sent. */
  | { readonly kind: 'connect-failure' }
  /** Its endpoint left the cluster before a connection was there: nothing was sent, and nothing is wrong with it. */
  | { readonly kind: 'removed' }
  /** A limit of ours: nothing was sent, and there is no room for another try either. */
  | { readonly kind: 'overflow' }
  /** The server said that it did not process it (REFUSED_STREAM, beyond GOAWAY). */
  | { readonly kind: 'refused' }
  /** The connection broke or the stream was reset; the server may have acted. */
  | { readonly kind: 'reset' }
  /** Not over: it was sent, and the endpoint gives no sign of life. */
  | { readonly kind: 'silent' }
  /** Not over: no connection came about in a part of a second, and another endpoint is there. */
  | { readonly kind: 'slow-connect' }
  | { readonly kind: 'per-try-timeout' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'grpc-status'; readonly grpcStatus: number }

export interface Tried {
  readonly method: string
  /** The whole request so far is still at hand. */
  readonly replayable: boolean
  /** It asks for another protocol: not to be repeated once it may have been taken up. */
  readonly upgrade: boolean
  /** Tries after the first so far, without replays of the keep-alive race. */
  readonly retries: number
  /** The connection had carried streams before this one. */
  readonly reusedConnection: boolean
  /** It was to the application of this pod, and ended without a word. */
  readonly applicationClosed: boolean
  /** The server said by GOAWAY that it did not get to it: the connection was over, nothing is wrong with the server. */
  readonly goneAway: boolean
  /** Replays so far. */
  readonly replays: number
}

export type Decision = 'no' | 'replay' | 'retry'

// A server that goes away at every turn is one that is broken, and so is who names them.
const MAX_REPLAYS = 10
// Two endpoints in a row may have vanished; more are a network that has.
const MAX_MOVES = 2

// RFC 9110 section 9.2.2.
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY'])

export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

/**
 * Whether to try again. `replay` costs neither a retry nor budget: what an endpoint never got that left the cluster
 * meanwhile; a reused connection that the server closed under us (RFC 9112 section 9.3.1), once, and once more
 * if it was this pod's application, since one that ends closes connections that it has not accepted yet, too, and
 * its port then says whether it has gone; what a GOAWAY left out, as often as a burst of requests may meet the end of
 * a connection. A request that may have reached the application is repeated only if its method is idempotent or
 * the route says that it may. From an endpoint that gives no sign of life it is moved, where that may be: to wait on is
 * the alternative.
 */
export function decideRetry(policy: RetryPolicy | undefined, outcome: Outcome, tried: Tried): Decision {
  if (!tried.replayable || outcome.kind === 'overflow') return 'no'
  if (outcome.kind === 'removed') return tried.replays < MAX_REPLAYS ? 'replay' : 'no'
  if (outcome.kind === 'slow-connect') return tried.replays < MAX_MOVES ? 'replay' : 'no'
  const unsent = outcome.kind === 'connect-failure' || outcome.kind === 'refused'
  if (tried.upgrade && !unsent) return 'no'
  const safe = unsent || isIdempotent(tried.method) || (policy?.nonIdempotent ?? false)
  if (!safe) return 'no'
  if (outcome.kind === 'silent') return tried.replays < MAX_MOVES ? 'replay' : 'no'
  const closed = outcome.kind === 'reset' || outcome.kind === 'refused'
  if (outcome.kind === 'refused' && tried.goneAway && tried.replays < MAX_REPLAYS) return 'replay'
  if (closed && tried.reusedConnection && tried.replays === 0) return 'replay'
  if (closed && tried.applicationClosed && tried.replays < 2) return 'replay'
  if (!policy || tried.retries >= policy.retries) return 'no'
  return wanted(policy, outcome) ? 'retry' : 'no'
}

function wanted(policy: RetryPolicy, outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'overflow':
      return false
    case 'removed':
    case 'silent':
    case 'slow-connect':
    case 'connect-failure':
      return policy.on.connectFailure || policy.on.resetBeforeRequest || anyReset(policy)
    case 'refused':
      return policy.on.refusedStream || policy.on.resetBeforeRequest || anyReset(policy)
    case 'reset':
      return anyReset(policy)
    case 'per-try-timeout':
      // To Envoy it is a reset; Gateway API (GEP-1731) counts timeouts among what is retried, and its 504 by status.
      return anyReset(policy) || policy.statuses.includes(504)
    case 'status':
      return isRetriableStatus(policy, outcome.status)
    case 'grpc-status':
      return policy.grpcStatuses.includes(outcome.grpcStatus)
  }
}

/** To Envoy a reset is also a 5xx and a gateway error, since it would become one. */
function anyReset(policy: RetryPolicy): boolean {
  return policy.on.reset || policy.on.gatewayError || policy.on.serverError
}

/** The answer is one that a retry rule may turn away. `end`: its head is all of it, so that it has the status of a gRPC call. */
export function badAnswer(
  policy: RetryPolicy | undefined,
  head: ResponseHead,
  end: boolean,
): Outcome | undefined {
  if (!policy) return undefined
  if (isRetriableStatus(policy, head.status)) return { kind: 'status', status: head.status }
  if (!end || policy.grpcStatuses.length === 0) return undefined
  const grpcStatus = readGrpcStatus(head.fields)
  return grpcStatus === undefined ? undefined : { kind: 'grpc-status', grpcStatus }
}

/** Envoy's retriable-status-codes, gateway-error (502 to 504) and 5xx. */
export function isRetriableStatus(policy: RetryPolicy, status: number): boolean {
  if (policy.statuses.includes(status)) return true
  if (policy.on.gatewayError && status >= 502 && status <= 504) return true
  return policy.on.serverError && status >= 500 && status <= 599
}

/**
 * How long to wait before the next try, in milliseconds; `retries` counts it. The first one after a failure of which
 * nothing reached a server goes elsewhere at once: nothing says that the other endpoints are in trouble.
 * Otherwise exponential with jitter (`random` from 0 up to 1), never less than half.
 */
export function backoffMs(
  policy: RetryPolicy | undefined,
  outcome: Outcome,
  retries: number,
  random: number,
): number {
  const unsent = outcome.kind === 'connect-failure' || outcome.kind === 'refused'
  if (!policy || (unsent && retries <= 1)) return 0
  const ceiling = Math.min(policy.backoffMaxMs, policy.backoffBaseMs * 2 ** (retries - 1))
  return ceiling / 2 + (random * ceiling) / 2
}
