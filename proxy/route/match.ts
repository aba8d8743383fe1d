import { fieldValues, type Fields, type RequestHead } from '../http/message.ts'
import type { Route, RouteConfiguration, RouteMatch, VirtualHost } from '../model/route.ts'
import type { ValueMatch } from '../model/value-match.ts'

/** Of a match the first condition that a request does not meet, as it stands in there. */
export type Unmet = RouteMatch['path'] | ValueMatch | typeof GRPC_ALONE

/** What `grpc` of a match asks for. */
export const GRPC_ALONE = Object.freeze({ kind: 'grpc' })

/**
 * The first route that matches, in order; undefined: none does (answer 404, NR). `passedOver` is told of those before it, and
 * why they do not.
 */
export function findRoute(
  config: RouteConfiguration,
  head: RequestHead,
  passedOver?: (route: Route, unmet: Unmet) => void,
): Route | undefined {
  const host = findVirtualHost(config.virtualHosts, head.authority)
  if (!host) return undefined
  const question = head.path.indexOf('?')
  const path = question < 0 ? head.path : head.path.slice(0, question)
  const query = question < 0 ? '' : head.path.slice(question + 1)
  // By index: of lists that are frozen, as those of the configuration are, V8 makes an iterator each time.
  for (let i = 0; i < host.routes.length; i++) {
    const route = host.routes[i] as Route
    const unmet = firstUnmet(route.match, head, path, query)
    if (unmet === undefined) return route
    passedOver?.(route, unmet)
  }
  return undefined
}

/** Envoy's order: exact name, longest `*.suffix`, longest `prefix.*`, then `*`. A domain may name a port or leave it out. */
export function findVirtualHost(hosts: readonly VirtualHost[], authority: string): VirtualHost | undefined {
  const only = hosts.length === 1 ? hosts[0] : undefined
  if (only?.domains.length === 1 && only.domains[0] === '*') return only
  const name = authority.toLowerCase()
  return matchDomain(hosts, name, name.replace(/:\d+$/, ''))
}

function matchDomain(
  hosts: readonly VirtualHost[],
  name: string,
  withoutPort: string,
): VirtualHost | undefined {
  let best: VirtualHost | undefined
  let bestRank = -1
  for (let i = 0; i < hosts.length; i++) {
    const host = hosts[i] as VirtualHost
    for (let j = 0; j < host.domains.length; j++) {
      const domain = host.domains[j] as string
      const rank = Math.max(domainRank(domain, name), domainRank(domain, withoutPort))
      if (rank > bestRank) {
        best = host
        bestRank = rank
      }
    }
  }
  return best
}

function domainRank(domain: string, name: string): number {
  if (domain === name) return 3_000_000
  if (domain === '*') return 0
  if (domain.startsWith('*') && name.length >= domain.length && name.endsWith(domain.slice(1)))
    return 2_000_000 + domain.length
  if (domain.endsWith('*') && name.length >= domain.length && name.startsWith(domain.slice(0, -1)))
    return 1_000_000 + domain.length
  return -1
}

/** Undefined: all are met. What is unmet is named by what stands in the match, so that nothing is made for it. */
function firstUnmet(match: RouteMatch, head: RequestHead, path: string, query: string): Unmet | undefined {
  if (!pathMatches(match.path, path)) return match.path
  if (match.grpc && !saysGrpc(head.fields)) return GRPC_ALONE
  const header = firstUnmetHeader(match.headers, head)
  if (header) return header
  if (match.query.length > 0) {
    const parameters = parseQuery(query)
    for (const parameter of match.query)
      if (!valueMatches(parameter, parameters.get(parameter.name))) return parameter
  }
  return undefined
}

function saysGrpc(fields: Fields): boolean {
  for (let i = 0; i < fields.length; i += 2)
    if (fields[i] === 'content-type' && (fields[i + 1] as string).startsWith('application/grpc')) return true
  return false
}

function firstUnmetHeader(matches: readonly ValueMatch[], head: RequestHead): ValueMatch | undefined {
  for (let i = 0; i < matches.length; i++) {
    const match = matches[i] as ValueMatch
    if (!headerMatches(match, head)) return match
  }
  return undefined
}

/** Whether a request has all of them. */
export function matchesHeaders(matches: readonly ValueMatch[], head: RequestHead): boolean {
  return firstUnmetHeader(matches, head) === undefined
}

function pathMatches(match: RouteMatch['path'], path: string): boolean {
  // CONNECT has no path (RFC 9110 section 9.3.6): as in Envoy, it is for those that ask for it, and they for nothing else.
  if (match.kind === 'connect') return path === ''
  if (path === '') return false
  // OPTIONS * asks about the server as a whole: whoever has all of its paths.
  if (path === '*' && match.kind !== 'regex' && match.value === '/') return match.kind !== 'exact'
  if (match.kind === 'regex') return match.value.matches(path)
  const wanted = match.caseSensitive ? match.value : match.value.toLowerCase()
  const given = match.caseSensitive ? path : path.toLowerCase()
  switch (match.kind) {
    case 'exact':
      return given === wanted
    case 'prefix':
      return given.startsWith(wanted)
    case 'segment-prefix':
      return (
        given.startsWith(wanted) &&
        (given.length === wanted.length || wanted.endsWith('/') || given.charCodeAt(wanted.length) === 0x2f)
      )
  }
}

function headerMatches(match: ValueMatch, head: RequestHead): boolean {
  switch (match.name) {
    case ':method':
      return valueMatches(match, head.method)
    case ':path':
      return valueMatches(match, head.path)
    case ':authority':
    case 'host':
      return valueMatches(match, head.authority)
    case ':scheme':
      return valueMatches(match, head.scheme)
    default: {
      // Every repeated value is matched on its own and joined: none can hide behind another.
      const values = fieldValues(head.fields, match.name)
      if (values.length === 0) return valueMatches(match, undefined)
      if (match.kind === 'present') return !match.invert
      const hit =
        values.some((value) => testValue(match, value)) ||
        (values.length > 1 && testValue(match, values.join(',')))
      return hit !== match.invert
    }
  }
}

/** What is absent has no value: as in Envoy, only a match of presence says anything of it, inverted or not. */
function valueMatches(match: ValueMatch, value: string | undefined): boolean {
  if (value === undefined) {
    if (match.kind === 'present') return match.invert
    return match.absentIsEmpty === true && testValue(match, '') !== match.invert
  }
  return testValue(match, value) !== match.invert
}

/** Whether a value that is there is what the match asks for, `invert` aside. */
export function testValue(match: ValueMatch, value: string): boolean {
  switch (match.kind) {
    case 'exact':
      return value === match.value
    case 'prefix':
      return value.startsWith(match.value)
    case 'suffix':
      return value.endsWith(match.value)
    case 'contains':
      return value.includes(match.value)
    case 'regex':
      return match.regex?.matches(value) ?? false
    case 'present':
      return true
  }
}

/** First value of each name (Gateway API leaves repeats open; the peers take the first). */
export function parseQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals))
    if (!parameters.has(name)) parameters.set(name, unescapeQuery(equals < 0 ? '' : pair.slice(equals + 1)))
  }
  return parameters
}

function unescapeQuery(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
