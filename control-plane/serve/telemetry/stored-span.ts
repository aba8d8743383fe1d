import type { Span, Span_SpanKind } from '../../../core/xds/generated/otlp.js'
import { readAttributes, shorten, SPAN_ATTRIBUTES, type Attributes } from './attributes.ts'
import type { Reporter } from './reporter.ts'

export type SpanKindName = 'client' | 'server' | 'internal' | 'producer' | 'consumer'

/** A span as the store keeps it and the API gives it: plain JSON. Identifiers are lower-case hex. */
export interface StoredSpan {
  readonly traceId: string
  readonly spanId: string
  /** '' for a root. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: SpanKindName
  readonly service: string
  readonly namespace: string
  readonly pod: string
  /** Since the epoch, with fractions. */
  readonly startMs: number
  readonly durationMs: number
  readonly status: 'unset' | 'ok' | 'error'
  readonly statusMessage: string
  readonly attributes: Attributes
}

const KINDS: Readonly<Record<Span_SpanKind, SpanKindName>> = {
  SPAN_KIND_UNSPECIFIED: 'internal',
  SPAN_KIND_INTERNAL: 'internal',
  SPAN_KIND_SERVER: 'server',
  SPAN_KIND_CLIENT: 'client',
  SPAN_KIND_PRODUCER: 'producer',
  SPAN_KIND_CONSUMER: 'consumer',
}
const STATUSES = { STATUS_CODE_UNSET: 'unset', STATUS_CODE_OK: 'ok', STATUS_CODE_ERROR: 'error' } as const
const MAX_NAME = 256
const LONGEST_MS = 7 * 24 * 3_600_000

/** Undefined: no span (OTLP: identifiers of a wrong length or of zeros make it invalid; an end before the start is none). */
export function storedSpan(span: Span, reporter: Reporter): StoredSpan | undefined {
  const traceId = identifier(span.traceId, 16)
  const spanId = identifier(span.spanId, 8)
  if (traceId === undefined || spanId === undefined) return undefined
  const start = span.startTimeUnixNano ?? 0n
  const end = span.endTimeUnixNano ?? 0n
  const startMs = milliseconds(start)
  const durationMs = milliseconds(end - start)
  if (start === 0n || durationMs < 0 || durationMs > LONGEST_MS) return undefined
  return {
    traceId,
    spanId,
    parentSpanId: identifier(span.parentSpanId, 8) ?? '',
    name: shorten(span.name ?? '', MAX_NAME),
    kind: KINDS[span.kind ?? 'SPAN_KIND_UNSPECIFIED'] ?? 'internal',
    service: reporter.service,
    namespace: reporter.namespace,
    pod: reporter.pod,
    startMs,
    durationMs,
    status: STATUSES[span.status?.code ?? 'STATUS_CODE_UNSET'] ?? 'unset',
    statusMessage: shorten(span.status?.message ?? '', MAX_NAME),
    attributes: readAttributes(span.attributes, SPAN_ATTRIBUTES),
  }
}

/** About what it costs to keep, in bytes. */
export function sizeOf(span: StoredSpan): number {
  let size = 400 + 2 * (span.name.length + span.service.length + span.pod.length + span.statusMessage.length)
  for (const [key, value] of Object.entries(span.attributes))
    size += 48 + 2 * (key.length + (typeof value === 'string' ? value.length : 4))
  return size
}

function identifier(bytes: Uint8Array | undefined, length: number): string | undefined {
  if (bytes?.length !== length || bytes.every((byte) => byte === 0)) return undefined
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n) / 1000
}
