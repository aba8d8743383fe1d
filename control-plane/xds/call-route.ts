import { INVALID_BACKEND, REDIRECT_OF_A_CALL } from '../../core/contract.ts'
import type { RetryPolicy, Route, RouteAction, RouteConfiguration } from '../../core/xds/generated/envoy.js'
import type { Forward, RouteEntry } from '../model/route.ts'
import { backOff } from './route-action.ts'
import { callMatch } from './route-match.ts'

/**
 * One match of one rule for a gRPC library without a sidecar, which knows paths, metadata, weights (gRFC A28), the limit of
 * a call (A31) and retries (A44); undefined: no call can match. docs/proxyless-grpc.md tells what is left out.
 */
export function callRoute({ match, rule }: RouteEntry): Route | undefined {
  const matched = callMatch(match)
  if (!matched) return undefined
  const { name, action } = rule
  return {
    name,
    match: matched,
    // A route without a cluster (`non_forwarding_action`) ends all routes of grpc-js.
    route:
      action.kind === 'redirect' ? { cluster: `${REDIRECT_OF_A_CALL}/${name}` } : forwardAction(name, action),
  }
}

/** Every call to one cluster. */
export function allCallsTo(
  name: string,
  cluster: string,
  treated: (route: Route) => readonly Route[] = (route) => [route],
): RouteConfiguration {
  const routes = treated({ name: 'default', match: { prefix: '' }, route: { cluster } })
  return { name, virtualHosts: [{ name, domains: ['*'], routes }] }
}

function forwardAction(rule: string, action: Forward): RouteAction {
  const limit = limitOfCall(action)
  const retryPolicy = callRetry(action)
  return {
    ...destinations(rule, action),
    ...(limit > 0 ? { maxStreamDuration: { maxStreamDuration: limit } } : {}),
    ...(retryPolicy ? { retryPolicy } : {}),
  }
}

/** Clusters without weight are left out, since a library waits for each that is named; one that stands twice is one. */
function destinations(rule: string, { backends }: Forward): RouteAction {
  const invalid = `${INVALID_BACKEND}/${rule}`
  const weights = new Map<string, number>()
  for (const { portKey, weight } of backends) {
    const name = portKey ?? invalid
    if (weight > 0) weights.set(name, (weights.get(name) ?? 0) + weight)
  }
  const [only = invalid, ...more] = weights.keys()
  if (more.length === 0) return { cluster: only }
  return { weightedClusters: { clusters: [...weights].map(([name, weight]) => ({ name, weight })) } }
}

/** Milliseconds; 0: none. A library knows no limit of a try: where the rule has no other, all tries together have theirs. */
function limitOfCall({ requestTimeoutMs, tryTimeoutMs, retry }: Forward): number {
  return requestTimeoutMs > 0 ? requestTimeoutMs : tryTimeoutMs * (1 + (retry?.retries ?? 0))
}

/**
 * Statuses of HTTP as gRPC's words for retry_on (A44): those that "HTTP to gRPC Status Code Mapping" makes UNAVAILABLE, and
 * the two whose meaning is that of a code of its own.
 */
const WORDS: ReadonlyMap<number, string> = new Map([
  [429, 'resource-exhausted'],
  [500, 'internal'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'unavailable'],
])

/**
 * A library repeats a call by itself where nothing of it was sent. What a server may have seen is repeated where the route
 * says that it may be: a call is a POST, as for a sidecar.
 */
function callRetry({ retry, retryNonIdempotent }: Forward): RetryPolicy | undefined {
  if (!retry || retry.retries === 0 || !retryNonIdempotent) return undefined
  const words = new Set(retry.statuses.flatMap((status) => WORDS.get(status) ?? []))
  if (words.size === 0) return undefined
  return { retryOn: [...words].join(','), numRetries: retry.retries, ...backOff(retry) }
}
