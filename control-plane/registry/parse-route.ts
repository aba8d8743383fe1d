import type { FieldReader } from '../../core/manifest/fields.ts'
import type { ParentRef, RouteMatch, RouteObject, RouteRule, ValueMatch } from './objects.ts'
import { parseBackend, parseFilters } from './parse-filters.ts'
import { namespaceOf } from './parse-core.ts'

/** Lets a route's owner say that its writes may be repeated although they reached a server. */
const NON_IDEMPOTENT_ANNOTATION = 'weft.dev/retry-non-idempotent'
const RULE_FILTERS = [
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
  'RequestRedirect',
  'URLRewrite',
  'RequestMirror',
] as const
const BACKEND_FILTERS = ['RequestHeaderModifier', 'ResponseHeaderModifier'] as const
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const
const DEFAULT_BACKOFF_MS = 25

/** HTTPRoute (v1, v1beta1) and GRPCRoute (v1) of gateway.networking.k8s.io. Throws FieldError. */
export function parseRoute(
  object: FieldReader,
  metadata: FieldReader,
  kind: RouteObject['kind'],
): RouteObject {
  const namespace = namespaceOf(metadata)
  const spec = object.child('spec')
  if (!spec) throw object.fail('spec', 'is required')
  spec.only('parentRefs', 'hostnames', 'rules', 'useDefaultGateways')
  const created = Date.parse(metadata.string('creationTimestamp') ?? '')
  const rules = spec.list('rules').map((rule) => parseRule(rule, kind, namespace))
  return {
    kind,
    namespace,
    name: metadata.required('name'),
    createdAt: Number.isNaN(created) ? 0 : created,
    generation: metadata.integer('generation', 0, Number.MAX_SAFE_INTEGER) ?? 1,
    retryNonIdempotent: metadata.texts('annotations')[NON_IDEMPOTENT_ANNOTATION] === 'true',
    parents: spec.list('parentRefs').map((ref) => parseParent(ref, namespace)),
    // An HTTPRoute without rules has the default one: everything, to nowhere.
    rules,
  }
}

function parseParent(ref: FieldReader, routeNamespace: string): ParentRef {
  ref.only('group', 'kind', 'namespace', 'name', 'sectionName', 'port')
  return {
    group: ref.string('group') ?? 'gateway.networking.k8s.io',
    kind: ref.string('kind') ?? 'Gateway',
    namespace: ref.string('namespace') ?? routeNamespace,
    name: ref.required('name'),
    port: ref.integer('port', 1, 65_535),
  }
}

function parseRule(rule: FieldReader, kind: RouteObject['kind'], namespace: string): RouteRule {
  rule.only('name', 'matches', 'filters', 'backendRefs', 'timeouts', 'retry', 'sessionPersistence')
  const unsupported: string[] = []
  if (rule.has('sessionPersistence')) unsupported.push('sessionPersistence')
  const matches = rule
    .list('matches')
    .map((match) => (kind === 'GRPCRoute' ? grpcMatch(match) : httpMatch(match)))
  const timeouts = rule.child('timeouts')
  timeouts?.only('request', 'backendRequest')
  const requestTimeoutMs = duration(timeouts, 'request')
  const backendTimeoutMs = duration(timeouts, 'backendRequest')
  // GEP-1742: a try cannot take longer than the whole.
  if (timeouts && requestTimeoutMs > 0 && backendTimeoutMs > requestTimeoutMs)
    throw timeouts.fail('backendRequest', 'must not be longer than request')
  return {
    matches: matches.length > 0 ? matches : [kind === 'GRPCRoute' ? ANY_GRPC : ANY],
    filters: parseFilters(rule, RULE_FILTERS, namespace, unsupported),
    backends: rule
      .list('backendRefs')
      .map((ref) => parseBackend(ref, namespace, BACKEND_FILTERS, unsupported)),
    requestTimeoutMs,
    backendTimeoutMs,
    retry: parseRetry(rule.child('retry')),
    unsupported,
  }
}

const ANY: RouteMatch = {
  path: { type: 'PathPrefix', value: '/' },
  method: '',
  headers: [],
  query: [],
  grpc: undefined,
}
const ANY_GRPC: RouteMatch = { ...ANY, grpc: { service: '', method: '', regex: false } }

function httpMatch(match: FieldReader): RouteMatch {
  match.only('path', 'headers', 'queryParams', 'method')
  const path = match.child('path')
  path?.only('type', 'value')
  const type = path?.oneOf('type', ['Exact', 'PathPrefix', 'RegularExpression']) ?? 'PathPrefix'
  const value = path?.string('value') ?? '/'
  if (path && type === 'RegularExpression') checkRegex(path, value)
  else if (path && !value.startsWith('/')) throw path.fail('value', `must begin with /, got "${value}"`)
  return {
    path: { type, value },
    method: match.oneOf('method', METHODS) ?? '',
    headers: match.list('headers').map((header) => valueMatch(header, true)),
    query: match.list('queryParams').map((parameter) => valueMatch(parameter, false)),
    grpc: undefined,
  }
}

function grpcMatch(match: FieldReader): RouteMatch {
  match.only('method', 'headers')
  const method = match.child('method')
  method?.only('type', 'service', 'method')
  const regex = method?.oneOf('type', ['Exact', 'RegularExpression']) === 'RegularExpression'
  const service = method?.string('service') ?? ''
  const name = method?.string('method') ?? ''
  if (method && service === '' && name === '') throw method.fail('service', 'or method is required')
  if (method && regex) for (const part of [service, name]) checkRegex(method, part)
  return {
    ...ANY_GRPC,
    grpc: { service, method: name, regex },
    headers: match.list('headers').map((header) => valueMatch(header, true)),
  }
}

function valueMatch(entry: FieldReader, lower: boolean): ValueMatch {
  entry.only('type', 'name', 'value')
  const type = entry.oneOf('type', ['Exact', 'RegularExpression']) ?? 'Exact'
  const value = entry.string('value') ?? ''
  if (type === 'RegularExpression') checkRegex(entry, value)
  const name = entry.required('name')
  return { name: lower ? name.toLowerCase() : name, type, value }
}

function checkRegex(owner: FieldReader, value: string): void {
  if (value.length > 1024) throw owner.fail('value', 'is longer than 1,024 characters')
  try {
    void new RegExp(value)
  } catch (error) {
    throw owner.fail('value', `is no regular expression: ${error instanceof Error ? error.message : ''}`)
  }
}

function parseRetry(retry: FieldReader | undefined): RouteRule['retry'] {
  if (!retry) return undefined
  retry.only('codes', 'attempts', 'backoff')
  const codes = retry.array('codes').map((code, index) => {
    if (typeof code !== 'number' || !Number.isInteger(code) || code < 400 || code > 599)
      throw retry.fail(`codes[${index}]`, `must be a status from 400 to 599, got ${JSON.stringify(code)}`)
    return code
  })
  return {
    codes,
    attempts: retry.integer('attempts', 0, 100) ?? 1,
    backoffMs: duration(retry, 'backoff') || DEFAULT_BACKOFF_MS,
  }
}

/** GEP-2257 durations: `1h30m10s50ms`; absent and `0s` are 0. Milliseconds. */
function duration(owner: FieldReader | undefined, name: string): number {
  const text = owner?.string(name)
  if (owner === undefined || text === undefined) return 0
  if (!/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text))
    throw owner.fail(name, `must be a duration such as 500ms or 1m30s, got "${text}"`)
  const unit: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  let total = 0
  for (const [, count, of] of text.matchAll(/(\d+)(ms|h|m|s)/g))
    total += Number(count) * (unit[of as string] as number)
  return total
}
