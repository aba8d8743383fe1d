import t from 'tap'
import fc from 'fast-check'
import { exposition, expositionRequest } from './exposition.ts'
import type { MetricFamily } from './family.ts'
import { Counter, gauge, Histogram } from './instruments.ts'
import { NativeBuckets, nativeIndex, nativeOf, NATIVE_ZERO_THRESHOLD } from './native-buckets.ts'
import { otlpRequests } from './otlp.ts'
import { histogramsOf, nativeCountsOf, readPrometheusProtobuf } from './testing/read-protobuf.ts'
import { readOtlp } from './testing/read-otlp.ts'
import { readOpenMetrics, readPrometheusText } from './testing/read-text.ts'
import { samplesOf } from './testing/samples.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SINCE = 1_700_000_000_250
const HOSTILE = 'a"b\\c\nd{}=,# EOF é'

const FAMILIES: readonly MetricFamily[] = [
  {
    name: 'target',
    unit: '',
    type: 'info',
    help: 'Who.',
    points: [{ attributes: [['service.name', HOSTILE]], value: 1, since: SINCE }],
  },
  {
    name: 'weft.sent',
    unit: 'By',
    type: 'counter',
    help: 'Sent "so" \\ far\nand on.',
    points: [
      {
        attributes: [
          ['to', ''],
          ['ok', true],
          ['code', 3],
        ],
        value: 12,
        since: SINCE,
      },
    ],
  },
  { name: 'weft.empty', unit: '', type: 'gauge', help: 'Nothing.', points: [] },
  {
    name: 'weft.wait',
    unit: 's',
    type: 'histogram',
    help: 'Waits.',
    bounds: [0.005, 1],
    points: [
      {
        attributes: [['route', HOSTILE]],
        since: SINCE,
        counts: [2, 1, 3],
        sum: 7.5,
        exemplars: [undefined, { value: 0.25, atMs: SINCE, traceId: TRACE, spanId: 'b7ad6b7169203331' }],
        native: {
          zero: 1,
          buckets: new Map([
            [-3, 2],
            [-2, 1],
            [10, 2],
          ]),
        },
      },
    ],
  },
]
const of = (format: 'text' | 'openmetrics' | 'protobuf', created = false) =>
  exposition(FAMILIES, { format, created })

t.test('the text format', async (t) => {
  const { type, body } = of('text')
  t.equal(type, 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(
    body,
    String.raw`# HELP target_info Who.
# TYPE target_info gauge
target_info{service_name="a\"b\\c\nd{}=,# EOF é"} 1
# HELP weft_sent_bytes_total Sent "so" \\ far\nand on.
# TYPE weft_sent_bytes_total counter
weft_sent_bytes_total{ok="true",code="3"} 12
# HELP weft_wait_seconds Waits.
# TYPE weft_wait_seconds histogram
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="0.005"} 2
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="1"} 3
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="+Inf"} 6
weft_wait_seconds_sum{route="a\"b\\c\nd{}=,# EOF é"} 7.5
weft_wait_seconds_count{route="a\"b\\c\nd{}=,# EOF é"} 6
`,
  )
  t.equal(exposition([], { format: 'text', created: false }).body, '')
})

t.test('OpenMetrics, with exemplars, and with when counting began where that is asked for', async (t) => {
  const { type, body } = of('openmetrics', true)
  t.equal(type, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.equal(
    body,
    String.raw`# TYPE target info
# HELP target Who.
target_info{service_name="a\"b\\c\nd{}=,# EOF é"} 1
# TYPE weft_sent_bytes counter
# UNIT weft_sent_bytes bytes
# HELP weft_sent_bytes Sent \"so\" \\ far\nand on.
weft_sent_bytes_total{ok="true",code="3"} 12
weft_sent_bytes_created{ok="true",code="3"} 1700000000.25
# TYPE weft_wait_seconds histogram
# UNIT weft_wait_seconds seconds
# HELP weft_wait_seconds Waits.
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="0.005"} 2
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="1.0"} 3 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.25 1700000000.25
weft_wait_seconds_bucket{route="a\"b\\c\nd{}=,# EOF é",le="+Inf"} 6
weft_wait_seconds_count{route="a\"b\\c\nd{}=,# EOF é"} 6
weft_wait_seconds_sum{route="a\"b\\c\nd{}=,# EOF é"} 7.5
weft_wait_seconds_created{route="a\"b\\c\nd{}=,# EOF é"} 1700000000.25
# EOF
`,
  )
  t.notMatch(of('openmetrics').body, '_created')
  t.equal(exposition([], { format: 'openmetrics', created: false }).body, '# EOF\n')
})

t.test('every format says the same', async (t) => {
  const expected = samplesOf(FAMILIES).samples
  t.same(readPrometheusText(String(of('text').body)).samples, expected)
  const open = readOpenMetrics(String(of('openmetrics', true).body))
  t.same(open.samples, expected)
  t.same([...open.exemplars.values()], [TRACE])
  const protobuf = readPrometheusProtobuf(Buffer.from(of('protobuf').body))
  t.same(protobuf.samples, expected)
  t.same(protobuf.exemplars, open.exemplars)
  const requests = [...otlpRequests(FAMILIES, { resource: {}, scope: 'test', now: SINCE + 1 })]
  const otlp = readOtlp(requests)
  const asGauge = ([key, value]: [string, number]) => [key.replace('target_info{', 'target{'), value] as const
  t.same(otlp.samples, new Map([...expected].map(asGauge)))
  t.same(otlp.exemplars, open.exemplars)
})

t.test('native buckets in protobuf: spans with gaps, and counts as differences', async (t) => {
  t.equal(
    of('protobuf').type,
    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
  )
  const [histogram] = histogramsOf(Buffer.from(of('protobuf').body), 'weft_wait_seconds')
  t.match(histogram, {
    schema: 3,
    zeroThreshold: 2 ** -17,
    zeroCount: 1n,
    positiveSpan: [
      { offset: -3, length: 2 },
      { offset: 11, length: 1 },
    ],
    positiveDelta: [2n, -1n, 1n],
    createdTimestamp: { seconds: 1_700_000_000n, nanos: 250_000_000 },
  })
  t.same(
    [...nativeCountsOf(histogram ?? {})],
    [
      [-3, 2],
      [-2, 1],
      [10, 2],
    ],
  )
  t.match(histogram?.exemplars, [{ value: 0.25, timestamp: { seconds: 1_700_000_000n } }])
})

t.test('a value falls into the native bucket whose bounds hold it', async () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (value) => {
      const native = new NativeBuckets()
      native.add(value)
      if (value <= NATIVE_ZERO_THRESHOLD) return native.zero === 1 && native.buckets.size === 0
      const index = nativeIndex(value)
      if (value > 2 ** 20) return index === 161
      // Within what a logarithm of doubles is exact to.
      const slack = 1e-12
      return value <= 2 ** (index / 8) * (1 + slack) && value > 2 ** ((index - 1) / 8) * (1 - slack)
    }),
  )
})

t.test('what was counted before native buckets is in them, all of it', async (t) => {
  const native = nativeOf([0.001, 1], [3, 4, 5])
  t.equal(
    [...native.buckets.values()].reduce((sum, count) => sum + count, native.zero),
    12,
  )
})

t.test('the format that Accept asks for', async (t) => {
  const format = (accept: string | undefined) => expositionRequest(accept, new URLSearchParams()).format
  const protobuf =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'
  const table: readonly [string | undefined, string][] = [
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/html,application/xhtml+xml;q=0.9', 'text'],
    // Prometheus 2.42, without and with native histograms, and 3.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    [
      `${protobuf},application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
      'protobuf',
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      'openmetrics',
    ],
    [`${protobuf};q=0.1, text/plain; version=0.0.4`, 'text'],
    ['application/openmetrics-text; version=2.0.0', 'text'],
    ['application/openmetrics-text; version="1.0.0"; charset=utf-8', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'text'],
    ['application/openmetrics-text;q=x, text/plain', 'text'],
    ['application/vnd.google.protobuf;proto=other;encoding=delimited', 'text'],
    [';;;,,=', 'text'],
    [`${'x,'.repeat(5000)}application/openmetrics-text`, 'text'],
  ]
  for (const [accept, expected] of table) t.equal(format(accept), expected, accept?.slice(0, 80) ?? 'nothing')
  t.equal(expositionRequest(undefined, new URLSearchParams('created')).created, true)
})

t.test('instruments are bounded, and their sums are whole', async (t) => {
  const counter = new Counter({ name: 'a', unit: '', type: 'counter', help: 'A.' }, ['who', 'what'])
  const histogram = new Histogram({ name: 'b', unit: 's', type: 'histogram', help: 'B.' }, [1, 2], ['who'])
  for (let i = 0; i < 500; i++) {
    counter.add([`w${i}`, 'x'])
    histogram.observe(1, [`w${i}`])
  }
  for (const family of [counter.family(), histogram.family()]) {
    t.equal(family.points.length, 201)
    t.same(family.points.at(-1)?.attributes[0], ['who', '_OTHER'])
  }
  const { samples } = readPrometheusText(
    String(exposition([counter.family(), histogram.family()], { format: 'text', created: false }).body),
  )
  const sum = (prefix: string) =>
    [...samples].filter(([key]) => key.startsWith(prefix)).reduce((all, [, value]) => all + value, 0)
  t.equal(sum('a_total{'), 500)
  t.equal(sum('b_seconds_count{'), 500)
  t.equal(sum('b_seconds_bucket{le="1"'), 500, 'inclusive')
  const none = new Counter({ name: 'c', unit: '', type: 'counter', help: 'C.' })
  t.same(
    none.family().points.map((point) => 'value' in point && point.value),
    [0],
    'an increase needs a 0 before it',
  )
  t.same(gauge({ name: 'd', unit: '', type: 'gauge', help: 'D.' }, []).points, [])
})

t.test('many points go in requests of a bounded size, each once', async (t) => {
  const points = Array.from({ length: 2500 }, (_, i) => ({
    attributes: [['i', i] as const],
    value: i,
    since: 0,
  }))
  const family = { name: 'a', unit: '', type: 'counter', help: 'A.', points } as const
  const requests = [...otlpRequests([family, family], { resource: {}, scope: 'test', now: 1 })]
  const sizes = requests.map(({ resourceMetrics = [] }) =>
    (resourceMetrics[0]?.scopeMetrics?.[0]?.metrics ?? []).reduce(
      (sum, one) => sum + (one.sum?.dataPoints?.length ?? 0),
      0,
    ),
  )
  t.same(sizes, [1000, 1000, 1000, 1000, 1000])
})
