import { ScopeSpans, type Span } from '../../../core/xds/generated/otlp.js'
import { newRecord } from '../../exchange/record.ts'
import type { HopSpan, RequestRecord, TryRecord } from '../../exchange/telemetry-sink.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { newConnectionRecord } from '../../tcp/tcp-route.ts'
import { SpanWriter } from '../span.ts'

const writer = new SpanWriter()

/** As a collector reads them. */
function decoded(spans: readonly Uint8Array[]): Span[] {
  return [...(ScopeSpans.decode(Buffer.concat(spans)).spans ?? [])]
}

export function spansOf(record: RequestRecord, hop: HopSpan, requestId: string | undefined): Span[] {
  return decoded(writer.request(record, hop, requestId))
}

export function mirrorSpanOf(record: RequestRecord, hop: HopSpan, copy: TryRecord): Span {
  return decoded([writer.mirror(record, hop, copy)])[0] as Span
}

export const SAMPLE_HOP: HopSpan = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  manySpanId: 'b7ad6b7169203332',
  parentSpanId: '',
  traceState: '',
  kept: undefined,
}

/** A request that was answered well, with everything known of it. */
export function sampleRecord(change: Partial<RequestRecord> = {}): RequestRecord {
  const hop = {
    direction: 'outbound' as const,
    original: undefined,
    destination: { host: '10.96.0.7', port: 80 },
    downstream: '10.244.0.5:40000',
    sourceIdentity: '',
    localIdentity: 'spiffe://cluster.local/ns/shop/sa/web',
    http2: false,
    link: false,
  }
  const head = {
    method: 'GET',
    scheme: 'http',
    authority: 'catalog.shop:8080',
    path: '/items/7?token=secret',
    fields: ['user-agent', 'test/1'],
    upgrade: '',
  }
  return {
    ...newRecord(hop, head, '42'),
    durationMs: 12,
    answerMs: 11,
    status: 200,
    answered: true,
    details: 'via_upstream',
    route: 'HTTPRoute/shop/catalog/0',
    cluster: 'shop/catalog/8080',
    service: 'catalog.shop',
    upstream: '10.244.0.9:8080',
    upstreamWorkload: 'catalog-1.shop',
    destinationIdentity: 'spiffe://cluster.local/ns/shop/sa/catalog',
    attempts: 1,
    trace: 'began',
    ...change,
  }
}

export function sampleTry(change: Partial<TryRecord> = {}): TryRecord {
  return {
    kind: 'first',
    spanId: 'b7ad6b7169203331',
    startMs: 1000,
    durationMs: 5,
    cluster: 'shop/catalog/8080',
    upstream: '10.244.0.8:8080',
    upstreamWorkload: 'catalog-0.shop',
    identity: 'spiffe://cluster.local/ns/shop/sa/catalog',
    status: 503,
    grpcStatus: -1,
    flags: 0,
    details: 'via_upstream',
    ...change,
  }
}

/** Spans of every kind, which together have every attribute that a sidecar sends. */
export function sampleSpans(): Span[] {
  const inbound = { direction: 'inbound', sourceIdentity: 'spiffe://cluster.local/ns/shop/sa/web' } as const
  const denied = { policy: 'none', decision: 'denied', reference: SAMPLE_HOP.traceId } as const
  const call = { grpc: true, grpcStatus: 14, path: '/shop.Catalog/List', protocol: 'HTTP/2' } as const
  const opaque = newConnectionRecord(
    {
      downstream: '10.0.0.1:1',
      sourceIdentity: '',
      destination: { host: '10.0.0.2', port: 5432 },
      direction: 'inbound',
    },
    'inbound',
  )
  const spansOfRecord = (change: Partial<RequestRecord>, hop = SAMPLE_HOP): Span[] =>
    spansOf(sampleRecord(change), hop, 'id-1')
  return [
    ...spansOfRecord({ template: '/items' }),
    ...spansOfRecord({ ...inbound, ...denied, status: 403, template: '/items' }),
    ...spansOfRecord({ ...call, flags: ResponseFlag.URX }),
    ...spansOfRecord({ ...call, ...inbound, grpcStatus: 12 }),
    ...spansOfRecord({ method: 'PURGE', status: 500 }, { ...SAMPLE_HOP, kept: 'error' }),
    ...spansOfRecord({
      attempts: 2,
      tries: [sampleTry(), sampleTry({ kind: 'retry', spanId: 'b7ad6b7169203334', status: 200 })],
    }),
    mirrorSpanOf(sampleRecord(), SAMPLE_HOP, sampleTry({ kind: 'mirror', spanId: 'b7ad6b7169203335' })),
    ...decoded([writer.connection({ ...opaque, ...denied, serverName: 'db.shop' }, SAMPLE_HOP)]),
  ]
}
