import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import t from 'tap'
import { WEFT_ATTRIBUTES } from '../../core/weft-attributes.ts'
import type { KeyValue, Span } from '../../core/xds/generated/otlp.js'
import type { HopSpan, RequestRecord } from '../exchange/telemetry-sink.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { SCHEMA_URL } from './span.ts'
import {
  mirrorSpanOf,
  SAMPLE_HOP,
  sampleRecord,
  sampleSpans,
  sampleTry,
  spansOf,
} from './testing/sample-spans.ts'

// What is written by 1.44 (SCHEMA_URL), and has another name in a package of a later version.
const RENAMED_SINCE = new Map([['rpc.response.status_code', 'rpc.status_code']])

function valueOf({ value }: KeyValue): string | number | undefined {
  return value?.stringValue ?? (value?.intValue === undefined ? undefined : Number(value.intValue))
}

function told(span: Span | undefined): Record<string, string | number | undefined> {
  return Object.fromEntries((span?.attributes ?? []).map((one) => [one.key, valueOf(one)]))
}

function spanOf(change: Partial<RequestRecord>, hop: HopSpan = SAMPLE_HOP): Span {
  const [span, ...more] = spansOf(sampleRecord(change), hop, 'id-1')
  if (!span || more.length > 0) throw new Error(`${more.length + 1} spans`)
  return span
}

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')

t.test(
  'every attribute is one of the conventions, of the type that they give it, or listed as our own',
  async (t) => {
    const known = new Set<unknown>(Object.values(conventions).filter((one) => typeof one === 'string'))
    const sent = new Map<string, string>()
    for (const span of sampleSpans())
      for (const { key = '', value } of span.attributes ?? [])
        sent.set(key, value?.intValue === undefined ? 'string' : 'int')
    for (const [key, type] of sent) {
      if (key.startsWith('weft.'))
        t.equal(WEFT_ATTRIBUTES[key as keyof typeof WEFT_ATTRIBUTES]?.type, type, key)
      else t.ok(known.has(key), key)
      const later = RENAMED_SINCE.get(key)
      if (later !== undefined) t.ok(known.has(later), later)
    }
    t.same(
      Object.keys(WEFT_ATTRIBUTES).filter((key) => !sent.has(key)),
      [],
      'and none is listed that nobody sends',
    )
    t.equal(SCHEMA_URL, 'https://opentelemetry.io/schemas/1.44.0')
  },
)

t.test('a client span', async (t) => {
  const span = spanOf({ template: '/items' })
  t.match(span, {
    name: 'GET /items',
    kind: 'SPAN_KIND_CLIENT',
    status: { code: 'STATUS_CODE_UNSET' },
    flags: 1,
  })
  t.same(told(span), {
    'http.request.method': 'GET',
    'url.scheme': 'http',
    'url.path': '/items/7',
    'url.query': 'REDACTED',
    'url.full': 'http://catalog.shop:8080/items/7?REDACTED',
    'url.template': '/items',
    'server.address': 'catalog.shop',
    'server.port': 8080,
    'network.protocol.version': '1.1',
    'user_agent.original': 'test/1',
    'network.local.address': '10.96.0.7',
    'network.local.port': 80,
    'network.peer.address': '10.244.0.9',
    'network.peer.port': 8080,
    'http.response.status_code': 200,
    'http.request.body.size': 0,
    'http.response.body.size': 0,
    'weft.backend': 'shop/catalog/8080',
    'weft.endpoint': '10.244.0.9:8080',
    'weft.upstream_workload': 'catalog-1.shop',
    'weft.response_flags': '-',
    'weft.details': 'via_upstream',
    'weft.route': 'HTTPRoute/shop/catalog/0',
    'weft.config_version': '42',
    'weft.request_id': 'id-1',
    'weft.peer.identity': 'spiffe://cluster.local/ns/shop/sa/catalog',
    'weft.source_identity': 'spiffe://cluster.local/ns/shop/sa/web',
    'weft.destination_identity': 'spiffe://cluster.local/ns/shop/sa/catalog',
  })
})

t.test('a server span: its peer is the caller', async (t) => {
  const caller = 'spiffe://cluster.local/ns/shop/sa/web'
  const span = spanOf({ direction: 'inbound', sourceIdentity: caller, template: '/items' })
  t.match(span, { name: 'GET /items', kind: 'SPAN_KIND_SERVER' })
  const attributes = told(span)
  t.match(attributes, {
    'http.route': '/items',
    'client.address': '10.244.0.5',
    'network.peer.address': '10.244.0.5',
    'network.peer.port': 40000,
    'network.local.address': '10.96.0.7',
    'weft.endpoint': '10.244.0.9:8080',
    'weft.peer.identity': caller,
  })
  t.notOk('url.full' in attributes)
  t.notOk('url.template' in attributes)
})

t.test(
  'names have few values: a route that matches more than a path has no template, an odd method none of its own',
  async (t) => {
    t.equal(spanOf({}).name, 'GET')
    const odd = spanOf({ method: 'PURGE', template: '/a' })
    t.equal(odd.name, 'HTTP /a')
    t.match(told(odd), { 'http.request.method': '_OTHER', 'http.request.method_original': 'PURGE' })
    t.match(told(spanOf({ authority: 'catalog' })), { 'server.address': 'catalog', 'server.port': 80 })
    t.match(told(spanOf({ authority: '[fd00::7]:9090' })), {
      'server.address': 'fd00::7',
      'server.port': 9090,
    })
  },
)

t.test('a gRPC call is called by its method, and ended by the name of its status', async (t) => {
  const call = { grpc: true, path: '/shop.Catalog/List', protocol: 'HTTP/2' } as const
  for (const [direction, grpcStatus, name, code, error] of [
    ['outbound', 0, 'shop.Catalog/List', 'STATUS_CODE_UNSET', undefined],
    ['outbound', 14, 'shop.Catalog/List', 'STATUS_CODE_ERROR', 'UNAVAILABLE'],
    ['outbound', 5, 'shop.Catalog/List', 'STATUS_CODE_ERROR', 'NOT_FOUND'],
    ['inbound', 5, 'shop.Catalog/List', 'STATUS_CODE_UNSET', undefined],
    ['inbound', 13, 'shop.Catalog/List', 'STATUS_CODE_ERROR', 'INTERNAL'],
    // The server knows no such method.
    ['inbound', 12, 'grpc', 'STATUS_CODE_ERROR', 'UNIMPLEMENTED'],
    ['outbound', 99, 'shop.Catalog/List', 'STATUS_CODE_ERROR', '_OTHER'],
  ] as const) {
    const span = spanOf({ ...call, direction, grpcStatus })
    t.same(
      [span.name, span.status?.code, told(span)['error.type']],
      [name, code, error],
      `${direction} ${grpcStatus}`,
    )
  }
  t.match(told(spanOf({ ...call, grpcStatus: 14 })), {
    'rpc.system.name': 'grpc',
    'rpc.method': 'shop.Catalog/List',
    'rpc.response.status_code': 'UNAVAILABLE',
  })
  t.match(told(spanOf({ ...call, grpcStatus: 12 })), {
    'rpc.method': '_OTHER',
    'rpc.method_original': 'shop.Catalog/List',
  })
  t.equal(spanOf({ ...call, path: '/' }).name, 'grpc')
})

t.test('an answer that was broken off is an error, and a caller that left none', async (t) => {
  const { DC, UC, UT, URX, SI } = ResponseFlag
  for (const [status, flags, code, error] of [
    [200, 0, 'STATUS_CODE_UNSET', undefined],
    [200, DC, 'STATUS_CODE_UNSET', undefined],
    [200, UC, 'STATUS_CODE_ERROR', 'UC'],
    [200, URX | UT, 'STATUS_CODE_ERROR', 'URX,UT'],
    [101, UC, 'STATUS_CODE_UNSET', undefined],
    [0, DC, 'STATUS_CODE_UNSET', undefined],
    [0, SI, 'STATUS_CODE_ERROR', 'SI'],
    [504, UT, 'STATUS_CODE_ERROR', '504'],
  ] as const)
    for (const direction of ['inbound', 'outbound'] as const) {
      const span = spanOf({ status, flags, direction })
      t.same([span.status?.code, told(span)['error.type']], [code, error], `${direction} ${status} ${flags}`)
    }
  t.equal(spanOf({ status: 404 }).status?.code, 'STATUS_CODE_ERROR')
  t.equal(spanOf({ status: 404, direction: 'inbound' }).status?.code, 'STATUS_CODE_UNSET')
  t.notOk('http.response.status_code' in told(spanOf({ status: 0, flags: DC })), 'none was sent')
})

t.test('several tries have a span each, and the hop one of its own, from which they hang', async (t) => {
  const { UF } = ResponseFlag
  const tries = [
    sampleTry({ status: 0, flags: UF, identity: '', details: 'upstream_reset' }),
    sampleTry({ kind: 'hedge', spanId: '00000000000000aa', status: 0, details: 'given_up' }),
    sampleTry({ kind: 'retry', spanId: '00000000000000bb', status: 200, upstream: '10.244.0.9:8080' }),
  ]
  for (const direction of ['outbound', 'inbound'] as const) {
    const record = sampleRecord({ direction, attempts: 3, tries })
    const [hop, ...rest] = spansOf(record, SAMPLE_HOP, 'id-1')
    t.equal(hex(hop?.spanId), SAMPLE_HOP.manySpanId)
    t.equal(told(hop)['http.request.resend_count'], 2)
    t.same(
      rest.map((span) => [hex(span.spanId), hex(span.parentSpanId), span.kind, span.status?.code]),
      [
        [SAMPLE_HOP.spanId, SAMPLE_HOP.manySpanId, 'SPAN_KIND_CLIENT', 'STATUS_CODE_ERROR'],
        ['00000000000000aa', SAMPLE_HOP.manySpanId, 'SPAN_KIND_CLIENT', 'STATUS_CODE_UNSET'],
        ['00000000000000bb', SAMPLE_HOP.manySpanId, 'SPAN_KIND_CLIENT', 'STATUS_CODE_UNSET'],
      ],
    )
    t.same(
      rest.map((span) => [
        told(span)['weft.try'],
        told(span)['http.request.resend_count'],
        told(span)['error.type'],
      ]),
      [
        ['first', undefined, 'UF'],
        ['hedge', 1, undefined],
        ['retry', 2, undefined],
      ],
    )
    const copy = sampleTry({ kind: 'mirror', spanId: '00000000000000cc' })
    t.equal(hex(mirrorSpanOf(record, SAMPLE_HOP, copy).parentSpanId), SAMPLE_HOP.manySpanId)
    const alone = mirrorSpanOf(sampleRecord({ direction }), SAMPLE_HOP, copy)
    t.equal(hex(alone.parentSpanId), SAMPLE_HOP.spanId)
  }
  const [one, ...none] = spansOf(sampleRecord({ attempts: 1, tries: [sampleTry()] }), SAMPLE_HOP, undefined)
  t.equal(hex(one?.spanId), SAMPLE_HOP.spanId, 'a second one was wanted, and never made')
  t.same(none, [])
})

t.test('of a trace that is not sampled a span says so', async (t) => {
  const span = spanOf({ status: 500 }, { ...SAMPLE_HOP, kept: 'error' })
  t.equal(span.flags, 0)
  t.equal(told(span)['weft.kept'], 'error')
})
