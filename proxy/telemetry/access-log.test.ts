import t from 'tap'
import { parseLogFilter } from '../../core/log-filter.ts'
import { readTelemetrySettings } from '../../core/telemetry-settings.ts'
import type { ExportLogsServiceRequest } from '../../core/xds/generated/otlp.js'
import { ResponseFlag } from '../model/response-flag.ts'
import { headOf } from '../steps/testing/requests.ts'
import { newConnectionRecord } from '../tcp/tcp-route.ts'
import { SAMPLE_HOP, sampleRecord } from './testing/sample-spans.ts'
import { Telemetry } from './telemetry.ts'
import { newTraceId } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const HEAD = headOf('/', ['traceparent', `00-${TRACE}-b7ad6b7169203331-00`, 'x-request-id', 'id-1'])

function setUp(texts: Record<string, string> = {}) {
  const lines: Record<string, unknown>[] = []
  const logs: ExportLogsServiceRequest[] = []
  let random = 0
  const telemetry = new Telemetry({
    resource: new Map([['service.name', 'web']]),
    exporter: {
      traces: async () => {},
      metrics: async () => {},
      logs: async (request) => void logs.push(request),
      close() {},
    },
    accessLog: 'failed',
    write: (text) => {
      for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line))
    },
    random: () => random,
    pushMs: 3_600_000,
  })
  telemetry.configure(readTelemetrySettings(texts))
  /** What is written of a request. */
  const log = (change: Parameters<typeof sampleRecord>[0], roll = 0): void => {
    random = roll
    telemetry.requestFinished(sampleRecord(change), HEAD)
  }
  const written = async (): Promise<unknown[]> => {
    await telemetry.close()
    return lines.map(({ path }) => path)
  }
  return { telemetry, lines, logs, log, written }
}

t.test(
  'the mode of a route goes before that of the sidecar, and what a policy wants logged before both',
  async (t) => {
    for (const [mode, change, logged] of [
      ['failed', {}, false],
      ['failed', { status: 503 }, true],
      ['failed', { flags: ResponseFlag.DC }, true],
      ['all', {}, true],
      ['off', { status: 503 }, false],
      ['off', { accessLog: { 'access-log': 'all' } }, true],
      ['all', { accessLog: { 'access-log': 'failed' } }, false],
      ['all', { accessLog: { 'access-log': 'off' }, status: 503 }, false],
      ['all', { accessLog: { 'access-log-sampling': 0 } }, false],
      ['all', { accessLog: { 'access-log-sampling': 0 }, status: 503 }, true],
      ['all', { accessLog: { 'access-log-filter': parseLogFilter('status>=400') } }, false],
      ['failed', { accessLog: { 'access-log-filter': parseLogFilter('status=504') }, status: 503 }, false],
      ['off', { logged: true }, true],
    ] as const) {
      const { log, written } = setUp({ 'access-log': mode })
      log(change)
      t.equal((await written()).length, logged ? 1 : 0, `${mode} ${JSON.stringify(change)}`)
    }
  },
)

t.test('a filter leaves requests out, failed ones, too; sampling only such as did not fail', async (t) => {
  const filtered = setUp({
    'access-log': 'all',
    'access-log-filter': 'status>=500 and flags!=UF or duration>1s',
  })
  filtered.log({ path: '/ok' })
  filtered.log({ path: '/slow', durationMs: 1001 })
  filtered.log({ path: '/bad', status: 503 })
  filtered.log({ path: '/unreached', status: 503, flags: ResponseFlag.URX | ResponseFlag.UF })
  filtered.log({ path: '/asked', logged: true })
  t.same(await filtered.written(), ['/slow', '/bad', '/asked'])
  const sampled = setUp({ 'access-log': 'all', 'access-log-sampling': '0.25' })
  // Of no trace, so that it is drawn.
  sampled.log({ path: '/in', trace: 'none' }, 0.24)
  sampled.log({ path: '/out', trace: 'none' }, 0.25)
  sampled.log({ path: '/bad', status: 500 }, 0.9)
  t.same(await sampled.written(), ['/in', '/bad'])
})

t.test("a route's filter and share stand in place of the sidecar's", async (t) => {
  const { log, written } = setUp({
    'access-log': 'all',
    'access-log-filter': 'method=POST',
    'access-log-sampling': '0',
  })
  const accessLog = { 'access-log-filter': parseLogFilter('duration>1s'), 'access-log-sampling': 1 }
  log({ path: '/slow', durationMs: 1001, accessLog })
  log({ path: '/quick', accessLog })
  log({ path: '/post', method: 'POST' })
  log({ path: '/kept', durationMs: 1001, accessLog: { ...accessLog, 'access-log-sampling': 0 } })
  t.same(await written(), ['/slow'])
})

t.test('hops that keep the same share keep the same requests', async (t) => {
  const traces = Array.from({ length: 400 }, () => newTraceId())
  const kept = async (): Promise<unknown[]> => {
    const { log, written } = setUp({ 'access-log': 'all', 'access-log-sampling': '0.25' })
    for (const traceId of traces)
      log({ path: `/${traceId}`, span: { ...SAMPLE_HOP, traceId } }, Math.random())
    return written()
  }
  const first = await kept()
  t.same(await kept(), first)
  // 100 of 400 with a deviation of 8.7: six of them either way.
  t.ok(first.length > 48 && first.length < 152, `${first.length} of 400`)
})

t.test('a line joins with its span and with the lines of other hops', async (t) => {
  const { log, lines, telemetry } = setUp({ 'access-log': 'all' })
  log({})
  log({ span: SAMPLE_HOP })
  log({ span: SAMPLE_HOP, attempts: 2 })
  log({ trace: 'none' })
  await telemetry.close()
  t.same(
    lines.map(({ trace_id, span_id, request_id }) => [trace_id, span_id, request_id]),
    [
      [TRACE, undefined, 'id-1'],
      [TRACE, SAMPLE_HOP.spanId, 'id-1'],
      [TRACE, SAMPLE_HOP.manySpanId, 'id-1'],
      [undefined, undefined, 'id-1'],
    ],
  )
})

t.test('lines go to the collector as log records where that is asked for', async (t) => {
  const none = setUp({ 'access-log': 'all' })
  none.log({})
  t.equal((await none.written()).length, 1)
  t.same(none.logs, [])
  const { telemetry, log, logs, lines } = setUp({ 'access-log': 'all', 'access-log-otlp': 'on' })
  log({ span: SAMPLE_HOP })
  log({ status: 503, flags: ResponseFlag.UH, grpcStatus: 14 })
  const opaque = { downstream: '10.0.0.1:1', sourceIdentity: '', destination: { host: '10.0.0.2', port: 1 } }
  telemetry.connectionFinished(newConnectionRecord({ ...opaque, direction: 'inbound' }, 'inbound'))
  await telemetry.close()
  const records = logs.flatMap(({ resourceLogs = [] }) =>
    resourceLogs.flatMap(({ scopeLogs = [] }) => scopeLogs.flatMap(({ logRecords = [] }) => logRecords)),
  )
  t.equal(records.length, lines.length)
  t.match(logs[0]?.resourceLogs?.[0]?.resource?.attributes, [
    { key: 'service.name', value: { stringValue: 'web' } },
  ])
  const [first, second, third] = records
  t.equal(Buffer.from(first?.traceId ?? []).toString('hex'), TRACE)
  t.equal(Buffer.from(first?.spanId ?? []).toString('hex'), SAMPLE_HOP.spanId)
  t.match(first, {
    severityText: 'INFO',
    eventName: 'weft.access',
    body: { stringValue: 'GET /items/7 200' },
  })
  t.match(second, { severityText: 'WARN' })
  t.equal(third?.traceId, undefined)
  const told = new Map(second?.attributes?.map(({ key, value }) => [key, value]))
  t.match(told.get('http.response.status_code'), { intValue: 503n })
  t.match(told.get('weft.response_flags'), { stringValue: 'UH' })
  t.match(told.get('weft.log.grpc_status'), { intValue: 14n })
  t.notOk(JSON.stringify(lines).includes('secret'), 'nor does a query stand there')
  t.match(
    String(telemetry.exposition({ format: 'text', created: false }).body),
    /weft_log_records_exported_total 3\n/,
  )
})

t.test(
  'what a pod and its namespace say changes all of it while it runs, and a flag goes before',
  async (t) => {
    const begins = (telemetry: Telemetry, percent: number): boolean => {
      const start = { trace: 'none' as const, span: undefined }
      telemetry.beginTrace(start, headOf('/'), percent)
      return start.span !== undefined
    }
    const { telemetry } = setUp()
    t.teardown(() => telemetry.close())
    t.equal(begins(telemetry, 0), false)
    telemetry.configure(readTelemetrySettings({ 'trace-sampling': '1' }))
    t.equal(begins(telemetry, 0), true)
    telemetry.configure({})
    t.equal(begins(telemetry, 0), false)
    const own = new Telemetry({
      resource: new Map(),
      exporter: { traces: async () => {}, metrics: async () => {}, close() {} },
      accessLog: 'off',
      samplingPercent: 0,
    })
    t.teardown(() => own.close())
    own.configure(readTelemetrySettings({ 'trace-sampling': '1', 'access-log-otlp': 'on' }))
    t.equal(begins(own, 100), false)
  },
)
