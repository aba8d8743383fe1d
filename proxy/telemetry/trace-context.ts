import { randomHex } from '../../core/random-hex.ts'
import { field, fieldValues, removeField, setField, type RequestHead } from '../http/message.ts'

/** The trace that a caller sent along, in the form in which it came. Identifiers are lower-case hex. */
export interface IncomingTrace {
  /** '' where a caller decided on sampling and named no trace (B3: `b3: 0`, a lone `x-b3-sampled`). */
  readonly traceId: string
  readonly parentSpanId: string
  /** Undefined: the caller leaves the decision to us. */
  readonly sampled: boolean | undefined
  readonly traceState: string
  /** 2: its identifier is random, as trace-flags of level 2 say; else 0. */
  readonly randomId: number
  /** B3's debug: whoever follows is to sample, too. */
  readonly debug: boolean
  readonly form: 'w3c' | 'b3' | 'b3multi'
}

// W3C Trace Context level 2, section 3.2.2.5.
const SAMPLED = 1
const RANDOM_ID = 2
const ZERO_TRACE = '0'.repeat(32)
const ZERO_SPAN = '0'.repeat(16)
// W3C Trace Context level 2, section 3.3: at least 512 characters are passed on; more may be cut.
const MAX_TRACE_STATE = 512

/** W3C `traceparent` first, then B3 in one header or in several. Undefined: none, or none that is valid. */
export function readTrace(head: RequestHead): IncomingTrace | undefined {
  // Most first requests carry none: one look over the names instead of one for each.
  if (!head.fields.some(isTraceName)) return undefined
  return readW3c(head) ?? readB3(head) ?? readB3Multi(head)
}

function isTraceName(text: string, i: number): boolean {
  return i % 2 === 0 && (text === 'traceparent' || text === 'b3' || text.startsWith('x-b3-'))
}

/** W3C Trace Context section 3.2: a later version is read as far as version 00 goes; ff is no version. */
function readW3c(head: RequestHead): IncomingTrace | undefined {
  const values = fieldValues(head.fields, 'traceparent')
  const value = values[0]
  if (value === undefined || values.length > 1) return undefined
  const text = value.trim()
  // version "-" trace-id "-" parent-id "-" trace-flags: at 0, 3, 36 and 53. A pattern would cost more than the rest.
  if (
    text.length < 55 ||
    text[2] !== '-' ||
    text[35] !== '-' ||
    text[52] !== '-' ||
    !(isHex(text, 0, 2) && isHex(text, 3, 35) && isHex(text, 36, 52) && isHex(text, 53, 55))
  )
    return undefined
  if (text.length > 55 && (text[55] !== '-' || text.startsWith('00'))) return undefined
  const traceId = text.slice(3, 35)
  const parentSpanId = text.slice(36, 52)
  if (text.startsWith('ff') || traceId === ZERO_TRACE || parentSpanId === ZERO_SPAN) return undefined
  const flags = Number.parseInt(text.slice(53, 55), 16)
  const traceState = fieldValues(head.fields, 'tracestate').join(',')
  return {
    traceId,
    parentSpanId,
    sampled: (flags & SAMPLED) !== 0,
    randomId: flags & RANDOM_ID,
    debug: false,
    traceState: traceState.length > MAX_TRACE_STATE ? '' : traceState,
    form: 'w3c',
  }
}

/** Lower-case digits only. */
function isHex(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const c = text.charCodeAt(i)
    if (!((c >= 48 && c <= 57) || (c >= 97 && c <= 102))) return false
  }
  return true
}

/** `b3: {trace}-{span}[-{sampled}[-{parent}]]`; the short forms `0`, `1`, `d` decide without naming a trace. */
function readB3(head: RequestHead): IncomingTrace | undefined {
  const value = field(head.fields, 'b3')
  if (value === undefined) return undefined
  const alone = value.trim()
  if (alone === '0' || alone === '1' || alone === 'd') return decision(alone, 'b3')
  const match = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-[0-9a-f]{16})?$/i.exec(
    value.trim(),
  )
  if (!match) return undefined
  return b3(match[1] as string, match[2] as string, match[3], 'b3')
}

function readB3Multi(head: RequestHead): IncomingTrace | undefined {
  const traceId = field(head.fields, 'x-b3-traceid')
  const spanId = field(head.fields, 'x-b3-spanid')
  if (traceId === undefined || spanId === undefined) {
    const sampled = field(head.fields, 'x-b3-flags') === '1' ? 'd' : field(head.fields, 'x-b3-sampled')
    return sampled === undefined ? undefined : decision(sampled, 'b3multi')
  }
  if (!/^([0-9a-f]{16}|[0-9a-f]{32})$/i.test(traceId) || !/^[0-9a-f]{16}$/i.test(spanId)) return undefined
  const debug = field(head.fields, 'x-b3-flags') === '1'
  return b3(traceId, spanId, debug ? 'd' : field(head.fields, 'x-b3-sampled'), 'b3multi')
}

/** A decision without a trace: the trace begins here, and its caller hears of it in the form it knows. */
function decision(sampled: string, form: 'b3' | 'b3multi'): IncomingTrace {
  return {
    traceId: '',
    parentSpanId: '',
    sampled: isSampled(sampled),
    traceState: '',
    randomId: 0,
    debug: sampled === 'd',
    form,
  }
}

function isSampled(text: string): boolean {
  return text === '1' || text === 'd' || text.toLowerCase() === 'true'
}

function b3(
  traceId: string,
  spanId: string,
  sampled: string | undefined,
  form: 'b3' | 'b3multi',
): IncomingTrace | undefined {
  const wide = traceId.toLowerCase().padStart(32, '0')
  const parentSpanId = spanId.toLowerCase()
  if (wide === ZERO_TRACE || parentSpanId === ZERO_SPAN) return undefined
  return {
    traceId: wide,
    parentSpanId,
    sampled: sampled === undefined ? undefined : isSampled(sampled),
    traceState: '',
    randomId: 0,
    debug: sampled === 'd',
    form,
  }
}

/**
 * Sends `traceparent` on, and B3 as well where it came along. What a caller decided not to sample passes as it came: its
 * parent stays the parent of whatever follows.
 */
export function writeTrace(
  { fields }: RequestHead,
  traceId: string,
  spanId: string,
  sampled: boolean,
  incoming: IncomingTrace | undefined,
): void {
  if (!sampled && incoming?.sampled === false && incoming.traceId !== '') return
  const flags = (incoming?.randomId ?? 0) | (sampled ? 1 : 0)
  setField(fields, 'traceparent', `00-${traceId}-${spanId}-0${flags}`)
  // State of a trace that is not continued would be a lie.
  if (incoming?.form !== 'w3c') removeField(fields, 'tracestate')
  if (!incoming) return
  const decided = sampled ? (incoming.debug ? 'd' : '1') : '0'
  if (incoming.form === 'b3' || field(fields, 'b3') !== undefined)
    setField(fields, 'b3', `${traceId}-${spanId}-${decided}`)
  if (incoming.form !== 'b3multi' && field(fields, 'x-b3-spanid') === undefined) return
  setField(fields, 'x-b3-traceid', traceId)
  setField(fields, 'x-b3-spanid', spanId)
  if (incoming.parentSpanId === '') removeField(fields, 'x-b3-parentspanid')
  else setField(fields, 'x-b3-parentspanid', incoming.parentSpanId)
  setField(fields, 'x-b3-sampled', sampled ? '1' : '0')
}

/** One more try of what `writeTrace` wrote for: its span takes the place of the hop's, from which it hangs. */
export function writeTry({ fields }: RequestHead, spanId: string, parentSpanId: string): void {
  const traceparent = field(fields, 'traceparent')
  // A route may have taken it away.
  if (traceparent?.length === 55)
    setField(fields, 'traceparent', traceparent.slice(0, 36) + spanId + traceparent.slice(52))
  const b3 = field(fields, 'b3')
  if (b3?.[32] === '-' && b3[49] === '-') setField(fields, 'b3', b3.slice(0, 33) + spanId + b3.slice(49))
  if (field(fields, 'x-b3-spanid') === undefined) return
  setField(fields, 'x-b3-spanid', spanId)
  setField(fields, 'x-b3-parentspanid', parentSpanId)
}

function random(bytes: number): string {
  const hex = randomHex(bytes)
  return hex === ZERO_TRACE || hex === ZERO_SPAN ? random(bytes) : hex
}

export function newTraceId(): string {
  return random(16)
}

export function newSpanId(): string {
  return random(8)
}
