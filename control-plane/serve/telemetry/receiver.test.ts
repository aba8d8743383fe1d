import { Client, credentials, type Metadata, ServerCredentials, status } from '@grpc/grpc-js'
import t, { type Test } from 'tap'
import { ExportTraceServiceRequest } from '../../../core/xds/generated/otlp.js'
import { silentLogger } from '../../../core/log.ts'
import { ExportRefused } from '../../../proxy/telemetry/exporter.ts'
import { createGrpcExporter } from '../../../proxy/telemetry/grpc-exporter.ts'
import { serveGrpc } from '../grpc-server.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import type { Forwarder } from './forwarder.ts'
import { MetricStore } from './metric-store.ts'
import type { KnownPod } from './reporter.ts'
import { telemetryServices } from './receiver.ts'
import { TraceStore } from './trace-store.ts'

async function setUp(
  t: Test,
  pods: (key: string) => KnownPod | undefined = () => undefined,
  forwarder?: Forwarder,
) {
  const traces = new TraceStore()
  const metrics = new MetricStore()
  const authenticate = async (metadata: Metadata) => {
    if (metadata.get('authorization')[0] !== 'Bearer good')
      throw new GrpcError(status.UNAUTHENTICATED, 'no token')
    return { namespace: 'shop', serviceAccount: 'web', pod: { name: 'web-1', uid: 'u' } }
  }
  const { port, close } = await serveGrpc(
    '--grpc',
    { host: '127.0.0.1', port: 0 },
    {
      credentials: ServerCredentials.createInsecure(),
      services: telemetryServices({ traces, metrics, pods, forwarder, log: silentLogger }),
      authenticate,
      log: silentLogger,
    },
  )
  t.teardown(() => close())
  const exporter = (token: string) => {
    const made = createGrpcExporter({
      client: new Client(`127.0.0.1:${port}`, credentials.createInsecure()),
      token: () => token,
    })
    t.teardown(() => made.close())
    return made
  }
  return { traces, metrics, exporter }
}

t.test(
  "what a sidecar's exporter sends arrives, under the name of the pod that the token is of",
  async (t) => {
    const known = { uid: 'u', service: 'storefront', services: ['web.shop'] }
    const { traces, metrics, exporter } = await setUp(t, (key) => (key === 'shop/web-1' ? known : undefined))
    const resource = {
      attributes: ['service.name', 'service.namespace', 'k8s.namespace.name', 'k8s.pod.name'].map((key) => ({
        key,
        value: { stringValue: 'of-another' },
      })),
    }
    const good = exporter('good')
    const now = BigInt(Date.now()) * 1_000_000n
    const taken = good.traces(
      ExportTraceServiceRequest.encode({
        resourceSpans: [
          {
            resource,
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: Buffer.alloc(16, 1),
                    spanId: Buffer.alloc(8, 2),
                    name: 'GET',
                    kind: 'SPAN_KIND_CLIENT',
                    startTimeUnixNano: now,
                    endTimeUnixNano: now,
                  },
                  { traceId: Buffer.alloc(3) },
                ],
              },
            ],
          },
        ],
      }),
    )
    t.match(await taken.catch((error: unknown) => error), { rejected: 1 }, 'one of them is no span')
    t.match(traces.get('01'.repeat(16))?.spans, [
      { service: 'storefront', namespace: 'shop', pod: 'web-1', kind: 'client' },
    ])
    await good.metrics({
      resourceMetrics: [
        {
          resource,
          scopeMetrics: [
            {
              metrics: [
                {
                  name: 'http.server.request.duration',
                  histogram: {
                    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE',
                    dataPoints: [
                      {
                        startTimeUnixNano: now,
                        timeUnixNano: now,
                        bucketCounts: [3n, 0n],
                        explicitBounds: [1],
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    })
    t.strictSame(
      [...metrics.servers.entries()].map(([key]) => key),
      ['storefront.shop', 'web.shop'],
      'and of the Service before it',
    )
  },
)

t.test('a caller without a good token leaves nothing behind', async (t) => {
  const { traces, exporter } = await setUp(t)
  const bad = exporter('stolen')
  await t.rejects(bad.traces(new Uint8Array(0)), { code: status.UNAUTHENTICATED, details: 'no token' })
  await t.rejects(bad.metrics({ resourceMetrics: [] }), { code: status.UNAUTHENTICATED })
  t.equal(traces.size, 0)
})

t.test('log records go on to a collector, or their sender is told that there is none', async (t) => {
  const record = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityText: 'INFO' }] }] }] }
  const alone = await setUp(t)
  const missing: unknown = await alone
    .exporter('good')
    .logs?.(record)
    .catch((error: unknown) => error)
  t.ok(missing instanceof ExportRefused)
  const passed: string[] = []
  const forwarder = {
    traces() {},
    metrics() {},
    logs: (report: Uint8Array, { pod }: { readonly pod: string }) =>
      void passed.push(`${pod} ${report.length > 0}`),
    close() {},
  }
  const on = await setUp(t, undefined, forwarder)
  await on.exporter('good').logs?.(record)
  t.same(passed, ['web-1 true'])
})
