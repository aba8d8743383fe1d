import { isIP } from 'node:net'
import type { Explanation } from '../api/explanation.ts'
import { WeftError } from '../errors.ts'

/** What one proxy is asked: a connection, as it would come to it, and the request on it. */
export interface ProxyQuestion {
  readonly direction: 'outbound' | 'inbound'
  /** Where the connection goes. */
  readonly address: string
  readonly port: number
  /** What its first bytes show; `tls` is TLS that the caller makes itself, or that of the mesh to an inbound proxy. */
  readonly carries: 'http1' | 'h2c' | 'tls' | 'tcp'
  /** Of TLS: the name and the protocols that are asked for. */
  readonly serverName: string
  readonly alpn: readonly string[]
  /** The server name of the TLS that is passed on inside, or ''. */
  readonly passedName: string
  /** Inbound: the SPIFFE ID that the caller shows, '' in plaintext; and its address, '' where that is not known. */
  readonly identity: string
  readonly source: string
  /** Undefined of an opaque connection. */
  readonly request: ProxyRequest | undefined
}

export interface ProxyRequest {
  readonly scheme: 'http' | 'https'
  /** It speaks HTTP/2 with its sidecar. */
  readonly http2: boolean
  readonly method: string
  readonly authority: string
  /** With its query. */
  readonly path: string
  /** Name, value, name, value; names in lower case, one character a byte. */
  readonly fields: readonly string[]
}

/** What it answers. */
export interface ProxyExplanation {
  readonly explanation: Explanation
  /** What the likeliest endpoint's proxy is to be asked then, with its `pod.namespace`; null: nothing. */
  readonly next: { readonly workload: string; readonly question: ProxyQuestion } | null
}

/** Of a question as JSON. */
export const LONGEST_QUESTION = 64 * 1024
/** Of an answer: 500 rules and 500 endpoints fit. */
export const LONGEST_EXPLANATION = 512 * 1024

const MOST_FIELDS = 256
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/
const PROTOCOL = /^[!-~]{1,255}$/
// RFC 9110 section 5.5: visible characters, blanks and bytes above ASCII.
const VALUE = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/
const TARGET = /^[!-"$-~]{0,8192}$/
const HOST = /^[A-Za-z0-9._~:[\]-]{0,512}$/

/** Holds JSON of another process to what a question is. Throws WeftError `explain.question` that names the field. */
export function readProxyQuestion(value: unknown): ProxyQuestion {
  const from = record(value, 'the question')
  const direction = oneOf(from, 'direction', ['outbound', 'inbound'] as const)
  const carries = oneOf(from, 'carries', ['http1', 'h2c', 'tls', 'tcp'] as const)
  const address = textOf(from, 'address', /^[0-9A-Fa-f.:]{2,64}$/)
  if (isIP(address) === 0) throw bad('address', 'must be an IP address')
  const { port, alpn } = from
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw bad('port', 'must be a port')
  if (!isTexts(alpn, 16, PROTOCOL)) throw bad('alpn', 'must be a list of protocols')
  return {
    direction,
    address,
    port,
    carries,
    serverName: textOf(from, 'serverName', HOST),
    alpn,
    passedName: textOf(from, 'passedName', HOST),
    identity: textOf(from, 'identity', /^$|^spiffe:\/\/[!-~]{1,2048}$/),
    source: textOf(from, 'source', /^[0-9A-Fa-f.:]{0,64}$/),
    request: from['request'] === undefined ? undefined : readRequest(record(from['request'], 'request')),
  }
}

function readRequest(from: Readonly<Record<string, unknown>>): ProxyRequest {
  const { fields, http2 } = from
  if (!Array.isArray(fields) || fields.length % 2 !== 0 || fields.length > 2 * MOST_FIELDS)
    throw bad('fields', `must be names and values, ${MOST_FIELDS} at the most`)
  const wrong = fields.findIndex(
    (text: unknown, i) =>
      typeof text !== 'string' || !(i % 2 === 0 ? TOKEN.test(text) && !/[A-Z]/.test(text) : VALUE.test(text)),
  )
  if (wrong >= 0) throw bad('fields', `has no ${wrong % 2 === 0 ? 'name' : 'value'} of a field at ${wrong}`)
  if (typeof http2 !== 'boolean') throw bad('http2', 'must be true or false')
  return {
    scheme: oneOf(from, 'scheme', ['http', 'https'] as const),
    http2,
    method: textOf(from, 'method', TOKEN),
    authority: textOf(from, 'authority', HOST),
    path: textOf(from, 'path', TARGET),
    fields: fields as readonly string[],
  }
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw bad(name, 'must be an object')
}

function textOf(from: Readonly<Record<string, unknown>>, name: string, allowed: RegExp): string {
  const value = from[name]
  if (typeof value === 'string' && allowed.test(value)) return value
  throw bad(name, 'holds what it may not, or is not there')
}

function oneOf<const T extends string>(
  from: Readonly<Record<string, unknown>>,
  name: string,
  values: readonly T[],
): T {
  const found = values.find((one) => one === from[name])
  if (found === undefined) throw bad(name, `must be one of ${values.join(', ')}`)
  return found
}

function isTexts(value: unknown, most: number, allowed: RegExp): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= most &&
    value.every((one) => typeof one === 'string' && allowed.test(one))
  )
}

function bad(field: string, message: string): WeftError {
  return new WeftError('explain.question', message, { field })
}
