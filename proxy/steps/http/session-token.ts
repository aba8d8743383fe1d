import { createHash } from 'node:crypto'

/** What a caller brings back so that its requests stay with one endpoint. It comes from outside: it claims, and proves nothing. */
export interface SessionToken {
  readonly cluster: string
  /** `ip:port` of an endpoint. */
  readonly address: string
  /** When the session began, and when it was used last. Seconds since the Unix epoch. */
  readonly beganAt: number
  readonly usedAt: number
}

const VERSION = '1'
const LONGEST = 512
/** Clocks of two pods may differ by so much. */
const SKEW_S = 60

/** Of the rule that a session belongs to: sessions of one rule are none of another. */
export function scopeOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 8)
}

/** As a cookie's value (RFC 6265 section 4.1.1) or a field's. */
export function formatToken(scope: string, { cluster, address, beganAt, usedAt }: SessionToken): string {
  return Buffer.from([VERSION, scope, beganAt, usedAt, cluster, address].join(' ')).toString('base64url')
}

/** Undefined: it is none, of another rule, or of a time to come. */
export function parseToken(text: string, scope: string, nowS: number): SessionToken | undefined {
  if (text.length > LONGEST || !/^[\w-]+$/.test(text)) return undefined
  const parts = Buffer.from(text, 'base64url').toString('latin1').split(' ')
  const [version, ownScope, began = '', used = '', cluster = '', address = ''] = parts
  if (parts.length !== 6 || version !== VERSION || ownScope !== scope) return undefined
  if (!/^\d{1,12}$/.test(began) || !/^\d{1,12}$/.test(used)) return undefined
  const [beganAt, usedAt] = [Number(began), Number(used)]
  if (Math.max(beganAt, usedAt) > nowS + SKEW_S) return undefined
  return { cluster, address, beganAt, usedAt }
}
