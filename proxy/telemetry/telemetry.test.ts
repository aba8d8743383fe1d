import t from 'tap'
import {
  ExportTraceServiceRequest,
  type ExportMetricsServiceRequest,
  type Span,
} from '../../core/xds/generated/otlp.js'
import type { HopSpan, RequestRecord, TraceStart } from '../exchange/telemetry-sink.ts'
import { ManualClock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { newRecord } from '../exchange/record.ts'
import type { RequestHead } from '../http/message.ts'
import { newConnectionRecord } from '../tcp/tcp-route.ts'
import { ObservedCalls } from './observed-calls/observed-calls.ts'
import { Telemetry } from './telemetry.ts'
import { spansOf } from './testing/sample-spans.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

function head(...fields: string[]): RequestHead {
  return {
    method: 'GET',
    scheme: 'http',
    authority: 'catalog:8080',
    path: '/items/1?token=secret',
    fields,
    upgrade: '',
  }
}

/** The span of a request, if it is sampled. */
function beginTrace(telemetry: Telemetry, request: RequestHead, percent: number): HopSpan | undefined {
  const start: TraceStart = { trace: 'none', span: undefined }
  telemetry.beginTrace(start, request, percent)
  return start.span
}

/** Of a sampled request that comes from nowhere. */
const HOP: HopSpan = {
  traceId: TRACE,
  spanId: 'b7ad6b7169203331',
  manySpanId: 'b7ad6b7169203332',
  parentSpanId: '',
  traceState: '',
  kept: undefined,
}

/** Of a request with one try. */
function spanOf(record: RequestRecord, hop: HopSpan): Span {
  const [span, ...more] = spansOf(record, hop, undefined)
  if (!span || more.length > 0) throw new Error(`${more.length + 1} spans`)
  return span
}

function setUp(random = 1) {
  const traces: ExportTraceServiceRequest[] = []
  const metrics: ExportMetricsServiceRequest[] = []
  const lines: string[] = []
  let failing = false
  const telemetry = new Telemetry({
    resource: new Map([
      ['service.name', 'web'],
      ['service.namespace', 'shop'],
    ]),
    exporter: {
      traces: async (request) => {
        if (failing) throw new Error('away')
        traces.push(ExportTraceServiceRequest.decode(request))
      },
      metrics: async (request) => void metrics.push(request),
      close() {},
    },
    accessLog: 'all',
    write: (text) => void lines.push(text),
    random: () => random,
    pushMs: 3_600_000,
  })
  const record = (request: RequestHead) => {
    const made = newRecord(
      {
        direction: 'outbound',
        original: undefined,
        destination: { host: '10.0.0.9', port: 80 },
        downstream: '10.244.0.5:1',
        sourceIdentity: '',
        localIdentity: '',
        http2: false,
        link: false,
      },
      request,
      'v1',
    )
    return {
      ...made,
      status: 200,
      durationMs: 12,
      route: 'HTTPRoute/shop/catalog/0',
      attempts: 2,
      details: 'via_upstream',
    }
  }
  return { telemetry, traces, metrics, lines, record, fail: (now: boolean) => (failing = now) }
}

const prometheus = (telemetry: Telemetry): string =>
  String(telemetry.exposition({ format: 'text', created: false }).body)

t.test('what came to the pod is observed once, as its answer begins or where none does', async (t) => {
  const { record } = setUp()
  const observed = new ObservedCalls(0)
  const telemetry = new Telemetry({ resource: new Map(), exporter: undefined, accessLog: 'off', observed })
  t.teardown(() => telemetry.close())
  const inbound = { ...record(head()), direction: 'inbound' as const, sourceIdentity: 'spiffe://a/ns/b/sa/c' }
  const counts = () => observed.series().map(({ outcome, count }) => `${count} ${outcome}`)
  const answered = { ...inbound, answered: true }
  telemetry.requestAnswered(answered)
  t.same(counts(), ['1 served'], 'a stream may go on for days')
  telemetry.requestFinished(answered, head())
  t.same(counts(), ['1 served'])
  telemetry.requestFinished(inbound, head())
  telemetry.requestFinished(record(head()), head())
  t.same(counts(), ['1 served', '1 unanswered'], 'what went out is seen where it arrives')
  const hop = { downstream: '10.0.0.1:1', sourceIdentity: '', destination: { host: '10.0.0.2', port: 5432 } }
  const opened = newConnectionRecord({ ...hop, direction: 'inbound' }, 'inbound')
  opened.upstream = '10.0.0.2:5432'
  telemetry.connectionOpened(opened)
  telemetry.connectionFinished(opened)
  telemetry.connectionOpened({ ...opened, direction: 'outbound' })
  t.same(counts(), ['1 served', '1 unanswered', '1 served'])
})

t.test('what a caller chose of a span is cut: thousands of spans wait for a collector', async (t) => {
  const { telemetry, record } = setUp()
  const request = head('traceparent', `00-${TRACE}-b7ad6b7169203331-01`, 'user-agent', 'u'.repeat(30_000))
  request.path = `/${'p'.repeat(30_000)}?q`
  request.authority = `${'a'.repeat(30_000)}:80`
  const span = beginTrace(telemetry, request, 0)
  if (!span) throw new Error('not sampled')
  const { attributes = [] } = spanOf(record(request), span)
  const lengths = new Map(attributes.map(({ key, value }) => [key, value?.stringValue?.length]))
  t.same(
    ['url.path', 'server.address', 'user_agent.original'].map((key) => lengths.get(key)),
    [1024, 1024, 256],
  )
  await telemetry.close()
})

t.test("a sampled caller's trace goes on with our span as the parent of the next", async (t) => {
  const { telemetry, traces, record } = setUp()
  const request = head('traceparent', `00-${TRACE}-b7ad6b7169203331-01`, 'tracestate', 'a=1')
  const span = beginTrace(telemetry, request, 0)
  t.match(span, { traceId: TRACE, parentSpanId: 'b7ad6b7169203331', traceState: 'a=1' })
  t.equal(request.fields[1], `00-${TRACE}-${span?.spanId}-01`)
  telemetry.requestStarted('outbound')
  telemetry.requestFinished({ ...record(request), span }, head())
  await telemetry.close()
  const sent = traces[0]?.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.[0]
  t.equal(sent?.kind, 'SPAN_KIND_CLIENT')
  t.equal(Buffer.from(sent?.traceId ?? []).toString('hex'), TRACE)
  const attributes = new Map(
    sent?.attributes?.map(({ key, value }) => [key, value?.stringValue ?? value?.intValue]),
  )
  t.equal(attributes.get('weft.route'), 'HTTPRoute/shop/catalog/0')
  t.equal(attributes.get('http.response.status_code'), 200n)
  t.equal(attributes.get('http.request.resend_count'), 1n)
  t.equal(attributes.get('url.path'), '/items/1')
  t.equal(attributes.get('url.query'), 'REDACTED')
})

t.test('the decision of the first hop holds for all: none samples anew', async (t) => {
  const { telemetry } = setUp(0.5)
  const request = head()
  t.equal(beginTrace(telemetry, request, 0.1), undefined)
  t.match(request.fields[1], /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  t.equal(beginTrace(telemetry, request, 100), undefined)
  t.ok(beginTrace(telemetry, head(), 100))
  await telemetry.close()
})

t.test('metrics and log lines tell route, status and flags, and no query', async (t) => {
  const { telemetry, metrics, lines, record } = setUp()
  telemetry.requestStarted('outbound')
  telemetry.requestFinished({ ...record(head()), status: 503, flags: ResponseFlag.URX }, head())
  const text = prometheus(telemetry)
  t.match(text, /http_client_request_duration_seconds_bucket\{[^}]*le="0.025"\} 1\n/)
  t.match(text, /http_client_request_duration_seconds_count\{[^}]*weft_response_flags="URX"[^}]*\} 1\n/)
  await telemetry.close()
  const point = metrics[0]?.resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.[0]?.histogram?.dataPoints?.[0]
  t.equal(point?.count, 1n)
  t.equal(point?.bucketCounts?.[5], 1n)
  const line = JSON.parse(lines.join('')) as Record<string, unknown>
  t.match(line, { status: 503, flags: 'URX', path: '/items/1', attempts: 2 })
  t.match(line, { service_name: 'web', service_namespace: 'shop' })
  t.match(text, /^target_info\{service_name="web",service_namespace="shop"\} 1$/m)
  t.match(metrics[0]?.resourceMetrics?.[0]?.resource?.attributes, [
    { key: 'service.name', value: { stringValue: 'web' } },
    { key: 'service.namespace', value: { stringValue: 'shop' } },
  ])
  t.notMatch(lines.join(''), 'secret')
})

t.test('a collector that is away costs spans beyond the bound and nothing else', async (t) => {
  const { telemetry, traces, record, fail } = setUp()
  fail(true)
  const span = HOP
  for (let i = 0; i < 5000; i++) telemetry.requestFinished({ ...record(head()), span }, head())
  t.match(prometheus(telemetry), /weft_spans_dropped_total 904\n/)
  fail(false)
  await telemetry.close()
  const sent = traces.reduce(
    (sum, one) => sum + (one.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.length ?? 0),
    0,
  )
  t.equal(sent, 4096)
})

t.test('a caller that said no to sampling in B3 is heard, also without a trace', async (t) => {
  const { telemetry } = setUp(0)
  const request = head('b3', '0')
  t.equal(beginTrace(telemetry, request, 100), undefined)
  t.match(request.fields[1], /^[0-9a-f]{32}-[0-9a-f]{16}-0$/)
  t.match(request.fields[3], /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  await telemetry.close()
})

t.test('label sets are bounded for each direction alone, and idle ones are forgotten', async (t) => {
  const { telemetry, record } = setUp()
  const one = record(head())
  for (let i = 0; i < 2100; i++) telemetry.requestFinished({ ...one, route: `r${i}` }, head())
  telemetry.requestFinished({ ...one, direction: 'inbound', route: 'late' }, head())
  t.equal(telemetry.metrics.requests.size, 2002)
  const other = [...telemetry.metrics.requests].filter(({ labels }) => labels.route === '_OTHER')
  t.same(
    other.map(({ labels, count }) => [labels.direction, count]),
    [
      ['outbound', 100],
      ['inbound', 1],
    ],
  )
  t.match(prometheus(telemetry), /route="_OTHER"[^}]*weft_mtls="_OTHER"/, 'nor is it said to be plaintext')
  const start = Date.now()
  telemetry.metrics.expire(start)
  telemetry.requestFinished({ ...one, route: 'r7' }, head())
  telemetry.metrics.expire(start + 5 * 60_000)
  telemetry.metrics.expire(start + 11 * 60_000)
  t.same(
    [...telemetry.metrics.requests].map(({ labels }) => labels.route),
    ['r7'],
  )
  telemetry.requestFinished({ ...one, route: 'r7' }, head())
  t.equal([...telemetry.metrics.requests][0]?.count, 3, 'found again after the others went')
  await telemetry.close()
})

t.test('what is new is pushed between the reports of everything, soon and not too often', async (t) => {
  const clock = new ManualClock()
  const counts: number[] = []
  let failing = false
  const telemetry = new Telemetry({
    resource: new Map([
      ['service.name', 'web'],
      ['service.namespace', 'shop'],
    ]),
    exporter: {
      traces: async () => {},
      metrics: async ({ resourceMetrics }) => {
        if (failing) throw new Error('away')
        for (const { name, histogram } of resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics ?? [])
          if (name === 'http.client.request.duration')
            for (const { count } of histogram?.dataPoints ?? []) counts.push(Number(count))
      },
      close() {},
    },
    accessLog: 'off',
    clock,
  })
  const { telemetry: unused, record } = setUp()
  await unused.close()
  const finish = (route = 'a'): void => telemetry.requestFinished({ ...record(head()), route }, head())
  /** Counts of the series that were pushed within `ms`. */
  const pushedIn = async (ms: number): Promise<number[]> => {
    clock.advance(ms)
    // One report follows another in microtasks.
    await new Promise((resolve) => setImmediate(resolve))
    return counts.splice(0)
  }
  t.same(await pushedIn(1000), [], 'nothing was counted')
  clock.advance(900)
  finish()
  finish()
  t.same(await pushedIn(99), [])
  t.same(await pushedIn(1), [2], '0.1 s after the first: with the whole report')
  finish()
  t.same(await pushedIn(499), [])
  t.same(await pushedIn(1), [3], '0.5 s after the report before')
  t.same(await pushedIn(500), [3], 'everything, once a second')
  finish('b')
  t.same(await pushedIn(500), [1], 'only what is new')
  for (let i = 0; i < 250; i++) finish(`r${i}`)
  t.same(await pushedIn(499), [])
  t.equal((await pushedIn(1)).length, 251, 'many wait for the next report, which has no other')
  finish('r1')
  t.same(await pushedIn(999), [], 'nor is anything told before')
  t.same(await pushedIn(1), [2])
  failing = true
  finish('r1')
  t.same(await pushedIn(1000), [])
  failing = false
  t.equal((await pushedIn(1000)).length, 252, 'after one that did not arrive all are told')
  t.same(await pushedIn(1000), [], 'and of many that did not change none')
  const whole: number[] = []
  for (let second = 0; second < 5; second++) whole.push((await pushedIn(1000)).length)
  t.same(
    whole.toSorted((a, b) => a - b),
    [0, 0, 0, 0, 252],
    'but for once in five reports',
  )
  await telemetry.close()
  t.equal(clock.pending, 0)
})

t.test('many series are pushed in requests of a bounded size, each once', async (t) => {
  const { telemetry, metrics, record } = setUp()
  for (let i = 0; i < 1500; i++) {
    const made = record(head())
    telemetry.requestFinished({ ...made, route: `r${i}` }, head())
  }
  await telemetry.close()
  const counts = metrics.map(({ resourceMetrics = [] }) =>
    (resourceMetrics[0]?.scopeMetrics?.[0]?.metrics ?? [])
      .filter(({ name }) => name === 'http.client.request.duration')
      .map(({ histogram }) => histogram?.dataPoints?.length ?? 0)
      .reduce((sum, count) => sum + count, 0),
  )
  t.strictSame(
    counts.filter((count) => count > 0),
    [1000, 500],
  )
})

t.test('without a collector the context passes as it came', async (t) => {
  const telemetry = new Telemetry({
    resource: new Map([
      ['service.name', 'web'],
      ['service.namespace', 'shop'],
    ]),
    exporter: undefined,
    accessLog: 'off',
    pushMs: 3_600_000,
  })
  t.teardown(() => telemetry.close())
  for (const fields of [
    [],
    ['traceparent', `00-${TRACE}-b7ad6b7169203331-01`, 'tracestate', 'a=1'],
    ['b3', '1'],
  ]) {
    const request = head(...fields)
    t.equal(beginTrace(telemetry, request, 100), undefined)
    t.same(request.fields, fields)
  }
})
