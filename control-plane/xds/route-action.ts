import { ANY_UPGRADE, INVALID_BACKEND } from '../../core/contract.ts'
import { packAny } from '../../core/xds/any.ts'
import { PreviousHostsPredicate, type RetryPolicy, type RouteAction } from '../../core/xds/generated/envoy.js'
import type { Forward, Match, PathAndHost, Retry } from '../model/route.ts'
import type { ClientTakes } from './client-takes.ts'
import type { MeshClient } from './client.ts'
import { headerChange } from './headers.ts'

const BACKOFF_MS = 25
const DEFAULT_RETRIES = 2
/** Fractions of a million are the finest that Envoy knows. */
const MILLION = 1_000_000

/** For clients that do not go elsewhere by themselves, as a sidecar of ours does. */
const ELSEWHERE: Pick<RetryPolicy, 'retryHostPredicate' | 'hostSelectionRetryMaxAttempts'> = {
  retryHostPredicate: [
    { name: 'envoy.retry_host_predicates.previous_hosts', typedConfig: packAny(PreviousHostsPredicate, {}) },
  ],
  hostSelectionRetryMaxAttempts: 3n,
}

export function forwardAction(
  action: Forward,
  match: Match,
  path: PathAndHost['path'],
  client: MeshClient,
): RouteAction {
  const { takes } = client
  const retry = retryPolicy(takes, action.retry, action.tryTimeoutMs)
  return {
    ...destinations(action, match, takes),
    timeout: action.requestTimeoutMs,
    retryPolicy: retry,
    ...pathRewrite(path),
    ...(action.rewrite.host === undefined ? {} : { hostRewriteLiteral: action.rewrite.host }),
    ...(action.mirrors.length > 0
      ? {
          requestMirrorPolicies: action.mirrors.map(({ portKey, percent }) => ({
            cluster: portKey,
            runtimeFraction: {
              defaultValue: { numerator: Math.round((percent / 100) * MILLION), denominator: 'MILLION' },
            },
          })),
        }
      : {}),
    ...(!match.grpc ? { upgradeConfigs: upgradeConfigs(takes) } : {}),
  }
}

/**
 * The share of an invalid backend goes to a cluster that is not there: 500, for gRPC 503 (UNAVAILABLE). A sidecar of ours
 * knows it by its name.
 */
function destinations(action: Forward, match: Match, takes: ClientTakes): RouteAction {
  const backends = action.backends.filter((one) => one.weight > 0)
  const [only] = backends
  // A session may be with a backend that gets nothing new any more.
  const alone = backends.length === (action.session ? action.backends.length : 1)
  const plain = only && Object.keys(headerChange(only.requestHeaders, only.responseHeaders)).length === 0
  if (backends.length === 1 && alone && only?.portKey !== undefined && plain) return { cluster: only.portKey }
  const invalid = backends.some((one) => one.portKey === undefined)
  return {
    weightedClusters: {
      clusters: action.backends.map((one) => ({
        name: one.portKey ?? INVALID_BACKEND,
        weight: one.weight,
        ...headerChange(one.requestHeaders, one.responseHeaders),
      })),
    },
    ...(invalid && !match.grpc && !takes.invalidBackend
      ? { clusterNotFoundResponseCode: 'INTERNAL_SERVER_ERROR' }
      : {}),
  }
}

function pathRewrite(path: PathAndHost['path']): RouteAction {
  if (!path) return {}
  if (path.kind === 'prefix') return { prefixRewrite: path.value }
  // Of the path without its query. The value holds no backslash, which would refer to a group.
  return { regexRewrite: { pattern: { regex: '^/.*$' }, substitution: path.value } }
}

/** WebSocket, and whatever else is asked for where the client knows the word for it. */
export function upgradeConfigs(takes: ClientTakes): NonNullable<RouteAction['upgradeConfigs']> {
  return [{ upgradeType: 'websocket' }, ...(takes.anyUpgrade ? [{ upgradeType: ANY_UPGRADE }] : [])]
}

/** What holds where a route says nothing of retries. */
export function defaultRetry(takes: ClientTakes): RetryPolicy {
  return retrying(takes, undefined, 0)
}

function retryPolicy(takes: ClientTakes, retry: Retry | undefined, tryTimeoutMs: number): RetryPolicy {
  if (retry?.retries !== 0) return retrying(takes, retry, tryTimeoutMs)
  // It still carries the limit of a try.
  return { retryOn: '', numRetries: 0, ...perTry(tryTimeoutMs) }
}

function retrying(takes: ClientTakes, retry: Retry | undefined, tryTimeoutMs: number): RetryPolicy {
  return {
    retryOn: retry ? 'connect-failure,refused-stream,reset,retriable-status-codes' : takes.safeRetryOn,
    numRetries: retry?.retries ?? DEFAULT_RETRIES,
    ...perTry(tryTimeoutMs),
    ...(retry ? { retriableStatusCodes: retry.statuses } : {}),
    ...backOff(retry),
    ...(takes.retriesElsewhere ? {} : ELSEWHERE),
  }
}

/** Waits between tries: from the rule's or 25 ms up to ten times that. */
export function backOff(retry: Retry | undefined): Pick<RetryPolicy, 'retryBackOff'> {
  const base = retry?.backoffMs && retry.backoffMs > 0 ? retry.backoffMs : BACKOFF_MS
  return { retryBackOff: { baseInterval: base, maxInterval: base * 10 } }
}

function perTry(timeoutMs: number): Pick<RetryPolicy, 'perTryTimeout'> {
  return timeoutMs > 0 ? { perTryTimeout: timeoutMs } : {}
}
