import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { gunzipSync } from 'node:zlib'
import {
  ExportLogsServiceResponse,
  ExportTraceServiceRequest,
  ExportTraceServiceResponse,
} from '../../core/xds/generated/otlp.js'
import { exporterFor } from './collector.ts'
import { ExportDelayed, ExportRefused } from './exporter.ts'
import { ExportQueue } from './export-queue.ts'

interface Answer {
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array
}

async function collector(
  t: { teardown(task: () => unknown): void },
  status: number,
  { headers = {}, body }: Answer = {},
) {
  const received: { path: string; type: string; encoding: string; body: Buffer }[] = []
  const server = createServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      received.push({
        path: message.url ?? '',
        type: message.headers['content-type'] ?? '',
        encoding: message.headers['content-encoding'] ?? '',
        body: Buffer.concat(chunks),
      })
      response.writeHead(status, headers).end(body)
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
const REQUEST = ExportTraceServiceRequest.encode({ resourceSpans: [{ scopeSpans: [{ spans: [SPAN] }] }] })

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
  // Only 429, 502, 503 and 504 are worth another try.
  await t.rejects((await collector(t, 500)).exporter.traces(REQUEST), ExportRefused)
  for (const [status, said, delayMs] of [
    [429, '7', 7000],
    [503, '3', 3000],
    [502, '1', 1000],
  ] as const) {
    const { exporter } = await collector(t, status, { headers: { 'retry-after': said } })
    const asked: unknown = await exporter.traces(REQUEST).catch((reason: unknown) => reason)
    t.ok(asked instanceof ExportDelayed)
    t.match(asked, { delayMs })
  }
})

t.test('what was taken in part says how much of it was not', async (t) => {
  const partial = (rejectedSpans: bigint) => ({
    body: ExportTraceServiceResponse.encode({ partialSuccess: { rejectedSpans, errorMessage: 'too many' } }),
  })
  const refusalOf = (sent: Promise<void> | undefined): Promise<unknown> =>
    Promise.resolve(sent).catch((error: unknown) => error)
  t.match(await refusalOf((await collector(t, 200, partial(3n))).exporter.traces(REQUEST)), { rejected: 3 })
  await (await collector(t, 200, partial(0n))).exporter.traces(REQUEST)
  await (await collector(t, 200, { body: Buffer.from('no protobuf') })).exporter.traces(REQUEST)
  const over = { body: ExportLogsServiceResponse.encode({ partialSuccess: { rejectedLogRecords: 2n } }) }
  const logs = await collector(t, 200, over)
  t.match(await refusalOf(logs.exporter.logs?.({ resourceLogs: [] })), { rejected: 2 })
  t.equal(logs.received[0]?.path, '/otlp/v1/logs')
})

t.test('a large request is compressed, a small one is not', async (t) => {
  const { received, exporter } = await collector(t, 200)
  await exporter.traces(REQUEST)
  const spans = Array.from({ length: 100 }, () => SPAN)
  await exporter.traces(ExportTraceServiceRequest.encode({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))
  t.same(
    received.map(({ encoding }) => encoding),
    ['', 'gzip'],
  )
  const sent = ExportTraceServiceRequest.decode(gunzipSync(received[1]?.body ?? Buffer.alloc(0)))
  t.equal(sent.resourceSpans?.[0]?.scopeSpans?.[0]?.spans?.length, 100)
})

t.test('a batch that is refused does not hold up those behind it', async (t) => {
  for (const [rejected, dropped] of [
    [undefined, 512],
    [7, 7],
    [10_000, 512],
  ] as const) {
    const sent: number[] = []
    const queue = new ExportQueue<number>(async (batch) => {
      sent.push(batch.length)
      if (sent.length === 1) throw new ExportRefused('no', rejected)
    })
    for (let i = 0; i < 600; i++) queue.add(i)
    await queue.flush()
    t.same(sent, [512, 88])
    t.same([queue.dropped, queue.exported], [dropped, 600 - dropped])
  }
})

t.test('a batch on its way is waited for, and what came meanwhile goes with it', async (t) => {
  const sent: number[] = []
  let arrived = (): void => {}
  const queue = new ExportQueue<number>(async (batch) => {
    sent.push(batch.length)
    if (sent.length === 1) await new Promise<void>((resolve) => (arrived = resolve))
  })
  queue.add(1)
  const first = queue.flush()
  queue.add(2)
  const second = queue.flush()
  arrived()
  await Promise.all([first, second])
  t.same(sent, [1, 1])
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
