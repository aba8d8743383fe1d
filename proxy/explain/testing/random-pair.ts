import type { Matcher, Rule, Stage } from '../../../core/authorization/rules.ts'
import type { ProxyRequest } from '../../../core/explain/proxy-question.ts'
import { Pattern } from '../../../core/pattern.ts'
import type { FilterConfig } from '../../model/filter.ts'
import type { Balancing } from '../../model/balancing.ts'
import type { ForwardAction, RetryPolicy, Route, RouteMatch } from '../../model/route.ts'
import { NO_MUTATION } from '../../model/route.ts'
import type { ValueMatch } from '../../model/value-match.ts'
import { balancedBy, LEAST_REQUEST, PEAK_EWMA, RETRY_503 } from '../../testing/static-configuration.ts'
import { ROUND_ROBIN } from '../../model/balancing.ts'
import type { FaultConfig } from '../../steps/http/fault.ts'
import type { LocalRateLimitConfig } from '../../steps/http/local-rate-limit.ts'

/** What a server does with each request. */
export type Behaviour =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'reset' | 'hang' | 'no-connection' | 'refused' }

export interface RandomCluster {
  readonly name: string
  /** `missing`: the control plane knows none of this name. */
  readonly missing: boolean
  readonly balancing: Balancing
  readonly endpoints: readonly {
    readonly port: number
    readonly weight: number
    readonly health: 'healthy' | 'draining' | 'unhealthy'
    readonly does: Behaviour
  }[]
}

/** A configuration of a proxy, and a request. */
export interface RandomPair {
  readonly direction: 'outbound' | 'inbound'
  readonly identity: string
  readonly domains: readonly string[]
  readonly routes: readonly Route[]
  readonly filters: readonly FilterConfig[]
  readonly clusters: readonly RandomCluster[]
  readonly request: ProxyRequest
}

const WORDS = ['a', 'b', 'items', 'x']
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']
const IDENTITIES = ['spiffe://a/ns/shop/sa/web', 'spiffe://a/ns/shop/sa/cart', 'spiffe://a/ns/pay/sa/pay']
const CLUSTERS = ['c0', 'c1', 'c2', 'c3']

/** The same for the same numbers. `random`: at least 0, less than 1. */
export function randomPair(random: () => number): RandomPair {
  const one = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const chance = (part: number): boolean => random() < part
  const many = <T>(most: number, make: (i: number) => T, least = 0): T[] =>
    Array.from({ length: least + Math.floor(random() * (most - least + 1)) }, (_, i) => make(i))

  const path = (): string => `/${many(3, () => one(WORDS)).join('/')}`
  const value = (name: string): ValueMatch => {
    const kind = one(['exact', 'prefix', 'suffix', 'contains', 'regex', 'present'] as const)
    const text = kind === 'present' ? '' : one(['1', '2', 'beta', 'be'])
    const regex = kind === 'regex' ? new Pattern(`${text}.*`) : undefined
    return { name, kind, value: text, regex, invert: chance(0.2), absentIsEmpty: chance(0.1) }
  }
  const method = (): ValueMatch => {
    return { name: ':method', kind: 'exact', value: one(METHODS), regex: undefined, invert: chance(0.1) }
  }
  const match = (): RouteMatch => ({
    path: chance(0.15)
      ? { kind: 'regex', value: new Pattern(`/${one(WORDS)}(/.*)?`) }
      : {
          kind: one(['prefix', 'prefix', 'segment-prefix', 'exact'] as const),
          value: chance(0.3) ? '/' : path(),
          caseSensitive: chance(0.8),
        },
    headers: [...(chance(0.25) ? [method()] : []), ...many(1, () => value(one(['x-user', 'x-lane'])))],
    query: chance(0.2) ? [value(one(['v', 'w']))] : [],
    grpc: chance(0.1),
  })
  const retry = (): RetryPolicy => ({
    ...RETRY_503,
    retries: Math.floor(random() * 4),
    statuses: many(2, () => one([429, 500, 502, 503])),
    perTryTimeoutMs: chance(0.3) ? 200 : 0,
    on: {
      connectFailure: chance(0.5),
      refusedStream: chance(0.5),
      reset: chance(0.4),
      resetBeforeRequest: chance(0.2),
      gatewayError: chance(0.3),
      serverError: chance(0.3),
    },
    nonIdempotent: chance(0.3),
  })
  const mutation = () => ({ ...NO_MUTATION, set: chance(0.2) ? [['x-lane', '2'] as const] : [] })
  const forward = (): ForwardAction => ({
    kind: 'forward',
    clusters: many(
      3,
      () => ({
        cluster: chance(0.08) ? '' : one(CLUSTERS),
        weight: Math.floor(random() * 5),
        requestHeaders: mutation(),
        responseHeaders: NO_MUTATION,
      }),
      1,
    ),
    timeoutMs: chance(0.4) ? 1000 : 0,
    failover: chance(0.3),
    retry: chance(0.7) ? retry() : undefined,
    rewrite: {
      path: chance(0.2) ? { kind: 'prefix', value: one(['/', '/new', '/n/../..']) } : undefined,
      authority: chance(0.1) ? 'other' : undefined,
    },
    hashPolicies: chance(0.3) ? [{ kind: 'header', name: 'x-user', terminal: false }] : [],
    mirrors: [],
    upgrades: [],
  })
  const fault = (): FaultConfig => ({
    delay: chance(0.4) ? { percent: one([0, 0, 50, 100]), ms: 300 } : undefined,
    abort: chance(0.4)
      ? { percent: one([0, 0, 50, 100]), status: one([418, 503]), grpcStatus: undefined }
      : undefined,
    headers: many(1, () => value('x-user')),
    maxActive: Infinity,
  })
  const FAULT = 'envoy.filters.http.fault'
  const route = (i: number): Route => ({
    name: `HTTPRoute/shop/r/${i}`,
    match: match(),
    action: chance(0.12)
      ? {
          kind: 'redirect',
          status: one([301, 302, 307] as const),
          scheme: chance(0.3) ? 'https' : undefined,
          authority: chance(0.3) ? 'other' : undefined,
          port: chance(0.2) ? 8443 : undefined,
          path: chance(0.5) ? { kind: one(['full', 'prefix'] as const), value: '/new' } : undefined,
        }
      : chance(0.1)
        ? { kind: 'direct', status: one([200, 404, 503]), body: 'direct' }
        : forward(),
    requestHeaders: mutation(),
    responseHeaders: NO_MUTATION,
    ...(chance(0.2) && { filterConfigs: { [FAULT]: { name: FAULT, kind: FAULT, config: fault() } } }),
  })
  const everythingElse = (): Route => ({
    name: 'HTTPRoute/shop/r/9',
    match: { path: { kind: 'prefix', value: '/', caseSensitive: true }, headers: [], query: [], grpc: false },
    action: forward(),
    requestHeaders: mutation(),
    responseHeaders: NO_MUTATION,
  })
  const matcher = (): Matcher => {
    const text = { type: 'exact' as const, ignoreCase: false }
    switch (one(['any', 'identity', 'method', 'path', 'header', 'not'])) {
      case 'identity':
        return { kind: 'identity', match: { ...text, value: one(IDENTITIES) } }
      case 'method':
        return { kind: 'method', match: { ...text, value: one(METHODS) } }
      case 'path':
        return { kind: 'path', match: { type: 'prefix', value: `/${one(WORDS)}`, ignoreCase: false } }
      case 'header':
        return { kind: 'header', name: 'x-user', match: { ...text, value: one(['1', 'beta']) } }
      case 'not':
        return { kind: 'not', of: { kind: 'method', match: { ...text, value: one(METHODS) } } }
      default:
        return { kind: 'any' }
    }
  }
  const rule = (i: number): Rule => ({
    name: `shop/policy/${i}`,
    permissions: [matcher()],
    principals: [matcher()],
  })
  const rbac = (action: 'DENY' | 'ALLOW', i: number): FilterConfig => {
    const stage: Stage = { action, enforced: many(3, rule, 1), shadow: undefined }
    return { name: `rbac-${i}`, kind: 'envoy.filters.http.rbac', config: { stage, audit: 'None' } }
  }
  const limit = (): FilterConfig => {
    const bucket = { maxTokens: one([0, 5, 5]), tokensPerFill: 1, fillIntervalMs: 60_000 }
    const config: LocalRateLimitConfig = {
      statPrefix: 'limit',
      bucket,
      descriptors: [],
      alwaysAll: true,
      status: 429,
      enabledPercent: one([100, 100, 50]),
      enforcedPercent: 100,
      responseHeaders: NO_MUTATION,
      headers: false,
      resourceExhausted: false,
    }
    return { name: 'limit', kind: 'envoy.filters.http.local_ratelimit', config }
  }
  const behaviour = (): Behaviour => {
    const kind = one([
      'status',
      'status',
      'status',
      'status',
      'reset',
      'hang',
      'no-connection',
      'refused',
    ] as const)
    return kind === 'status' ? { kind, status: one([200, 200, 204, 404, 429, 500, 502, 503]) } : { kind }
  }
  const policies = [
    ROUND_ROBIN,
    LEAST_REQUEST,
    PEAK_EWMA,
    balancedBy({ kind: 'random' }),
    balancedBy({ kind: 'ring-hash', minimumSize: 64, maximumSize: 256 }),
  ]
  const clusters = CLUSTERS.map((name, c) => ({
    name,
    missing: chance(0.1),
    balancing: one(policies),
    endpoints: many(4, (i) => ({
      port: 1000 + c * 10 + i,
      weight: chance(0.5) ? 1 : Math.floor(random() * 3) + 1,
      health: chance(0.8) ? ('healthy' as const) : one(['draining', 'unhealthy'] as const),
      does: behaviour(),
    })),
  }))
  const direction = chance(0.4) ? 'inbound' : 'outbound'
  const query = chance(0.4) ? `?${one(['v=1', 'v=2&w=beta', 'w', 'v=be+1'])}` : ''
  const asked = chance(0.08) ? one(['/a//b', '/a/../x', '/../a', '/a/%2e%2e/b', '/%zz', '/a/%2F..']) : path()
  return {
    direction,
    identity: direction === 'inbound' ? one(IDENTITIES) : '',
    domains: chance(0.95) ? ['*'] : ['other', '*.shop'],
    routes: [...many(6, route), ...(chance(0.6) ? [everythingElse()] : [])],
    filters: [
      ...(chance(0.25) ? [{ name: FAULT, kind: FAULT, config: fault() }] : []),
      ...(chance(0.15) ? [limit()] : []),
      ...(chance(0.2) ? [rbac('DENY', 0)] : []),
      ...(chance(0.2) ? [rbac('ALLOW', 1)] : []),
    ],
    clusters,
    request: {
      scheme: 'http',
      http2: false,
      method: one(METHODS),
      authority: 'shop',
      path: asked + query,
      fields: [
        ...(chance(0.5) ? ['x-user', one(['1', 'beta', 'be'])] : []),
        ...(chance(0.3) ? ['x-lane', one(['1', '2'])] : []),
        ...(chance(0.1) ? ['x-lane', '2'] : []),
        ...(chance(0.1) ? ['content-type', 'application/grpc'] : []),
      ],
    },
  }
}
