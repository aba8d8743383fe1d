import type { Matcher } from '../../../core/authorization/rules.ts'
import {
  requestRoutes,
  type Forward,
  type Match,
  type RouteEntry,
  type RouteGroup,
} from '../../model/route.ts'
import type { RouteTable } from '../../model/mesh.ts'
import { serviceOf } from '../../model/mesh.ts'
import { below, hostMatcher } from './fields.ts'
import { all, any, ANYTHING, exact } from './matchers.ts'

/** Requests of one route as those see them that serve it: by port of the Service, `namespace/service/port`. */
export type RouteRequests = ReadonlyMap<string, Matcher>

interface Found {
  readonly entry: RouteEntry
  /** Of the Service port whose requests the route decides on. */
  readonly parent: string
}

/** Routes that are in force, by `HTTPRoute/namespace/name`. */
export type RoutesByName = ReadonlyMap<string, readonly Found[]>

const known = new WeakMap<ReadonlyMap<string, RouteTable>, RoutesByName>()

export function routesByName(tables: ReadonlyMap<string, RouteTable>): RoutesByName {
  const before = known.get(tables)
  if (before) return before
  const byName = new Map<string, Found[]>()
  const take = (group: RouteGroup | undefined, parent: string): void => {
    for (const entry of requestRoutes(group)?.entries ?? []) {
      const name = entry.rule.name.slice(0, entry.rule.name.lastIndexOf('/'))
      const list = byName.get(name)
      if (list) list.push({ entry, parent })
      else byName.set(name, [{ entry, parent }])
    }
  }
  for (const [parent, { producer, consumers }] of tables) {
    take(producer, parent)
    for (const group of consumers.values()) take(group, parent)
  }
  known.set(tables, byName)
  return byName
}

/**
 * What the requests of a route look like behind it, at each Service that it leads to, and those Services that are not of
 * `namespace`, whose pods nobody else decides on. Where a rule leads nowhere it is the Service that it is for.
 */
export function routeRequests(
  found: readonly Found[],
  namespace: string,
): { readonly requests: RouteRequests; readonly elsewhere: readonly string[] } {
  const matchers = new Map<string, Map<string, Matcher>>()
  const elsewhere = new Set<string>()
  for (const { entry, parent } of found) {
    const { action } = entry.rule
    if (action.kind !== 'forward') continue
    const backends = action.backends.flatMap(({ portKey }) => portKey ?? [])
    for (const portKey of backends.length > 0 ? backends : [parent]) {
      if (!portKey.startsWith(`${namespace}/`)) {
        elsewhere.add(serviceOf(portKey))
        continue
      }
      const matcher = matcherOf(entry, action)
      const own = matchers.get(portKey) ?? new Map<string, Matcher>()
      matchers.set(portKey, own.set(JSON.stringify(matcher), matcher))
    }
  }
  const requests = new Map([...matchers].map(([portKey, one]) => [portKey, any([...one.values()])]))
  return { requests, elsewhere: [...elsewhere].toSorted() }
}

/**
 * A condition on what the server does not see as it was (a header that the route changes, the query, which rules know
 * nothing of) is left out: then more requests are asked, never fewer.
 */
function matcherOf({ match, rule }: RouteEntry, { rewrite, backends }: Forward): Matcher {
  const changes = [rule.requestHeaders, ...backends.map(({ requestHeaders }) => requestHeaders)]
  const changed = new Set(
    changes.flatMap(({ set, add, remove }) =>
      [...[...set, ...add].map(([name]) => name), ...remove].map((name) => name.toLowerCase()),
    ),
  )
  return all([
    pathMatcher(match.path, rewrite.path),
    match.method === undefined ? ANYTHING : { kind: 'method', match: exact(match.method) },
    ...match.headers.flatMap(({ name, kind, value }): Matcher[] =>
      changed.has(name) ? [] : [{ kind: 'header', name, match: { type: kind, value, ignoreCase: false } }],
    ),
    rewrite.host === undefined ? ANYTHING : hostMatcher(rewrite.host),
  ])
}

function pathMatcher(path: Match['path'], rewrite: Forward['rewrite']['path']): Matcher {
  if (rewrite?.kind === 'full') return { kind: 'path', match: exact(withoutQuery(rewrite.value)) }
  if (path.kind === 'prefix') return below(rewrite ? rewrite.value.replace(/\/+$/, '') : path.value)
  return { kind: 'path', match: { type: path.kind, value: path.value, ignoreCase: false } }
}

function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? ''
}
