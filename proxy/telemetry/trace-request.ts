import { ResourceSpans, ScopeSpans, type Resource } from '../../core/xds/generated/otlp.js'
import { SCHEMA_URL } from './span.ts'

// Fields of opentelemetry/proto/collector/trace/v1/trace_service.proto and trace/v1/trace.proto; both of wire type LEN.
const RESOURCE_SPANS = (1 << 3) | 2
const SCOPE_SPANS = (2 << 3) | 2

/**
 * What makes an ExportTraceServiceRequest of spans of one resource, each as the field `spans` of a ScopeSpans (SpanWriter): bytes
 * are put together and nothing is encoded again.
 */
export function traceRequests(resource: Resource): (spans: readonly Uint8Array[]) => Uint8Array {
  const who = ResourceSpans.encode({ resource })
  const scope = ScopeSpans.encode({ scope: { name: 'weft.proxy' }, schemaUrl: SCHEMA_URL })
  return (spans) => {
    const ofScope = scope.length + spans.reduce((sum, { length }) => sum + length, 0)
    const inner = lengthPrefix(SCOPE_SPANS, ofScope)
    const outer = lengthPrefix(RESOURCE_SPANS, who.length + inner.length + ofScope)
    return Buffer.concat([outer, who, inner, scope, ...spans])
  }
}

function lengthPrefix(tag: number, length: number): Uint8Array {
  const bytes = [tag]
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
