import type { HeaderChange, Match, Rule } from '../model/route.ts'
import type { TranslatedRoute } from './rules.ts'

/**
 * What of a route a gRPC library without a sidecar does otherwise (docs/proxyless-grpc.md), one sentence a rule; empty: it
 * does all of it.
 */
export function proxylessLimits({ entries }: TranslatedRoute): readonly string[] {
  const byRule = new Map<number, Set<string>>()
  for (const { entry, ruleIndex } of entries) {
    const limits = byRule.get(ruleIndex) ?? new Set()
    byRule.set(ruleIndex, limits)
    for (const limit of [...ofMatch(entry.match), ...ofRule(entry.rule)]) limits.add(limit)
  }
  return [...byRule]
    .filter(([, limits]) => limits.size > 0)
    .sort(([a], [b]) => a - b)
    .map(([rule, limits]) => `rule ${rule}: ${[...limits].join(', ')}`)
}

function* ofMatch(match: Match): Generator<string> {
  if (match.method !== undefined && match.method !== 'POST') yield `method ${match.method} never matches`
  if (match.query.length > 0) yield 'a match with queryParams never matches'
  for (const { name } of match.headers)
    if (name.endsWith('-bin')) yield `a match of the binary header ${name} never matches`
}

function* ofRule({ action, cors, requestHeaders, responseHeaders }: Rule): Generator<string> {
  if (action.kind === 'redirect') {
    yield 'RequestRedirect fails the call with UNAVAILABLE'
    return
  }
  const changes = [{ requestHeaders, responseHeaders }, ...action.backends]
  if (changes.some((one) => changesAny(one.requestHeaders))) yield 'RequestHeaderModifier does nothing'
  if (changes.some((one) => changesAny(one.responseHeaders))) yield 'ResponseHeaderModifier does nothing'
  if (action.rewrite.host !== undefined || action.rewrite.path) yield 'URLRewrite does nothing'
  if (cors) yield 'CORS does nothing'
  if (action.mirrors.length > 0) yield 'RequestMirror does nothing'
  if (action.session) yield 'sessionPersistence does nothing'
  const retries = action.retry?.retries ?? 0
  if (action.tryTimeoutMs > 0 && (retries > 0 || action.requestTimeoutMs > 0))
    yield 'timeouts.backendRequest does not limit a single try'
}

function changesAny({ set, add, remove }: HeaderChange): boolean {
  return set.length + add.length + remove.length > 0
}
