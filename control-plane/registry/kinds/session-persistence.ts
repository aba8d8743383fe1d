import type { Fields } from '../fields.ts'
import { readDuration } from './duration.ts'

/** SessionPersistence of gateway.networking.k8s.io/v1 (GEP-1619), as it was written. */
export interface SessionPersistence {
  readonly type: 'Cookie' | 'Header'
  /** Of the cookie or field; undefined: one is made up. */
  readonly sessionName: string | undefined
  /** Milliseconds. */
  readonly absoluteTimeoutMs: number | undefined
  /** Was taken out of the API with 1.6; older CRDs have it. */
  readonly idleTimeoutMs: number | undefined
  /** The cookie outlives the browser. */
  readonly permanent: boolean
}

// A cookie's name is what a field's is: a token (RFC 6265 section 4.1.1).
const NAME = { pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/, is: 'a token of 1 to 128 characters' }

/** `sessionPersistence` of a rule or a policy. */
export function readSessionPersistence(fields: Fields): SessionPersistence {
  const type = fields.oneOf('type', ['Cookie', 'Header']) ?? 'Cookie'
  const absoluteTimeoutMs = readTimeout(fields, 'absoluteTimeout')
  const cookie = fields.optionalMap('cookieConfig')
  const permanent = cookie?.oneOf('lifetimeType', ['Session', 'Permanent']) === 'Permanent'
  cookie?.refuseUnknown()
  if (cookie && type === 'Header') fields.problem('is for type: Cookie alone', 'cookieConfig')
  if (permanent && !fields.has('absoluteTimeout'))
    fields.problem('is required where cookieConfig.lifetimeType is Permanent', 'absoluteTimeout')
  const result = {
    type,
    sessionName: fields.text('sessionName', NAME),
    absoluteTimeoutMs,
    idleTimeoutMs: readTimeout(fields, 'idleTimeout'),
    permanent,
  }
  fields.refuseUnknown()
  return result
}

function readTimeout(fields: Fields, name: string): number | undefined {
  const value = readDuration(fields, name)
  if (value === 0) fields.problem('must be longer than 0s; leave it out for sessions that last', name)
  return value === 0 ? undefined : value
}
