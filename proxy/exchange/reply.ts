import { field, type Fields, type RequestHead, type ResponseHead } from '../http/message.ts'
import type { Spelling } from '../http/spelling.ts'

/** Errors become answers here and nowhere else. */
export interface LocalReply {
  readonly status: number
  /** Envoy's code details, e.g. `route_not_found`. */
  readonly details: string
  /** For a person; no secret, no header value. */
  readonly text: string
  /** For gRPC callers, where it says more than the one that `status` maps to. */
  readonly grpcStatus?: number
  /** Fields of its own, e.g. `location`. */
  readonly fields?: Fields
  /** How their names are written. */
  readonly spelling?: Spelling | undefined
}

export const DEADLINE_EXCEEDED = 4

/** gRPC itself: `application/grpc` or `application/grpc+proto`, and not gRPC-Web, which has frames of its own. */
export function isGrpc(fields: Fields): boolean {
  const type = field(fields, 'content-type')
  if (type === undefined || !type.startsWith('application/grpc')) return false
  const next = type.charAt(16)
  return next === '' || next === '+' || next === ';'
}

/** `grpc-status` of trailers or of a trailers-only head; undefined: none. */
export function readGrpcStatus(fields: Fields): number | undefined {
  const value = field(fields, 'grpc-status')
  return value === undefined ? undefined : Number(value)
}

/** Ends an answer to a gRPC caller that had begun: it learns why, where a reset would be an unknown error to it. */
export function grpcTrailers(reply: LocalReply): Fields {
  const status = String(reply.grpcStatus ?? grpcStatusOf(reply.status))
  return ['grpc-status', status, 'grpc-message', percentEncode(reply.text.trimEnd())]
}

/** A local reply in the caller's own protocol. */
export interface Composed {
  readonly head: ResponseHead
  /** Undefined: the head is all. */
  readonly body: Buffer | undefined
  /** -1 where the caller speaks neither gRPC nor one of its kin. */
  readonly grpcStatus: number
}

/**
 * gRPC callers get a trailers-only response with the status that gRPC maps an HTTP status to, in their own subtype; those
 * of gRPC-Web and Connect their forms of it; others a short text. `proxy-status` (RFC 9209) says who failed and why.
 */
export function composeReply(head: RequestHead, reply: LocalReply): Composed {
  const proxyStatus = `weft; details="${quoted(forCaller(reply.details))}"`
  const own = ['proxy-status', proxyStatus, ...(reply.fields ?? [])]
  const form = formOf(head)
  if (form === undefined) return composeText(head, reply, own)
  const grpcStatus = reply.grpcStatus ?? grpcStatusOf(reply.status)
  const { kind, contentType } = form
  if (kind === 'grpc' || kind === 'grpc-web') {
    // The trailers of a gRPC-Web answer without messages stand in its head, too.
    const fields = ['content-type', contentType, ...grpcTrailers(reply), ...own]
    return { head: { status: 200, fields, spelling: reply.spelling }, body: undefined, grpcStatus }
  }
  const error = { code: CONNECT_CODES[grpcStatus] ?? 'unknown', message: reply.text.trimEnd() }
  const text = Buffer.from(JSON.stringify(kind === 'connect-stream' ? { error } : error))
  const body = kind === 'connect-stream' ? endOfStream(text) : text
  const fields = ['content-type', contentType, 'content-length', String(body.length), ...own]
  const status = kind === 'connect-stream' ? 200 : reply.status
  return { head: { status, fields, spelling: reply.spelling }, body, grpcStatus }
}

function composeText(head: RequestHead, reply: LocalReply, own: Fields): Composed {
  const body = Buffer.from(reply.text)
  const fields: Fields = ['content-length', String(body.length), ...own]
  if (body.length > 0) fields.unshift('content-type', 'text/plain; charset=utf-8')
  const bodiless = body.length === 0 || head.method === 'HEAD'
  const { status, spelling } = reply
  return { head: { status, fields, spelling }, body: bodiless ? undefined : body, grpcStatus: -1 }
}

/**
 * Details without what only the log may say: of `code{what happened}` the caller gets an error number or plain words, and
 * no address, name or identity of what is behind (RFC 9209 section 6); of `code[policy]` the code.
 */
function forCaller(details: string): string {
  const [, bare] = /^(\w+)\[/.exec(details) ?? []
  if (bare !== undefined) return bare
  const [, code, more = ''] = /^([^{]*)\{(.*)\}$/s.exec(details) ?? []
  if (code === undefined) return details
  const [errno] = /\bE[A-Z]{3,}\b/.exec(more) ?? []
  if (errno !== undefined) return `${code}{${errno}}`
  return /^[A-Za-z_ -]+$/.test(more) ? details : code
}

interface Form {
  readonly kind: 'grpc' | 'grpc-web' | 'connect-stream' | 'connect'
  readonly contentType: string
}

/** The protocol on top of HTTP that a caller speaks; undefined: none that has errors of its own. */
function formOf(head: RequestHead): Form | undefined {
  const type = field(head.fields, 'content-type')
  // Its subtype is echoed: clients refuse an answer in another one.
  const contentType = type === undefined ? '' : (type.split(';', 1)[0] as string).trim()
  if (contentType.startsWith('application/grpc-web')) return { kind: 'grpc-web', contentType }
  if (isGrpc(head.fields)) return { kind: 'grpc', contentType }
  if (contentType.startsWith('application/connect+')) return { kind: 'connect-stream', contentType }
  // Unary calls, whose errors are JSON whatever their messages are (Connect, Unary-Response).
  const unary =
    head.method === 'GET'
      ? /[?&]connect=v1(?:&|$)/.test(head.path)
      : field(head.fields, 'connect-protocol-version') !== undefined
  return unary ? { kind: 'connect', contentType: 'application/json' } : undefined
}

/** Connect, EndStreamResponse: flags, length, JSON. */
function endOfStream(text: Buffer): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = 2
  prefix.writeUInt32BE(text.length, 1)
  return Buffer.concat([prefix, text])
}

/** Connect, Error Codes, by the status of gRPC. */
const CONNECT_CODES: Readonly<Record<number, string>> = {
  1: 'canceled',
  2: 'unknown',
  3: 'invalid_argument',
  4: 'deadline_exceeded',
  5: 'not_found',
  6: 'already_exists',
  7: 'permission_denied',
  8: 'resource_exhausted',
  9: 'failed_precondition',
  10: 'aborted',
  11: 'out_of_range',
  12: 'unimplemented',
  13: 'internal',
  14: 'unavailable',
  15: 'data_loss',
  16: 'unauthenticated',
}

/** doc/http-grpc-status-mapping.md of gRPC. */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}

/** The other way round (google.rpc.Code), for callers that do not speak gRPC. */
export function httpStatusOf(grpcStatus: number | undefined): number {
  return HTTP_STATUSES[grpcStatus ?? 14] ?? 500
}

const HTTP_STATUSES: Readonly<Record<number, number>> = {
  0: 200,
  1: 499,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  10: 409,
  11: 400,
  12: 501,
  14: 503,
  16: 401,
}

/** A quoted-string of structured fields (RFC 8941 section 3.3.3) may hold printable ASCII only. */
function quoted(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')
}

/** grpc-message is percent-encoded (gRPC over HTTP/2, Responses). */
function percentEncode(text: string): string {
  return Array.from(Buffer.from(text), (byte) =>
    byte >= 0x20 && byte <= 0x7e && byte !== 0x25
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
  ).join('')
}
