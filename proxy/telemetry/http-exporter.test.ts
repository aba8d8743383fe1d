import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { ExportTraceServiceRequest } from '../../core/xds/generated/otlp.js'
import { exporterFor } from './collector.ts'
import { ExportRefused, type Exporter } from './exporter.ts'
import { SpanQueue } from './span-queue.ts'

async function collector(t: { teardown(task: () => unknown): void }, status: number) {
  const received: { path: string; type: string; body: Buffer }[] = []
  const server = createServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      received.push({
        path: message.url ?? '',
        type: message.headers['content-type'] ?? '',
        body: Buffer.concat(chunks),
      })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const exporter = exporterFor(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}/otlp/`,
    'collector',
  )
  t.teardown(() => exporter.close())
  return { received, exporter }
}

const SPAN = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'GET' }
const REQUEST = { resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] }

t.test('spans go to /v1/traces below the address, as protobuf', async (t) => {
  const { received, exporter } = await collector(t, 200)
  await exporter.traces(REQUEST)
  t.match(received, [{ path: '/otlp/v1/traces', type: 'application/x-protobuf' }])
  const sent = ExportTraceServiceRequest.decode(received[0]?.body ?? Buffer.alloc(0))
  t.equal(sent.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.[0]?.name, 'GET')
})

t.test('a refusal is told from a collector that is busy', async (t) => {
  await t.rejects((await collector(t, 400)).exporter.traces(REQUEST), ExportRefused)
  const busy = await collector(t, 503)
  const error: unknown = await busy.exporter.traces(REQUEST).catch((reason: unknown) => reason)
  t.notOk(error instanceof ExportRefused)
  t.match(error, { message: 'the collector answered 503' })
})

t.test('a batch that is refused does not hold up those behind it', async (t) => {
  const sent: number[] = []
  const exporter: Exporter = {
    traces: async (request) => {
      sent.push(request.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.length ?? 0)
      if (sent.length === 1) throw new ExportRefused('no')
    },
    metrics: async () => {},
    close() {},
  }
  const queue = new SpanQueue(exporter, { attributes: [] })
  for (let i = 0; i < 600; i++) queue.add(SPAN)
  await queue.flush()
  t.same(sent, [512, 88])
  t.equal(queue.dropped, 512)
  t.equal(queue.exported, 88)
})

t.test('an address that is none is refused by name', async (t) => {
  for (const address of [
    'collector:4317',
    'ftp://collector',
    'http://',
    'http://user@collector',
    'http://c/?a=b',
  ])
    t.throws(
      () => exporterFor(address, '--collector'),
      { code: 'telemetry.collector', field: '--collector' },
      address,
    )
  exporterFor('grpc://collector', '--collector').close()
})
