import { unpacked } from '../../../core/xds/any.ts'
import {
  CookieBasedSessionState,
  HeaderBasedSessionState,
  StatefulSession,
  StatefulSessionPerRoute,
} from '../../../core/xds/generated/envoy.js'
import { removeField, fieldValues, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { Route, SessionTimes } from '../../model/route.ts'
import type { Scope } from '../../xds/scope.ts'
import { perRoute, routeConfig, type RequestStep, type Session, type StepKind } from '../step.ts'
import { formatToken, parseToken, scopeOf, type SessionToken } from './session-token.ts'

/** envoy.extensions.filters.http.stateful_session.v3.StatefulSession */
export interface SessionConfig {
  readonly carrier:
    /** `ttlMs`: how long a browser keeps it; 0: until it is closed. `path` '': none is said. */
    | { readonly kind: 'cookie'; readonly name: string; readonly ttlMs: number; readonly path: string }
    /** In lower case. */
    | { readonly kind: 'header'; readonly name: string }
  /** Short, of the name of `session_state`. */
  readonly scope: string
}

const NO_TIMES: SessionTimes = { absoluteMs: undefined, idleMs: undefined }
/** Cookies of one name that are looked at: a caller may hold several, of several paths. */
const MOST_TOKENS = 8

/**
 * Keeps the requests of a session with one endpoint (GEP-1619), whichever backend of the route's split that is of. It lets
 * every request pass: whoever forwards asks it for the session.
 */
export class StatefulSessionStep implements RequestStep {
  readonly #config: SessionConfig | undefined
  readonly #name: string
  readonly #epochMs: () => number

  constructor(config: SessionConfig | undefined, name: string, epochMs: () => number) {
    this.#config = config
    this.#name = name
    this.#epochMs = epochMs
  }

  decide(): undefined {}

  session(head: RequestHead, route: Route): Session | undefined {
    const own = route.filterConfigs?.[this.#name]
    const config = own
      ? (routeConfig(route, statefulSession, this.#name) as SessionConfig | undefined)
      : this.#config
    if (!config) return undefined
    const times = route.session ?? NO_TIMES
    const nowS = Math.floor(this.#epochMs() / 1000)
    return new TokenSession(config, times, nowS, tokenOf(head, config, times, nowS))
  }
}

class TokenSession implements Session {
  readonly #config: SessionConfig
  readonly #times: SessionTimes
  readonly #nowS: number
  readonly #token: SessionToken | undefined

  constructor(config: SessionConfig, times: SessionTimes, nowS: number, token: SessionToken | undefined) {
    this.#config = config
    this.#times = times
    this.#nowS = nowS
    this.#token = token
  }

  get cluster(): string {
    return this.#token?.cluster ?? ''
  }

  get address(): string {
    return this.#token?.address ?? ''
  }

  answered(response: ResponseHead, cluster: string, address: string): void {
    const { carrier, scope } = this.#config
    const stays = this.#token?.cluster === cluster && this.#token.address === address
    // A header has to be brought again with each request: who forgets it has it in each answer.
    if (stays && carrier.kind === 'cookie' && this.#times.idleMs === undefined) return
    const beganAt = stays ? (this.#token?.beganAt ?? this.#nowS) : this.#nowS
    const token = formatToken(scope, { cluster, address, beganAt, usedAt: this.#nowS })
    if (carrier.kind === 'header') {
      removeField(response.fields, carrier.name)
      response.fields.push(carrier.name, token)
    } else response.fields.push('set-cookie', cookieOf(carrier, token, this.#nowS - beganAt))
  }
}

/** RFC 6265 section 4.1. `ageS`: of the session. Not Secure: within a pod there is no TLS. */
function cookieOf(
  { name, ttlMs, path }: Extract<SessionConfig['carrier'], { kind: 'cookie' }>,
  token: string,
  ageS: number,
): string {
  const age = ttlMs > 0 ? `; Max-Age=${Math.max(1, Math.ceil(ttlMs / 1000) - ageS)}` : ''
  return `${name}=${token}${path === '' ? '' : `; Path=${path}`}${age}; HttpOnly; SameSite=Strict`
}

function tokenOf(
  head: RequestHead,
  { carrier, scope }: SessionConfig,
  { absoluteMs = Infinity, idleMs = Infinity }: SessionTimes,
  nowS: number,
): SessionToken | undefined {
  const given =
    carrier.kind === 'header' ? fieldValues(head.fields, carrier.name) : cookies(head, carrier.name)
  for (const text of given.slice(0, MOST_TOKENS)) {
    const token = parseToken(text, scope, nowS)
    if (!token) continue
    if ((nowS - token.beganAt) * 1000 < absoluteMs && (nowS - token.usedAt) * 1000 < idleMs) return token
  }
  return undefined
}

/** Values of the cookies of a name; HTTP/2 may have them in several fields (RFC 9113 section 8.2.3). */
function cookies(head: RequestHead, name: string): string[] {
  const values: string[] = []
  for (const value of fieldValues(head.fields, 'cookie'))
    for (const pair of value.split(';')) {
      const equals = pair.indexOf('=')
      if (equals >= 0 && pair.slice(0, equals).trim() === name)
        values.push(
          pair
            .slice(equals + 1)
            .trim()
            .replace(/^"(.*)"$/, '$1'),
        )
    }
  return values
}

function readSession({ sessionState }: StatefulSession, scope: Scope): SessionConfig | undefined {
  if (!sessionState) return undefined
  const at = scope.at('session_state').at('typed_config')
  const own = { scope: scopeOf(sessionState.name ?? '') }
  const header = unpacked(sessionState.typedConfig, HeaderBasedSessionState)
  if (header)
    return { carrier: { kind: 'header', name: checked(header.name, at.at('name')).toLowerCase() }, ...own }
  const cookie = unpacked(sessionState.typedConfig, CookieBasedSessionState)?.cookie ?? {}
  const path = cookie.path ?? ''
  if (/[^\x21-\x7e]|;/.test(path))
    at.at('cookie').at('path').fail('holds ";" or a character that is not visible ASCII')
  const name = checked(cookie.name, at.at('cookie').at('name'))
  return { carrier: { kind: 'cookie', name, ttlMs: cookie.ttl ?? 0, path }, ...own }
}

/** Names of cookies and of fields are tokens (RFC 9110 section 5.6.2). */
function checked(name: string | undefined, scope: Scope): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/.test(name ?? ''))
    scope.fail('must be a token of 1 to 256 characters')
  return name ?? ''
}

export const statefulSession: StepKind<StatefulSession, SessionConfig | undefined, RequestStep> = {
  kind: 'envoy.filters.http.stateful_session',
  type: StatefulSession,
  read: readSession,
  perRoute: perRoute(StatefulSessionPerRoute, ({ disabled, statefulSession: own }, scope) => {
    if (!disabled && !own) scope.fail('needs disabled: true or stateful_session')
    return own && readSession(own, scope.at('stateful_session'))
  }),
  create: (config, name, { epochMs = Date.now }) => new StatefulSessionStep(config, name, epochMs),
}
