import t from 'tap'
import type { ExportMetricsServiceRequest } from '../../core/xds/generated/otlp.js'
import {
  histogramsOf,
  nativeCountsOf,
  readPrometheusProtobuf,
} from '../../core/metrics/testing/read-protobuf.ts'
import { readOtlp } from '../../core/metrics/testing/read-otlp.ts'
import { readOpenMetrics, readPrometheusText } from '../../core/metrics/testing/read-text.ts'
import type { ReadMetrics } from '../../core/metrics/testing/samples.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { seeded } from '../testing/seeded-random.ts'
import {
  CATALOG_ID,
  OWN,
  telemetryWithEverything,
  testConnection,
  testRequest,
} from './testing/all-families.ts'
import { Telemetry } from './telemetry.ts'

const SPAN = {
  traceId: '0'.repeat(31) + '1',
  spanId: '0'.repeat(15) + '2',
  manySpanId: '0'.repeat(15) + '3',
  parentSpanId: '',
  traceState: '',
  kept: undefined,
}
const HEAD = { method: 'GET', scheme: 'http', authority: 'web', path: '/', fields: [], upgrade: '' }

t.test('known traffic is found exactly in every format', async (t) => {
  const pushed: ExportMetricsServiceRequest[] = []
  const telemetry = new Telemetry({
    resource: OWN,
    exporter: { traces: async () => {}, metrics: async (one) => void pushed.push(one), close() {} },
    accessLog: 'off',
    metricNames: new Set(['weft', 'istio', 'flagger']),
    pushMs: 3_600_000,
  })
  const random = seeded(7)
  const sent = {
    requests: 0,
    failed: 0,
    seconds: 0,
    requestBytes: 0,
    responseBytes: 0,
    resends: 0,
    calls: 0,
    slow: 0,
  }
  for (let i = 0; i < 5000; i++) {
    if (i === 2500) telemetry.exposition({ format: 'protobuf', created: false })
    const failed = random() < 0.1
    const grpc = random() < 0.2
    const direction = random() < 0.5 ? 'inbound' : 'outbound'
    const attempts = direction === 'outbound' && random() < 0.1 ? 2 : 1
    const durationMs = Math.floor(random() * 4_000)
    const [bytesReceived, bytesSent] = [Math.floor(random() * 1e6), Math.floor(random() * 1e5)]
    telemetry.requestStarted(direction)
    telemetry.requestFinished(
      testRequest(direction, {
        status: failed ? 503 : 200,
        flags: failed ? ResponseFlag.URX : 0,
        peer: `caller-${Math.floor(random() * 3)},1`,
        durationMs,
        attempts,
        bytesReceived,
        bytesSent,
        span: i % 100 === 0 ? SPAN : undefined,
        ...(grpc && {
          grpc,
          grpcStatus: failed ? 14 : 0,
          path: `/shop.Catalog/M${Math.floor(random() * 2)}`,
          method: 'POST',
        }),
      }),
      HEAD,
    )
    sent.requests++
    sent.failed += Number(failed)
    sent.seconds += durationMs / 1000
    sent.requestBytes += bytesReceived
    sent.responseBytes += bytesSent
    sent.resends += attempts - 1
    sent.calls += Number(grpc)
    sent.slow += Number(durationMs > 1000)
  }
  const tcp = { opened: 0, closed: 0, bytes: 0 }
  for (let i = 0; i < 100; i++) {
    const opened = i % 10 !== 0
    const record = testConnection(i % 2 ? 'inbound' : 'outbound', {
      opened,
      durationMs: i,
      bytesReceived: i,
      bytesSent: 2 * i,
      flags: opened ? 0 : ResponseFlag.UF,
    })
    if (opened) telemetry.connectionOpened(record)
    telemetry.connectionFinished(record)
    tcp.opened += Number(opened)
    tcp.closed++
    tcp.bytes += i
  }
  const of = (format: 'text' | 'openmetrics' | 'protobuf') =>
    telemetry.exposition({ format, created: true }).body
  const protobuf = Buffer.from(of('protobuf'))
  const formats = {
    text: readPrometheusText(String(of('text'))),
    openmetrics: readOpenMetrics(String(of('openmetrics'))),
    protobuf: readPrometheusProtobuf(protobuf),
  }
  await telemetry.close()
  const all = { ...formats, otlp: readOtlp(pushed) }
  for (const [format, { samples, exemplars }] of Object.entries(all)) {
    const sum = (name: string, part = ''): number =>
      [...samples].reduce(
        (total, [key, value]) => (key.startsWith(`${name}{`) && key.includes(part) ? total + value : total),
        0,
      )
    const both = (name: (side: string) => string, part = '') =>
      sum(name('server'), part) + sum(name('client'), part)
    t.equal(
      both((side) => `http_${side}_request_duration_seconds_count`),
      sent.requests,
      format,
    )
    t.equal(
      both((side) => `http_${side}_request_duration_seconds_count`, 'status_code="503"'),
      sent.failed,
      format,
    )
    const slow = sent.requests - both((side) => `http_${side}_request_duration_seconds_bucket`, 'le="1"')
    t.equal(slow, sent.slow, `${format}: a bucket`)
    t.ok(Math.abs(both((side) => `http_${side}_request_duration_seconds_sum`) - sent.seconds) < 1e-6, format)
    t.equal(
      both((side) => `http_${side}_request_body_size_bytes_sum`),
      sent.requestBytes,
      format,
    )
    t.equal(
      both((side) => `http_${side}_response_body_size_bytes_sum`),
      sent.responseBytes,
      format,
    )
    t.equal(
      both((side) => `http_${side}_response_body_size_bytes_count`),
      sent.requests,
      format,
    )
    t.equal(sum('http_client_request_resends_total'), sent.resends, format)
    t.equal(
      both((side) => `rpc_${side}_call_duration_seconds_count`),
      sent.calls,
      format,
    )
    t.equal(
      both((side) => `http_${side}_active_requests`),
      0,
      format,
    )
    t.equal(sum('weft_tcp_connections_opened_total'), tcp.opened, format)
    t.equal(sum('weft_tcp_connections_closed_total'), tcp.closed, format)
    t.equal(sum('weft_tcp_connections_closed_total', 'flags="UF"'), tcp.closed - tcp.opened, format)
    t.equal(sum('weft_tcp_connection_duration_seconds_count'), tcp.closed, format)
    t.equal(sum('weft_tcp_received_bytes_total'), tcp.bytes, format)
    t.equal(sum('weft_tcp_sent_bytes_total'), 2 * tcp.bytes, format)
    const traces = [...exemplars.values()]
    if (format !== 'text')
      t.ok(traces.length > 0 && traces.every((trace) => trace === SPAN.traceId), `${format}: exemplars`)
    if (format === 'otlp') continue
    t.equal(sum('istio_requests_total'), sent.requests, format)
    t.equal(sum('istio_requests_total', 'response_code="503"'), sent.failed, format)
    t.equal(sum('istio_request_duration_milliseconds_count'), sent.requests, format)
    t.equal(sum('istio_tcp_received_bytes_total'), tcp.bytes, format)
    t.equal(sum('istio_tcp_connections_closed_total'), tcp.closed, format)
    t.equal(
      sum('http_request_duration_seconds_count'),
      sum('http_server_request_duration_seconds_count'),
      format,
    )
  }
  t.same(formats.openmetrics.samples, formats.text.samples)
  t.same(formats.protobuf.samples, formats.text.samples)
  // What a process tells of itself is another with each look.
  const differs = [...all.otlp.samples].filter(
    ([key, value]) => !/^(process|nodejs|v8js)_/.test(key) && formats.text.samples.get(key) !== value,
  )
  t.same(differs, [])
  const native = ['http_server_request_duration_seconds', 'http_client_request_duration_seconds']
    .flatMap((name) => histogramsOf(protobuf, name))
    .map((one) =>
      [...nativeCountsOf(one).values()].reduce((sum, count) => sum + count, Number(one.zeroCount ?? 0)),
    )
  t.equal(
    native.reduce((sum, count) => sum + count, 0),
    sent.requests,
    'native buckets, asked for half-way',
  )
})

t.test('nothing that a caller or a policy chooses breaks a format', async (t) => {
  const telemetry = telemetryWithEverything()
  const hostile = 'a"b\\c\nd{}=,# EOF'
  telemetry.metrics.request(
    testRequest('inbound', { route: hostile, sourceIdentity: hostile, peer: hostile, method: hostile }),
  )
  telemetry.metrics.decisions.add({ policy: hostile, decision: 'denied', reference: '', logged: false })
  // Two sets of ours that differ in one label alone are two in every other name.
  for (const [status, flags] of [
    [0, ResponseFlag.UC],
    [503, ResponseFlag.UC],
    [200, ResponseFlag.UC],
  ] as const)
    telemetry.metrics.request(testRequest('inbound', { status, flags }))
  for (const peer of ['catalog,4', 'catalog,', ''])
    for (const scheme of ['http', 'https'])
      for (const direction of ['inbound', 'outbound'] as const)
        telemetry.metrics.request(testRequest(direction, { peer, scheme }))
  telemetry.metrics.request(testRequest('inbound', { grpc: true, grpcStatus: -1, method: 'POST' }))
  telemetry.metrics.request(testRequest('inbound', { grpc: false, grpcStatus: -1, method: 'POST' }))
  telemetry.metrics.request(testRequest('inbound', { grpc: true, grpcStatus: 99, method: 'POST' }))
  for (let i = 0; i < 2100; i++) telemetry.metrics.request(testRequest('outbound', { route: `r${i}` }))
  for (let i = 0; i < 1100; i++) telemetry.metrics.connection(testConnection('inbound', { cluster: `c${i}` }))
  const of = (format: 'text' | 'openmetrics' | 'protobuf') =>
    telemetry.exposition({ format, created: false }).body
  const still = ({ samples: all }: ReadMetrics) =>
    new Map([...all].filter(([key]) => !/^(process|nodejs|v8js|weft_certificate)_/.test(key)))
  const samples = still(readPrometheusText(String(of('text'))))
  t.same(still(readOpenMetrics(String(of('openmetrics')))), samples)
  t.same(still(readPrometheusProtobuf(Buffer.from(of('protobuf')))), samples)
  t.ok([...samples.keys()].some((key) => key.includes('_OTHER')))
  await telemetry.close()
})

t.test('one identity may go by so many names, and no more', async (t) => {
  const telemetry = telemetryWithEverything()
  for (let i = 0; i < 200; i++) telemetry.metrics.request(testRequest('inbound', { peer: `w${i},1` }))
  const peers = [...telemetry.metrics.requests].filter(
    ({ labels }) => labels.direction === 'inbound' && labels.identity === CATALOG_ID,
  )
  t.equal(new Set(peers.map(({ labels }) => labels.peer)).size, 65)
  t.equal(
    peers.reduce((sum, { count }) => sum + count, 0),
    202,
  )
  await telemetry.close()
})
