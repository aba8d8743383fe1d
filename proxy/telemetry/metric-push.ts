import type {
  ExportMetricsServiceRequest,
  HistogramDataPoint,
  KeyValue,
  Resource,
} from '../../core/xds/generated/otlp.js'
import { DURATION_BUCKETS, type RequestSeries } from './metrics.ts'
import { integer, text } from './resource.ts'

/** Points of one request: some 700 KB, which a collector takes that takes little at once (the control plane: 2 MiB). */
const MOST_POINTS = 1000

/** The request durations as cumulative OTLP histograms, one metric a direction, in as many requests as it takes. */
export function* metricsRequests(
  all: readonly RequestSeries[],
  resource: Resource,
  now: number,
): Generator<ExportMetricsServiceRequest> {
  for (let from = 0; from < all.length; from += MOST_POINTS)
    yield metricsRequest(all.slice(from, from + MOST_POINTS), resource, now)
}

function metricsRequest(
  requests: readonly RequestSeries[],
  resource: Resource,
  now: number,
): ExportMetricsServiceRequest {
  const points = (direction: 'inbound' | 'outbound'): HistogramDataPoint[] =>
    requests.filter((series) => series.labels.direction === direction).map((series) => pointOf(series, now))
  const metric = (name: string, direction: 'inbound' | 'outbound') => ({
    name,
    unit: 's',
    histogram: {
      aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' as const,
      dataPoints: points(direction),
    },
  })
  return {
    resourceMetrics: [
      {
        resource,
        scopeMetrics: [
          {
            scope: { name: 'weft.proxy' },
            metrics: [
              metric('http.server.request.duration', 'inbound'),
              metric('http.client.request.duration', 'outbound'),
            ],
          },
        ],
      },
    ],
  }
}

function pointOf(series: RequestSeries, now: number): HistogramDataPoint {
  return {
    startTimeUnixNano: BigInt(series.since) * 1_000_000n,
    timeUnixNano: BigInt(now) * 1_000_000n,
    count: BigInt(series.count),
    sum: series.sumSeconds,
    bucketCounts: series.buckets.map((count) => BigInt(count)),
    explicitBounds: [...DURATION_BUCKETS],
    attributes: attributesOf(series),
  }
}

function attributesOf(series: RequestSeries): KeyValue[] {
  const { method, status, route, cluster, service, source, flags, mtls, grpcStatus } = series.labels
  return [
    text('http.request.method', method),
    integer('http.response.status_code', Number(status) || 0),
    text('http.route', route),
    text('weft.cluster', cluster),
    text('weft.destination_service', service),
    text('weft.source_identity', source),
    text('weft.response_flags', flags),
    ...(mtls === undefined ? [] : [{ key: 'weft.mtls', value: { boolValue: mtls } }]),
    ...(grpcStatus < 0 ? [] : [integer('rpc.grpc.status_code', grpcStatus)]),
  ]
}
