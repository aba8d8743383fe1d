import { decimal, EXACT_DIGITS } from '../http/decimal.ts'
import { CLIENT_CERTIFICATE_HEADER } from '../../core/contract.ts'
import type { Fields } from '../http/message.ts'
import { malformed } from './message-error.ts'

export const CLOSE = 1
export const KEEP = 2
export const UPGRADES = 4
export const OTHERS = 8

/**
 * Fields that a `Connection` option cannot take away although RFC 9110 section 7.6.1 lets a sender name any:
 * none of them belongs to one connection, and their silent loss would change who the request seems to come
 * from, how long it is, or what it is worth.
 */
const PROTECTED = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-type',
  'cookie',
  'forwarded',
  'host',
  'set-cookie',
  'traceparent',
  'tracestate',
  'via',
  CLIENT_CERTIFICATE_HEADER,
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])

/** The options of one `Connection` value as flags. */
export function connectionFlags(value: string): number {
  // What nearly everyone sends.
  if (value === 'keep-alive' || value === 'Keep-Alive') return KEEP
  if (value === 'close') return CLOSE
  if (value === 'Upgrade' || value === 'upgrade') return UPGRADES
  let flags = 0
  for (const option of listOf(value)) {
    if (option === 'close') flags |= CLOSE
    else if (option === 'keep-alive') flags |= KEEP
    else if (option === 'upgrade') flags |= UPGRADES
    else if (option !== 'te') flags |= OTHERS
  }
  return flags
}

/** Removes the fields that `Connection` values name. */
export function removeNamed(fields: Fields, values: readonly string[]): void {
  const named = new Set<string>()
  for (const value of values) for (const option of listOf(value)) named.add(option)
  let kept = 0
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    // `te: trailers` stays: it was read for itself, and is hop-by-hop again where it is sent.
    if (named.has(name) && name !== 'te' && !PROTECTED.has(name)) continue
    fields[kept++] = name
    fields[kept++] = fields[i + 1] as string
  }
  fields.length = kept
}

/** Elements of a comma list in lower case, without empty ones (RFC 9110 section 5.6.1). */
export function listOf(value: string): string[] {
  const list: string[] = []
  for (const part of value.toLowerCase().split(',')) {
    const element = part.trim()
    if (element !== '') list.push(element)
  }
  return list
}

/** Seconds of a `Keep-Alive: timeout=N` value, or -1. */
export function keepAliveSeconds(value: string): number {
  // A server says the same each time.
  if (value !== lastKeepAlive) {
    lastSeconds = readTimeout(value)
    lastKeepAlive = value
  }
  return lastSeconds
}

let lastKeepAlive = ''
let lastSeconds = -1

function readTimeout(value: string): number {
  for (const part of listOf(value)) {
    if (!part.startsWith('timeout=')) continue
    return decimal(part.slice('timeout='.length), 9)
  }
  return -1
}

/** Bytes that a content-length value says (RFC 9110 section 8.6: digits only, and no list here). */
export function lengthOf(value: string): number {
  const length = decimal(value, EXACT_DIGITS)
  if (length >= 0) return length
  throw malformed('content_length', 'must be one decimal number of bytes', 'content-length')
}
