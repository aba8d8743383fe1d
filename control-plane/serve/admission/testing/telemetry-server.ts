import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { Client, credentials, Metadata, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js'
import type { Test } from 'tap'
import { silentLogger } from '../../../../core/log.ts'
import {
  ExportMetricsServiceRequest,
  MetricsService,
  type ExportMetricsServiceResponse,
} from '../../../../core/xds/generated/otlp.js'
import { serveGrpc } from '../../grpc-server.ts'
import { MetricStore } from '../../telemetry/metric-store.ts'
import { telemetryServices } from '../../telemetry/receiver.ts'
import { TraceStore } from '../../telemetry/trace-store.ts'
import { GrpcError } from '../../tokens/grpc-error.ts'

const { path, responseDeserialize } = MetricsService.export

/** A server as it is on port 15012 but for TLS; `Bearer NAME` is the pod of that name. */
export async function setUp(t: Test, weigh: (message: unknown) => number = () => 0) {
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
    weigh,
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

/** Reports as this pod. */
export function push(
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

/** An ExportMetricsServiceRequest of so many points. */
export function report(points = 1): Uint8Array {
  const point = { bucketCounts: [1n, 0n], explicitBounds: [1], startTimeUnixNano: 1n, timeUnixNano: 2n }
  const histogram = {
    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' as const,
    dataPoints: Array.from({ length: points }, () => point),
  }
  const metric = [{ name: 'http.server.request.duration', histogram }]
  return ExportMetricsServiceRequest.encode({ resourceMetrics: [{ scopeMetrics: [{ metrics: metric }] }] })
}

/** A call of the metrics service by hand; `more` are fields of its head. */
export function open(session: ClientHttp2Session, more: Record<string, string> = {}): ClientHttp2Stream {
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
