import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { Json, JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty } from '../manifests.ts'
import type { RouteSet } from '../route-set.ts'
import { readCors } from './cors.ts'
import { readDestination, withWeight, type Reading } from './destinations.ts'
import { readFaults } from './faults.ts'
import { readHeaderFilters } from './header-filters.ts'
import { readHttpMatch, type HttpMatch } from './http-match.ts'
import { readPercentage } from './percent.ts'
import { readTimesAndRetries } from './retries.ts'

/** Of a request that a redirect answers, where it does not say. */
const MOVED = 301
const PARTS_OF_A_MILLION = 1_000_000
/** Gateway API's SectionName. */
const RULE_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** One of `http` of a VirtualService, into the routes. */
export function migrateHttpRule(rule: Fields, reading: Reading, routes: RouteSet): void {
  const { notes } = reading
  const conditional = rule.has('match')
  const before = notes.losses
  const matches = rule
    .list('match', (match) => readHttpMatch(match, notes))
    .filter((one) => one !== undefined)
  const leftOut = (why: string): void =>
    notes.lost(
      rule.path,
      `becomes no rule: ${why}`,
      'correct that and convert it again; until then its requests go by the other rules',
    )
  const unanswered = rule.has('directResponse') || rule.has('delegate')
  notes.withoutCounterpart(rule, {
    directResponse: 'answer in an application, or by faults of a TrafficPolicy for that route',
    delegate: 'write the rules of the other VirtualService here, and convert it again',
  })
  const name = rule.text('name')
  const faults = readFaults(rule.optionalMap('fault'), notes)
  const { timeouts, retry } = readTimesAndRetries(rule, notes)
  const likely = matches.find(({ port }) => port !== undefined)?.port
  const redirect = readRedirect(rule.optionalMap('redirect'), reading)
  const mirrors = readMirrors(rule, likely, reading)
  const headers = readHeaderFilters(rule, notes)
  const cors = readCors(rule.optionalMap('corsPolicy'), notes)
  const rewrite = rule.optionalMap('rewrite')
  const backends = rule.list('route', (item) => readBackend(item, likely, reading))
  const named = name !== undefined && RULE_NAME.test(name) ? name : undefined
  const rewriteOf = rewrite && readRewrite(rewrite, reading)
  rule.refuseUnknown()
  if (unanswered) return
  if (conditional && matches.length === 0) {
    if (notes.losses > before) leftOut('a rule without its conditions would be for all requests')
    return
  }
  const present = backends.flatMap((one) => (one ? [one] : []))
  if (
    redirect === 'refused' ||
    rewriteOf === 'refused' ||
    present.length < backends.length ||
    (!redirect && present.length === 0)
  ) {
    leftOut('not all of what it does with requests can be said')
    return
  }
  const backendRefs = present.map(({ backend, weight }) => withWeight(backend, weight, present.length))
  for (const part of partsOf(conditional ? matches : [ANYTHING], rewriteOf?.prefix !== undefined)) {
    const url = rewriteOf && rewriteFilter(rewriteOf, part.matches)
    const filters = [...headers, ...mirrors, ...[url, cors, redirect].filter((one) => one !== undefined)]
    routes.add({
      rule: withoutEmpty({
        name: named,
        matches: [...part.matches],
        filters,
        backendRefs: redirect ? [] : backendRefs,
        timeouts,
        retry,
      }),
      field: rule.path,
      port: part.port,
      callers: part.callers,
      faults,
      retryNonIdempotent: false,
    })
  }
}

const ANYTHING: HttpMatch = { matches: [], port: undefined, callers: undefined }

/** Matches that may stand in one rule: for the same port and callers, and of one kind of path where that is rewritten. */
function partsOf(matches: readonly HttpMatch[], byPath: boolean): Iterable<HttpMatch> {
  const parts = new Map<
    string,
    { port: number | undefined; callers: string | undefined; matches: JsonObject[] }
  >()
  for (const { port, callers, matches: own } of matches) {
    const prefix = byPath && own.every((match) => isPrefix(match['path']))
    const key = JSON.stringify([port, callers, prefix])
    const part = parts.get(key) ?? { port, callers, matches: [] }
    part.matches.push(...own)
    parts.set(key, part)
  }
  return parts.values()
}

function isPrefix(path: Json | undefined): boolean {
  return path === undefined || (path as JsonObject)['type'] === 'PathPrefix'
}

interface Backend {
  readonly backend: JsonObject
  readonly weight: number | undefined
}

function readBackend(item: Fields, likely: number | undefined, reading: Reading): Backend | undefined {
  const weight = item.integer('weight', 0, 1_000_000)
  const filters = readHeaderFilters(item, reading.notes)
  const backend = readDestination(item.map('destination'), likely, reading)
  item.refuseUnknown()
  return backend && { backend: { ...backend, ...(filters.length > 0 && { filters: [...filters] }) }, weight }
}

function readMirrors(rule: Fields, likely: number | undefined, reading: Reading): readonly JsonObject[] {
  const mirror = rule.optionalMap('mirror')
  const percent = readPercentage(rule, 'mirrorPercentage', 'mirrorPercent')
  const single = mirror ? [mirrorFilter(readDestination(mirror, likely, reading), percent)] : []
  const several = rule.list('mirrors', (item) => {
    const share = readPercentage(item, 'percentage', 'percent')
    const backend = readDestination(item.map('destination'), likely, reading)
    item.refuseUnknown()
    return mirrorFilter(backend, share)
  })
  return [...single, ...several].filter((one) => one !== undefined)
}

function mirrorFilter(backend: JsonObject | undefined, percent = 100): JsonObject | undefined {
  if (!backend || percent === 0) return undefined
  const fraction = { numerator: Math.round(percent * 10_000), denominator: PARTS_OF_A_MILLION }
  const share = percent === 100 ? {} : Number.isInteger(percent) ? { percent } : { fraction }
  return { type: 'RequestMirror', requestMirror: { backendRef: backend, ...share } }
}

interface Rewrite {
  readonly hostname: string | undefined
  /** In place of what was matched. */
  readonly prefix: string | undefined
}

function readRewrite(rewrite: Fields, { notes }: Reading): Rewrite | 'refused' {
  const before = notes.losses
  const prefix = rewrite.text('uri')
  const hostname = rewrite.text('authority')
  notes.withoutCounterpart(rewrite, {
    uriRegexRewrite: 'write uri for a prefix or a whole path, or have the application take the path as it is',
  })
  rewrite.refuseUnknown()
  return notes.losses > before ? 'refused' : { prefix, hostname }
}

/** Istio replaces what was matched: a prefix, or else the whole path. */
function rewriteFilter(
  { hostname, prefix }: Rewrite,
  matches: readonly JsonObject[],
): JsonObject | undefined {
  const byPrefix = matches.every((match) => isPrefix(match['path']))
  const path =
    prefix === undefined
      ? undefined
      : byPrefix
        ? { type: 'ReplacePrefixMatch', replacePrefixMatch: prefix }
        : { type: 'ReplaceFullPath', replaceFullPath: prefix }
  const urlRewrite = withoutEmpty({ hostname, path })
  return Object.keys(urlRewrite).length > 0 ? { type: 'URLRewrite', urlRewrite } : undefined
}

function readRedirect(redirect: Fields | undefined, { notes }: Reading): JsonObject | 'refused' | undefined {
  if (!redirect) return undefined
  const uri = redirect.text('uri')
  const statusCode = redirect.integer('redirectCode', 300, 399) ?? MOVED
  const hostname = redirect.text('authority')
  const scheme = redirect.oneOf('scheme', ['http', 'https'])
  const port = redirect.integer('port', 1, 65535)
  const derivePort = redirect.oneOf('derivePort', ['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'])
  redirect.refuseUnknown()
  if (derivePort === 'FROM_REQUEST_PORT')
    notes.changed(
      [...redirect.path, 'derivePort'],
      'the port of the redirect is that of the scheme, or else the one that was called',
      'say port where it must be another',
    )
  if (uri?.includes('%')) {
    notes.lost([...redirect.path, 'uri'], 'has a value that Envoy puts together', 'write the path as it is')
    return 'refused'
  }
  const path = uri === undefined ? undefined : { type: 'ReplaceFullPath', replaceFullPath: uri }
  return {
    type: 'RequestRedirect',
    requestRedirect: withoutEmpty({ scheme, hostname, port, path, statusCode }),
  }
}
