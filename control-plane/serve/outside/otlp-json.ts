import type { AnyValue, KeyValue, Span, Span_SpanKind } from '../../../core/xds/generated/otlp.js'
import { storedSpan, type StoredSpan } from '../telemetry/stored-span.ts'
import { failure } from './bounded-questions.ts'

type Json = Readonly<Record<string, unknown>>

/** One answer has no more than that. */
const MOST_SPANS = 50_000
const KINDS: readonly Span_SpanKind[] = [
  'SPAN_KIND_UNSPECIFIED',
  'SPAN_KIND_INTERNAL',
  'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT',
  'SPAN_KIND_PRODUCER',
  'SPAN_KIND_CONSUMER',
]
const CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR'] as const

/**
 * Spans of `resourceSpans` in OTLP's JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: identifiers in hex,
 * enumerations as numbers), and as proto3's own mapping has it (identifiers in base64, enumerations by name), which Tempo answers
 * in. Whose they are says the resource, as the control plane named it when it passed them on. What is no span is left out.
 * Throws WeftError `outside.failed` where it is no list, or more than is read.
 */
export function spansOfJson(resourceSpans: unknown): StoredSpan[] {
  const spans: StoredSpan[] = []
  let seen = 0
  for (const part of listOf(resourceSpans)) {
    const of = recordOf(part)
    const owner = textsOf(keyValues(recordOf(of['resource'])['attributes']))
    const reporter = {
      service: owner.get('service.name') ?? '',
      namespace: owner.get('k8s.namespace.name') ?? owner.get('service.namespace') ?? '',
      pod: owner.get('k8s.pod.name') ?? '',
      behind: [],
    }
    for (const scope of optionalList(of['scopeSpans']))
      for (const one of optionalList(recordOf(scope)['spans'])) {
        if (++seen > MOST_SPANS) throw failure(`it answered with more than ${MOST_SPANS} spans`)
        const stored = storedSpan(spanOf(recordOf(one)), reporter)
        if (stored) spans.push(stored)
      }
  }
  return spans
}

function spanOf(json: Json): Span {
  const status = recordOf(json['status'])
  return {
    traceId: bytesOf(json['traceId'], 16),
    spanId: bytesOf(json['spanId'], 8),
    parentSpanId: bytesOf(json['parentSpanId'], 8),
    name: text(json['name']),
    kind: enumeration(json['kind'], KINDS),
    startTimeUnixNano: integer(json['startTimeUnixNano']),
    endTimeUnixNano: integer(json['endTimeUnixNano']),
    attributes: keyValues(json['attributes']),
    status: { code: enumeration(status['code'], CODES), message: text(status['message']) },
  } as Span
}

function keyValues(json: unknown): KeyValue[] {
  return optionalList(json).map((one) => {
    const { key, value } = recordOf(one)
    return { key: text(key), value: anyValue(recordOf(value)) } as KeyValue
  })
}

/** Lists, maps and bytes are not kept anyway. */
function anyValue({ stringValue, boolValue, intValue, doubleValue }: Json): AnyValue {
  if (typeof stringValue === 'string') return { stringValue } as AnyValue
  if (typeof boolValue === 'boolean') return { boolValue } as AnyValue
  if (typeof intValue === 'string' || typeof intValue === 'number')
    return { intValue: integer(intValue) } as AnyValue
  return (typeof doubleValue === 'number' ? { doubleValue } : {}) as AnyValue
}

function textsOf(attributes: readonly KeyValue[]): ReadonlyMap<string, string> {
  return new Map(attributes.map(({ key = '', value }) => [key, value?.stringValue ?? '']))
}

/** By its length: hex has two characters a byte, base64 four for three. */
function bytesOf(json: unknown, length: number): Uint8Array | undefined {
  if (typeof json !== 'string') return undefined
  if (json.length === 2 * length && /^[0-9a-f]+$/i.test(json)) return Buffer.from(json, 'hex')
  return Buffer.from(json.length <= 2 * length ? json : '', 'base64')
}

function integer(json: unknown): bigint {
  if (typeof json === 'number' && Number.isSafeInteger(json)) return BigInt(json)
  return typeof json === 'string' && /^-?\d{1,19}$/.test(json) ? BigInt(json) : 0n
}

function enumeration<T extends string>(json: unknown, names: readonly T[]): T | undefined {
  return typeof json === 'number' ? names[json] : names.find((name) => name === json)
}

function text(json: unknown): string {
  return typeof json === 'string' ? json : ''
}

export function recordOf(json: unknown): Json {
  return typeof json === 'object' && json !== null ? (json as Json) : {}
}

function optionalList(json: unknown): readonly unknown[] {
  return json === undefined ? [] : listOf(json)
}

export function listOf(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw failure('its answer has no list where one has to be')
  return json
}
