import fc from 'fast-check'
import t from 'tap'
import { ScopeSpans, type Span } from '../../core/xds/generated/otlp.js'
import { SpanBytes, type SpanPlace } from './span-bytes.ts'

const PLACE: SpanPlace = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00000000000000a1',
  traceState: 'a=1,b=2',
  flags: 1,
  name: 'GET /items',
  kind: 2,
  startMs: 1_764_547_200_000.123,
  endMs: 1_764_547_200_012.5,
  status: 2,
}

type Attribute = readonly ['known' | 'text', string, string] | readonly ['integer', string, number]

function write(out: SpanBytes, place: SpanPlace, attributes: readonly Attribute[]): Uint8Array {
  out.begin(place)
  for (const [kind, key, value] of attributes) {
    if (kind === 'integer') out.integer(key, value)
    else out[kind](key, value)
  }
  return out.finish()
}

function read(bytes: readonly Uint8Array[]): readonly Span[] {
  return ScopeSpans.decode(Buffer.concat(bytes)).spans ?? []
}

const valuesOf = (span: Span | undefined): unknown[] =>
  (span?.attributes ?? []).map(({ key, value }) => [key, value?.stringValue ?? Number(value?.intValue)])

t.test('what stands in a span itself', async (t) => {
  const [span] = read([write(new SpanBytes(), PLACE, [])])
  t.match(span, {
    name: 'GET /items',
    kind: 'SPAN_KIND_SERVER',
    traceState: 'a=1,b=2',
    flags: 1,
    startTimeUnixNano: 1_764_547_200_000_123_000n,
    endTimeUnixNano: 1_764_547_200_012_500_000n,
    status: { code: 'STATUS_CODE_ERROR' },
  })
  t.same(
    [span?.traceId, span?.spanId, span?.parentSpanId].map((id) => Buffer.from(id ?? []).toString('hex')),
    [PLACE.traceId, PLACE.spanId, PLACE.parentSpanId],
  )
  const [root] = read([write(new SpanBytes(), { ...PLACE, parentSpanId: '', traceState: '' }, [])])
  t.same([root?.parentSpanId?.length ?? 0, root?.traceState ?? ''], [0, ''])
})

t.test('attributes of every length and every character are read as they were written', async () => {
  // Around the lengths at which a length itself takes a byte more.
  const long = fc
    .tuple(fc.constantFrom(100, 118, 127, 128, 129, 255, 256, 257, 1024, 16_370, 16_384), fc.nat(20))
    .chain(([length, more]) => fc.constantFrom('a', 'ÿ').map((one) => one.repeat(length + more)))
  const latin1 = fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: 300 })
    .map((codes) => String.fromCharCode(...codes))
  const value = fc.oneof(latin1, long, fc.string({ unit: 'binary' }))
  const key = fc.constantFrom('url.path', 'weft.route', 'k')
  const attribute: fc.Arbitrary<Attribute> = fc.oneof(
    fc.tuple(fc.constantFrom('known' as const, 'text' as const), key, value),
    fc.tuple(fc.constant('integer' as const), key, fc.maxSafeNat()),
  )
  const out = new SpanBytes()
  fc.assert(
    fc.property(fc.array(fc.array(attribute, { maxLength: 8 }), { maxLength: 4 }), (spans) => {
      const written = spans.map((attributes) => write(out, PLACE, attributes))
      // All of them first: one that is finished is not touched by the next.
      const told = read(written).map(valuesOf)
      const expected = spans.map((attributes) => attributes.map(([, ...one]) => one))
      return JSON.stringify(told) === JSON.stringify(expected)
    }),
    { numRuns: 500 },
  )
})

t.test('values beyond those that are kept as bytes are told all the same', async (t) => {
  const out = new SpanBytes()
  const names = Array.from({ length: 200 }, (_, i) => `HTTPRoute/shop/r${i % 150}/0`)
  const spans = names.map((name) => write(out, PLACE, [['known', 'weft.route', name]]))
  t.same(
    read(spans).flatMap(valuesOf),
    names.map((name) => ['weft.route', name]),
  )
})
