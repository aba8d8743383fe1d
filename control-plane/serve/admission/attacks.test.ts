import { once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { Client, credentials, Metadata, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { silentLogger } from '../../../core/log.ts'
import {
  ExportMetricsServiceRequest,
  MetricsService,
  type ExportMetricsServiceResponse,
} from '../../../core/xds/generated/otlp.js'
import { serveGrpc } from '../grpc-server.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import { telemetryServices } from '../telemetry/receiver.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import { GrpcError } from '../tokens/grpc-error.ts'

const { path, responseDeserialize } = MetricsService.export

/** A server as it is on port 15012 but for TLS; `Bearer NAME` is the pod of that name. */
async function setUp(t: Test) {
  const metrics = new MetricStore()
  let decoded = 0
  const services = telemetryServices({
    traces: new TraceStore(),
    metrics,
    pods: () => undefined,
    log: silentLogger,
  })
  const counted = services.map((service) => ({
    ...service,
    implementation: Object.fromEntries(
      Object.entries(service.implementation).map(([name, handle]) => [
        name,
        (...args: unknown[]) => {
          decoded++
          return (handle as (...given: unknown[]) => unknown)(...args)
        },
      ]),
    ) as typeof service.implementation,
  }))
  const server = await serveGrpc(
    '--grpc',
    { host: '127.0.0.1', port: 0 },
    {
      credentials: ServerCredentials.createInsecure(),
      services: counted,
      authenticate: async (metadata) => {
        const [, name] = /^Bearer (\w+)$/.exec(String(metadata.get('authorization')[0])) ?? []
        if (name === undefined || name === 'bad') throw new GrpcError(status.UNAUTHENTICATED, 'no')
        return { namespace: 'shop', serviceAccount: name, pod: { name: `${name}-1`, uid: name } }
      },
      log: silentLogger,
    },
  )
  t.teardown(() => server.close())
  const client = () => {
    const made = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    t.teardown(() => made.close())
    return made
  }
  const session = (): ClientHttp2Session => {
    const made = connectHttp2(`http://127.0.0.1:${server.port}`)
    made.on('error', () => {})
    t.teardown(() => made.destroy())
    return made
  }
  const socket = (): Socket => {
    const made = connectTcp(server.port, '127.0.0.1')
    made.on('error', () => {})
    t.teardown(() => made.destroy())
    return made
  }
  return { port: server.port, metrics, client, session, socket, calls: () => decoded }
}

function push(
  client: Client,
  name: string,
  bytes: Uint8Array = report(),
): Promise<ExportMetricsServiceResponse> {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${name}`)
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      path,
      (value: Uint8Array) => Buffer.from(value),
      responseDeserialize,
      bytes,
      metadata,
      (error: ServiceError | null, response) =>
        response ? resolve(response) : reject(error as ServiceError),
    ),
  )
}

function report(points = 1): Uint8Array {
  const point = { bucketCounts: [1n, 0n], explicitBounds: [1], startTimeUnixNano: 1n, timeUnixNano: 2n }
  const histogram = {
    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' as const,
    dataPoints: Array.from({ length: points }, () => point),
  }
  const metric = [{ name: 'http.server.request.duration', histogram }]
  return ExportMetricsServiceRequest.encode({ resourceMetrics: [{ scopeMetrics: [{ metrics: metric }] }] })
}

function open(session: ClientHttp2Session, more: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  })
  stream.on('error', () => {})
  stream.resume()
  return stream
}

t.test('what a stranger sends is not read, and its connection ends', async (t) => {
  const { session, calls, client } = await setUp(t)
  const stranger = session()
  const streams = Array.from({ length: 16 }, () => open(stranger))
  for (const stream of streams) stream.write(Buffer.alloc(256 * 1024))
  // With an error or without: `once` would take that for a failure.
  await new Promise((resolve) => stranger.once('close', resolve))
  t.equal(calls(), 0)
  t.ok(await push(client(), 'web'))
})

t.test('refused calls have their status before that, and their messages are never decoded', async (t) => {
  const { client, calls } = await setUp(t)
  const huge = Buffer.alloc(2 * 1024 * 1024 - 16)
  await t.rejects(push(client(), 'bad', huge), { code: status.UNAUTHENTICATED })
  t.equal(calls(), 0)
})

t.test('connections that say nothing give way, and honest callers come through', async (t) => {
  const { socket, client } = await setUp(t)
  const idle = Array.from({ length: 300 }, () => socket())
  let closed = 0
  const given = new Promise<void>((resolve) => {
    for (const one of idle) one.resume().once('close', () => ++closed === 300 - 128 && resolve())
  })
  await Promise.all(idle.map((one) => once(one, 'connect')))
  for (let i = 0; i < 5; i++) t.ok(await push(client(), `web${i}`))
  await given
  t.ok(await push(client(), 'late'))
  t.ok(closed < idle.length, 'only those beyond what an address may have')
})

t.test('a caller that holds calls open, never ending its requests, is bounded', async (t) => {
  const { session, client } = await setUp(t)
  const held = Array.from({ length: 3 }, () => session())
  const streams = held.flatMap((one) =>
    Array.from({ length: 20 }, () => open(one, { authorization: 'Bearer greedy' })),
  )
  const heads = await Promise.all(
    streams
      .slice(32)
      .map(async (stream) => ((await once(stream, 'response')) as [Record<string, string>])[0]),
  )
  t.ok(
    heads.every((head) => head['grpc-status'] === String(status.RESOURCE_EXHAUSTED)),
    'those beyond 32',
  )
  await t.rejects(push(client(), 'greedy'), { code: status.RESOURCE_EXHAUSTED })
  t.ok(await push(client(), 'web'), 'others are not concerned')
})

t.test('a report of too many parts is refused, and what it holds is not built', async (t) => {
  const { client, metrics } = await setUp(t)
  t.strictSame(await push(client(), 'web', report(4000)), {})
  t.equal(metrics.series, 1)
  await t.rejects(push(client(), 'greedy', report(30_000)), {
    code: status.RESOURCE_EXHAUSTED,
    details: /more than 20000 parts/,
  })
  // A resource with a million attributes of two bytes each.
  const attributes = Buffer.alloc(1024 * 1024)
  for (let i = 0; i < attributes.length; i += 2) attributes[i] = 0x0a
  const wrap = (bytes: Buffer): Buffer => {
    const head = [0x0a]
    for (let rest = bytes.length; ; rest >>>= 7) {
      head.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
      if (rest < 0x80) break
    }
    return Buffer.concat([Buffer.from(head), bytes])
  }
  t.strictSame(await push(client(), 'greedy', wrap(wrap(attributes))), {}, 'nothing of it is looked at')
  await t.rejects(push(client(), 'web', Buffer.from('0aff', 'hex')), { code: status.INVALID_ARGUMENT })
})
