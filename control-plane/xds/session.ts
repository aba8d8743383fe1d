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
import type { Match, RequestRoutes, Rule } from '../model/route.ts'
import type { MeshClient } from './client.ts'
import type { Session } from '../model/session.ts'

const NAME = 'envoy.filters.http.stateful_session'

export function sessionOf({ action }: Rule): Session | undefined {
  return action.kind === 'forward' ? action.session : undefined
}

/** A connection manager has it where a rule in force does. */
export function sessionFilter(
  group: RequestRoutes | undefined,
  ofService: Session | undefined,
): HttpFilter[] {
  const sessions = group ? group.entries.map(({ rule }) => sessionOf(rule)) : [ofService]
  if (!sessions.some(Boolean)) return []
  return [{ name: NAME, typedConfig: packAny(StatefulSession, {}) }]
}

/** What a route says to the filter, in its typed_per_filter_config; `path`: of the cookie. */
export function sessionPolicy(
  session: Session | undefined,
  path: string,
): NonNullable<Route['typedPerFilterConfig']> {
  if (!session) return {}
  const sessionState = { name: session.scope, typedConfig: stateOf(session, path) }
  return { [NAME]: packAny(StatefulSessionPerRoute, { statefulSession: { sessionState } }) }
}

/** What Envoy has no words for: it knows no end of a session but that of its cookie. */
export function sessionTimes(
  session: Session | undefined,
  client: MeshClient | undefined,
): Readonly<Record<string, number>> {
  if (!client?.takes.weftMetadata) return {}
  return {
    ...(session?.absoluteMs === undefined ? {} : { [METADATA_SESSION_ABSOLUTE_MS]: session.absoluteMs }),
    ...(session?.idleMs === undefined ? {} : { [METADATA_SESSION_IDLE_MS]: session.idleMs }),
  }
}

function stateOf({ carrier, name, ownPath, permanent, absoluteMs = 0 }: Session, path: string) {
  if (carrier === 'header') return packAny(HeaderBasedSessionState, { name })
  const own = ownPath ? { path } : {}
  return packAny(CookieBasedSessionState, {
    cookie: { name, ...(permanent ? { ttl: absoluteMs } : {}), ...own },
  })
}

/** GEP-1619, "Path": what is matched, of a regular expression the longest part before it that is none. */
export function cookiePath({ kind, value }: Match['path']): string {
  // A cookie ends at ";".
  const path = kind === 'regex' ? plainPrefix(value) : value
  return path === '' || /[^\x21-\x7e]|;/.test(path) ? '/' : path
}

function plainPrefix(pattern: string): string {
  const text = /^\^?((?:\/[\w~%@:-]+(?=\/))*)/.exec(pattern)?.[1] ?? ''
  return pattern.includes('|') ? '' : text
}
