import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { createLogger, silentLogger } from '../../../core/log.ts'
import {
  LogsService,
  type ExportLogsServiceRequest,
  MetricsService,
  TraceService,
  type ExportMetricsServiceRequest,
  type ExportTraceServiceRequest,
  type Resource,
} from '../../../core/xds/generated/otlp.js'
import { collectorAddress, createForwarder } from './forwarder.ts'

const WEB = { service: 'storefront', namespace: 'shop', pod: 'web-1', behind: [] }
const said = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const RESOURCE: Resource = {
  attributes: [said('service.name', 'bank'), said('k8s.pod.name', 'bank-1'), said('service.version', '2')],
}
const TRUE_NAMES = [
  said('service.name', 'storefront'),
  said('service.namespace', 'shop'),
  said('k8s.namespace.name', 'shop'),
  said('k8s.pod.name', 'web-1'),
  said('service.version', '2'),
]
const traces = () =>
  TraceService.export.requestSerialize({
    resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ spans: [{ name: 'GET /' }] }] }],
  })
const metrics = () => MetricsService.export.requestSerialize({ resourceMetrics: [{ resource: RESOURCE }] })

type Call<Request> = ServerUnaryCall<Request, object>

async function collector(t: Test, answers = true) {
  const got: (ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest)[] = []
  let heard = (): void => {}
  const take = <Request extends (typeof got)[number]>(
    call: Call<Request>,
    done: sendUnaryData<object>,
  ): void => {
    got.push(call.request)
    if (answers) done(null, {})
    heard()
  }
  const server = new Server()
  server.addService({ ...TraceService }, { export: take })
  server.addService({ ...MetricsService }, { export: take })
  server.addService({ ...LogsService }, { export: take })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  )
  t.teardown(() => server.forceShutdown())
  const until = async (count: number): Promise<void> => {
    while (got.length < count) await new Promise<void>((resolve) => (heard = resolve))
  }
  return { got, until, address: { target: `127.0.0.1:${port}`, tls: false } }
}

t.test('log records go on under the names of their reporter', async (t) => {
  const { got, until, address } = await collector(t)
  const forwarder = createForwarder(address, silentLogger)
  t.teardown(() => forwarder.close())
  const logRecords = [{ severityText: 'INFO' }]
  forwarder.logs(
    LogsService.export.requestSerialize({
      resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ logRecords }] }],
    }),
    WEB,
  )
  await until(1)
  t.match(got, [{ resourceLogs: [{ resource: { attributes: TRUE_NAMES }, scopeLogs: [{ logRecords }] }] }])
})

t.test('what is seen for policies stays with the mesh', async (t) => {
  const { got, until, address } = await collector(t)
  const forwarder = createForwarder(address, silentLogger)
  t.teardown(() => forwarder.close())
  const named = (...names: string[]) =>
    MetricsService.export.requestSerialize({
      resourceMetrics: [{ scopeMetrics: [{ metrics: names.map((name) => ({ name, unit: '1' })) }] }],
    })
  forwarder.metrics(named('weft.observed.calls'), WEB)
  forwarder.metrics(named('weft.observed.calls', 'http.server.request.duration'), WEB)
  await until(1)
  t.match(got, [
    { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'http.server.request.duration' }] }] }] },
  ])
  t.equal(got.length, 1)
  const [first] = got as readonly ExportMetricsServiceRequest[]
  t.equal(first?.resourceMetrics?.[0]?.scopeMetrics?.[0]?.metrics?.length, 1)
})

t.test('reports go on with the names of their reporter, whatever they say', async (t) => {
  const { got, until, address } = await collector(t)
  const forwarder = createForwarder(address, silentLogger)
  t.teardown(() => forwarder.close())
  forwarder.traces(traces(), WEB)
  await until(1)
  forwarder.metrics(metrics(), WEB)
  await until(2)
  t.match(got, [
    {
      resourceSpans: [{ resource: { attributes: TRUE_NAMES }, scopeSpans: [{ spans: [{ name: 'GET /' }] }] }],
    },
    { resourceMetrics: [{ resource: { attributes: TRUE_NAMES } }] },
  ])
  forwarder.traces(Buffer.from([0xff, 0xff]), WEB)
  forwarder.traces(traces(), WEB)
  await until(3)
  t.equal(got.length, 3, 'what cannot be read does not go on')
})

t.test('a collector that takes nothing in holds up nothing, and is told once', async (t) => {
  const { got, until, address } = await collector(t, false)
  const lines: string[] = []
  const forwarder = createForwarder(
    address,
    createLogger('test', 'info', (line) => lines.push(line)),
  )
  t.teardown(() => forwarder.close())
  for (let i = 0; i < 100; i++) forwarder.traces(traces(), WEB)
  await until(64)
  t.equal(got.length, 64)
  t.equal(lines.filter((line) => line.includes('the collector does not take reports')).length, 1)
})

t.test('how a collector is named', async (t) => {
  t.strictSame(collectorAddress('--collector', 'http://collector.tracing:4317'), {
    target: 'collector.tracing:4317',
    tls: false,
  })
  t.strictSame(collectorAddress('--collector', 'https://[::1]'), { target: '[::1]:4317', tls: true })
  t.strictSame(collectorAddress('--collector', 'https://c.example:443'), {
    target: 'c.example:443',
    tls: true,
  })
  for (const text of ['', 'collector:4317', 'ftp://c', 'http://c/v1/traces', 'http://user@c', 'http://c?x=1'])
    t.throws(() => collectorAddress('--collector', text), {
      code: 'cli.flags',
      field: '--collector',
      message: `"${text}" must be http://HOST:PORT or https://HOST:PORT`,
    })
})
