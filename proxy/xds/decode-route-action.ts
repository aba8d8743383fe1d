import { INVALID_BACKEND } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { parseReplacement } from '../../core/pattern.ts'
import type {
  DirectResponseAction,
  HedgePolicy as WireHedgePolicy,
  RedirectAction as WireRedirect,
  RetryPolicy as WireRetryPolicy,
  RouteAction,
} from '../../core/xds/generated/envoy.js'
import {
  NO_MUTATION,
  type DirectResponse,
  type ForwardAction,
  type HedgePolicy,
  type RedirectAction,
  type RetryPolicy,
} from '../model/route.ts'
import { percentOf } from './decode-fraction.ts'
import { decodeHashPolicy } from './decode-hash-policy.ts'
import { decodeRegex } from './decode-match.ts'
import { checkHeadText, decodeMutation } from './decode-mutation.ts'
import type { Scope } from './scope.ts'

// Envoy: 25 ms, and ten times that.
const BACKOFF_MS = 25

export function decodeForward(
  action: RouteAction,
  scope: Scope,
  nonIdempotent: boolean,
  hedge: HedgePolicy | undefined,
): ForwardAction {
  const clusters = decodeClusters(action, scope)
  checkHeadText(action.prefixRewrite, scope.at('prefix_rewrite'))
  checkHeadText(action.hostRewriteLiteral, scope.at('host_rewrite_literal'))
  checkHeadText(action.regexRewrite?.substitution, scope.at('regex_rewrite').at('substitution'))
  if (!clusters.some((cluster) => cluster.weight > 0))
    scope.fail('needs cluster, or weighted_clusters with a weight above 0')
  return {
    kind: 'forward',
    clusters,
    // Envoy's default of 15 s would cut what nobody limited.
    timeoutMs: action.timeout ?? 0,
    retry: action.retryPolicy
      ? decodeRetry(action.retryPolicy, scope.at('retry_policy'), nonIdempotent, action.hedgePolicy)
      : undefined,
    ...decodeHashPolicies(action, scope),
    ...(hedge && { hedge }),
    rewrite: { path: decodePathRewrite(action, scope), authority: action.hostRewriteLiteral || undefined },
    mirrors: (action.requestMirrorPolicies ?? []).map((mirror) => ({
      cluster: mirror.cluster ?? '',
      percent: percentOf(mirror.runtimeFraction?.defaultValue),
      shadowSuffix: mirror.disableShadowHostSuffixAppend !== true,
    })),
    upgrades: (action.upgradeConfigs ?? []).flatMap((upgrade) =>
      upgrade.enabled === false || !upgrade.upgradeType ? [] : [upgrade.upgradeType.toLowerCase()],
    ),
  }
}

function decodeHashPolicies(action: RouteAction, scope: Scope): Pick<ForwardAction, 'hashPolicies'> {
  const policies = (action.hashPolicy ?? [])
    .map((policy, i) => decodeHashPolicy(policy, scope.at('hash_policy', i)))
    .filter((policy) => policy !== undefined)
  return policies.length === 0 ? {} : { hashPolicies: policies }
}

function decodeClusters(action: RouteAction, scope: Scope): ForwardAction['clusters'] {
  if (action.cluster)
    return [
      {
        cluster: backendCluster(action.cluster),
        weight: 1,
        requestHeaders: NO_MUTATION,
        responseHeaders: NO_MUTATION,
      },
    ]
  const weighted = scope.at('weighted_clusters')
  return (action.weightedClusters?.clusters ?? []).map((cluster, i) => {
    const at = weighted.at('clusters', i)
    return {
      cluster: backendCluster(cluster.name ?? ''),
      weight: cluster.weight ?? 0,
      requestHeaders: decodeMutation(
        cluster.requestHeadersToAdd,
        cluster.requestHeadersToRemove,
        at,
        'request_headers_to_add',
      ),
      responseHeaders: decodeMutation(
        cluster.responseHeadersToAdd,
        cluster.responseHeadersToRemove,
        at,
        'response_headers_to_add',
      ),
    }
  })
}

/** '' for the backend that is none. */
export function backendCluster(name: string): string {
  return name === INVALID_BACKEND ? '' : name
}

function decodePathRewrite(action: RouteAction, scope: Scope): ForwardAction['rewrite']['path'] {
  if (action.prefixRewrite && action.regexRewrite)
    scope.at('regex_rewrite').fail('excludes prefix_rewrite: keep one')
  if (action.prefixRewrite) return { kind: 'prefix', value: action.prefixRewrite }
  if (!action.regexRewrite) return undefined
  const at = scope.at('regex_rewrite')
  const pattern = decodeRegex(action.regexRewrite.pattern, at.at('pattern'))
  if (!pattern) return undefined
  try {
    return {
      kind: 'regex',
      pattern,
      substitution: parseReplacement(action.regexRewrite.substitution ?? '', pattern),
    }
  } catch (error) {
    at.at('substitution').fail(describeError(error))
    return undefined
  }
}

function decodeRetry(
  policy: WireRetryPolicy,
  scope: Scope,
  nonIdempotent: boolean,
  hedging: WireHedgePolicy | undefined,
): RetryPolicy {
  const on = new Set((policy.retryOn ?? '').split(',').map((condition) => condition.trim()))
  const grpcStatuses: number[] = []
  for (const condition of on) {
    const grpc = GRPC_CONDITIONS[condition]
    if (grpc !== undefined) grpcStatuses.push(grpc)
    else if (!CONDITIONS.has(condition))
      scope.at('retry_on').fail(`the condition "${condition}" is not supported`)
  }
  const baseMs = policy.retryBackOff?.baseInterval ?? BACKOFF_MS
  return {
    retries: policy.numRetries ?? 1,
    // It ends no try where another one follows beside it.
    perTryTimeoutMs: hedging?.hedgeOnPerTryTimeout ? 0 : (policy.perTryTimeout ?? 0),
    statuses: on.has('retriable-status-codes') ? (policy.retriableStatusCodes ?? []) : [],
    on: {
      connectFailure: on.has('connect-failure'),
      refusedStream: on.has('refused-stream'),
      reset: on.has('reset'),
      resetBeforeRequest: on.has('reset-before-request'),
      gatewayError: on.has('gateway-error'),
      serverError: on.has('5xx'),
    },
    grpcStatuses,
    backoffBaseMs: baseMs,
    backoffMaxMs: policy.retryBackOff?.maxInterval ?? baseMs * 10,
    nonIdempotent,
  }
}

const CONDITIONS = new Set([
  '',
  'connect-failure',
  'refused-stream',
  'reset',
  'reset-before-request',
  'gateway-error',
  '5xx',
  'retriable-status-codes',
])
const GRPC_CONDITIONS: Record<string, number | undefined> = {
  cancelled: 1,
  'deadline-exceeded': 4,
  'resource-exhausted': 8,
  internal: 13,
  unavailable: 14,
}

export function decodeRedirect(redirect: WireRedirect, scope: Scope): RedirectAction {
  checkHeadText(redirect.schemeRedirect, scope.at('scheme_redirect'))
  checkHeadText(redirect.hostRedirect, scope.at('host_redirect'))
  checkHeadText(redirect.pathRedirect, scope.at('path_redirect'))
  checkHeadText(redirect.prefixRewrite, scope.at('prefix_rewrite'))
  const statuses = {
    MOVED_PERMANENTLY: 301,
    FOUND: 302,
    SEE_OTHER: 303,
    TEMPORARY_REDIRECT: 307,
    PERMANENT_REDIRECT: 308,
  } as const
  return {
    kind: 'redirect',
    status: statuses[redirect.responseCode ?? 'MOVED_PERMANENTLY'],
    scheme: redirect.httpsRedirect ? 'https' : redirect.schemeRedirect || undefined,
    authority: redirect.hostRedirect || undefined,
    port: redirect.portRedirect || undefined,
    path: redirect.pathRedirect
      ? { kind: 'full', value: redirect.pathRedirect }
      : redirect.prefixRewrite
        ? { kind: 'prefix', value: redirect.prefixRewrite }
        : undefined,
  }
}

export function decodeDirect(response: DirectResponseAction | undefined, scope: Scope): DirectResponse {
  if (!response) scope.fail('needs route, redirect or direct_response')
  const status = response?.status ?? 0
  if (response && (status < 200 || status > 599))
    scope.at('direct_response').at('status').fail('must be from 200 to 599')
  return { kind: 'direct', status, body: response?.body?.inlineString ?? '' }
}
