import { METADATA_SESSION_ABSOLUTE_MS, METADATA_SESSION_IDLE_MS } from '../../core/contract.ts'
import { packAny } from '../../core/xds/any.ts'
import {
  CookieBasedSessionState,
  HeaderBasedSessionState,
  StatefulSession,
  StatefulSessionPerRoute,
  type HttpFilter,
  type Route,
} from '../../core/xds/generated/envoy.js'
import type { Match, RouteGroup, Rule } from '../model/route.ts'
import type { Session } from '../model/session.ts'

const NAME = 'envoy.filters.http.stateful_session'

export function sessionOf({ action }: Rule): Session | undefined {
  return action.kind === 'forward' ? action.session : undefined
}

/** A connection manager has it where a rule in force does. */
export function sessionFilter(group: RouteGroup | undefined): HttpFilter[] {
  if (!group?.entries.some(({ rule }) => sessionOf(rule))) return []
  return [{ name: NAME, typedConfig: packAny(StatefulSession, {}) }]
}

/** What a route says to the filter, in its typed_per_filter_config. */
export function sessionPolicy(
  session: Session | undefined,
  match: Match,
): NonNullable<Route['typedPerFilterConfig']> {
  if (!session) return {}
  const sessionState = { name: session.scope, typedConfig: stateOf(session, match) }
  return { [NAME]: packAny(StatefulSessionPerRoute, { statefulSession: { sessionState } }) }
}

/** What Envoy has no words for: it knows no end of a session but that of its cookie. */
export function sessionTimes(session: Session | undefined): Readonly<Record<string, number>> {
  return {
    ...(session?.absoluteMs === undefined ? {} : { [METADATA_SESSION_ABSOLUTE_MS]: session.absoluteMs }),
    ...(session?.idleMs === undefined ? {} : { [METADATA_SESSION_IDLE_MS]: session.idleMs }),
  }
}

function stateOf({ carrier, name, ownPath, permanent, absoluteMs = 0 }: Session, match: Match) {
  if (carrier === 'header') return packAny(HeaderBasedSessionState, { name })
  const path = ownPath ? { path: cookiePath(match.path) } : {}
  return packAny(CookieBasedSessionState, {
    cookie: { name, ...(permanent ? { ttl: absoluteMs } : {}), ...path },
  })
}

/** GEP-1619, "Path": what is matched, of a regular expression the longest part before it that is none. */
function cookiePath({ kind, value }: Match['path']): string {
  // A cookie ends at ";".
  const path = kind === 'regex' ? plainPrefix(value) : value
  return path === '' || /[^\x21-\x7e]|;/.test(path) ? '/' : path
}

function plainPrefix(pattern: string): string {
  const text = /^\^?((?:\/[\w~%@:-]+(?=\/))*)/.exec(pattern)?.[1] ?? ''
  return pattern.includes('|') ? '' : text
}
