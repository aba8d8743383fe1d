import { mutationProblem, type MutationKind } from '../../core/header-mutation.ts'
import type { Cors } from '../model/cors.ts'
import { NO_CHANGE, type HeaderChange, type PathAndHost, type Redirect } from '../model/route.ts'
import type { BackendRef, PathModifier, RouteFilter, RouteMatch } from '../registry/kinds/route.ts'
import { translateCors } from './cors.ts'

/** Why a rule cannot be carried out; it is left out and the route's status says so. */
export interface RuleProblem {
  readonly reason: 'UnsupportedValue' | 'IncompatibleFilters'
  readonly message: string
}

export interface TranslatedFilters {
  readonly requestHeaders: HeaderChange
  readonly responseHeaders: HeaderChange
  readonly redirect: Redirect | undefined
  readonly rewrite: PathAndHost
  readonly mirrors: readonly { readonly backend: BackendRef; readonly percent: number }[]
  readonly cors: Cors | undefined
}

const REDIRECTS = [301, 302, 303, 307, 308] as const

type Place = { readonly kind: 'HTTPRoute' | 'GRPCRoute'; readonly on: 'rule' | 'backend' }

/** Filters of a rule, or of a backend in it. */
export function translateFilters(
  filters: readonly RouteFilter[],
  matches: readonly RouteMatch[],
  place: Place,
): TranslatedFilters | RuleProblem {
  const mirrors: { backend: BackendRef; percent: number }[] = []
  let requestHeaders = NO_CHANGE
  let responseHeaders = NO_CHANGE
  let redirect: Redirect | undefined
  let rewrite: PathAndHost | undefined
  let cors: Cors | undefined
  const seen = new Set<string>()
  for (const filter of filters) {
    const unsupported = unsupportedHere(filter, place)
    if (unsupported) return { reason: 'UnsupportedValue', message: unsupported }
    if (seen.has(filter.type) && filter.type !== 'RequestMirror') {
      return { reason: 'IncompatibleFilters', message: `filter ${filter.type} stands twice` }
    }
    seen.add(filter.type)
    const path = filter.type === 'RequestRedirect' || filter.type === 'URLRewrite' ? filter.path : undefined
    if (path?.type === 'ReplacePrefixMatch' && !allPrefixes(matches)) {
      const message = `${filter.type}: ReplacePrefixMatch needs PathPrefix in every match of the rule`
      return { reason: 'UnsupportedValue', message }
    }
    switch (filter.type) {
      case 'RequestHeaderModifier':
        requestHeaders = filter.headers
        break
      case 'ResponseHeaderModifier':
        responseHeaders = filter.headers
        break
      case 'URLRewrite':
        rewrite = { host: filter.hostname, path: translatePath(path) }
        break
      case 'RequestRedirect': {
        const status = REDIRECTS.find((code) => code === filter.statusCode)
        if (status === undefined) {
          return {
            reason: 'UnsupportedValue',
            message: `redirect status ${filter.statusCode} is not supported`,
          }
        }
        const { scheme, hostname: host, port } = filter
        redirect = { kind: 'redirect', scheme, host, port, path: translatePath(path), status }
        break
      }
      case 'RequestMirror':
        mirrors.push({ backend: filter.backend, percent: filter.percent })
        break
      case 'CORS':
        cors = translateCors(filter.cors)
        break
      case 'Unsupported':
        break
    }
  }
  if (redirect && rewrite) {
    return { reason: 'IncompatibleFilters', message: 'RequestRedirect and URLRewrite exclude each other' }
  }
  return {
    requestHeaders,
    responseHeaders,
    redirect,
    rewrite: rewrite ?? { host: undefined, path: undefined },
    mirrors,
    cors,
  }
}

function unsupportedHere(filter: RouteFilter, place: Place): string | undefined {
  if (filter.type === 'Unsupported') return `filter ${filter.name} is not supported`
  const modifier = filter.type === 'RequestHeaderModifier' || filter.type === 'ResponseHeaderModifier'
  if (place.on === 'backend' && !modifier) return `filter ${filter.type} is not supported on a backend`
  if (place.kind === 'GRPCRoute' && !modifier && filter.type !== 'RequestMirror') {
    return `filter ${filter.type} is not supported in a GRPCRoute`
  }
  return modifier ? unchangeable(filter) : undefined
}

/** Of a field that no proxy changes, or not in this way: a proxy would refuse all routes for it. */
function unchangeable(
  filter: RouteFilter & { type: 'RequestHeaderModifier' | 'ResponseHeaderModifier' },
): string | undefined {
  const message = filter.type === 'RequestHeaderModifier' ? 'request' : 'response'
  const { add, set, remove } = filter.headers
  const named: readonly (readonly [MutationKind, readonly string[]])[] = [
    ['set', set.map(([name]) => name)],
    ['add', add.map(([name]) => name)],
    ['remove', remove],
  ]
  for (const [kind, names] of named)
    for (const name of names) {
      const problem = mutationProblem(name.toLowerCase(), message, kind)
      if (problem) return `${filter.type}: ${problem}`
    }
  return undefined
}

function translatePath(path: PathModifier | undefined): PathAndHost['path'] {
  return path && { kind: path.type === 'ReplaceFullPath' ? 'full' : 'prefix', value: path.value }
}

/** A rule without matches, and a match without a path, is the prefix `/`. */
function allPrefixes(matches: readonly RouteMatch[]): boolean {
  return matches.every((match) => (match.path?.type ?? 'PathPrefix') === 'PathPrefix')
}
