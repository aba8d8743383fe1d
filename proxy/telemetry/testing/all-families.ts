import type { MetricFamily } from '../../../core/metrics/family.ts'
import { processFamilies } from '../../../core/metrics/process-families.ts'
import { newRecord } from '../../exchange/record.ts'
import type { RequestRecord } from '../../exchange/telemetry-sink.ts'
import { COUNTERS, LIMIT_METRICS, type CounterName, type LimitMetricName } from '../../model/counters.ts'
import { newConnectionRecord } from '../../tcp/tcp-route.ts'
import { newRoot, secretsOf } from '../../testing/mesh-identity.ts'
import { clusterFamilies } from '../cluster-metrics.ts'
import { ejectionFamilies } from '../ejection-families.ts'
import { connectionFamilies, sidecarFamilies } from '../sidecar-families.ts'
import { Telemetry } from '../telemetry.ts'
import { clustersWithEverything } from './clusters.ts'

export const OWN = new Map([
  ['service.name', 'web'],
  ['service.version', '1.2'],
  ['k8s.namespace.name', 'shop'],
  ['k8s.pod.name', 'web-1'],
  ['k8s.deployment.name', 'web'],
])
export const CATALOG_ID = 'spiffe://cluster.local/ns/shop/sa/catalog'
export const WEB_ID = 'spiffe://cluster.local/ns/shop/sa/web'

/** A request of one pod of `shop` to another over mutual TLS, answered with 200, as one of them tells it. */
export function testRequest(
  direction: RequestRecord['direction'],
  more: Partial<RequestRecord> = {},
): RequestRecord {
  const hop = {
    direction,
    original: undefined,
    destination: { host: '10.0.0.9', port: 8080 },
    downstream: '10.244.0.5:1',
    sourceIdentity: direction === 'inbound' ? CATALOG_ID : '',
    localIdentity: WEB_ID,
    http2: false,
    link: false,
    peer: 'catalog,3',
  }
  const head = { method: 'GET', scheme: 'http', authority: 'web', path: '/', fields: [], upgrade: '' }
  const outbound = {
    destinationIdentity: CATALOG_ID,
    peer: 'catalog,3',
    service: 'catalog.shop',
    cluster: 'shop/catalog/8080',
    route: 'HTTPRoute/shop/catalog/0',
  }
  return {
    ...newRecord(hop, head, 'v1'),
    ...(direction === 'outbound' ? outbound : { cluster: 'inbound', route: 'inbound' }),
    status: 200,
    answered: true,
    attempts: 1,
    durationMs: 3,
    ...more,
  }
}

/** An opaque one. */
export function testConnection(direction: RequestRecord['direction'], more: object = {}) {
  const hop = { direction, downstream: '10.244.0.5:40000', sourceIdentity: CATALOG_ID }
  return {
    ...newConnectionRecord({ ...hop, destination: { host: '10.0.0.9', port: 5432 } }, 'shop/db/5432'),
    upstream: '10.0.0.9:5432',
    opened: true,
    ...more,
  }
}

/** Telemetry that has something to say in every metric. */
export function telemetryWithEverything(): Telemetry {
  const telemetry = new Telemetry({
    resource: OWN,
    exporter: { traces: async () => {}, metrics: async () => {}, close() {} },
    accessLog: 'off',
    metricNames: new Set(['weft', 'istio', 'flagger']),
    pushMs: 3_600_000,
  })
  for (const direction of ['inbound', 'outbound'] as const) {
    telemetry.metrics.request(testRequest(direction))
    telemetry.metrics.request(
      testRequest(direction, { grpc: true, grpcStatus: 14, path: '/shop.Catalog/List' }),
    )
    const connection = testConnection(direction)
    telemetry.connectionOpened(connection)
    telemetry.metrics.connection(connection)
  }
  telemetry.metrics.decisions.add({ policy: 'none', decision: 'denied', reference: '', logged: false })
  for (const name of Object.keys(COUNTERS)) telemetry.count(name as CounterName)
  const clusters = clustersWithEverything()
  // Held, for as long as somebody asks.
  const limits = Object.keys(LIMIT_METRICS).map((name) =>
    telemetry.limitMetric(name as LimitMetricName, 'shop'),
  )
  const state = {
    secrets: secretsOf(newRoot(), 'web'),
    version: 'v7',
    changedAt: 1000,
    refused: 2,
    connected: true,
  }
  telemetry.addMetrics(() => [
    ...(limits.length > 0 ? clusterFamilies(clusters) : []),
    ...connectionFamilies({ inbound: 3, outbound: 4 }, 0),
    ...sidecarFamilies(state, { now: 5000, since: 0 }),
    ...processFamilies(),
  ])
  telemetry.addPromptMetrics(() => ejectionFamilies(clusters, 0))
  return telemetry
}

/** All that a sidecar can tell, each family with a point. */
export async function withAllFamilies(): Promise<readonly MetricFamily[]> {
  const telemetry = telemetryWithEverything()
  const families = telemetry.families().filter(({ points }) => points.length > 0)
  await telemetry.close()
  return families
}
