import type {
  Attributes,
  HistogramPoint,
  MetricDescription,
  MetricFamily,
} from '../../../core/metrics/family.ts'
import { parsePeerWorkload } from '../../../core/peer-workload.ts'
import type { Metrics } from '../metrics.ts'
import { namespaceOf, type OwnWorkload } from '../request-families.ts'
import { DURATION_BOUNDS, SIZE_BOUNDS, type RequestLabels } from '../request-series.ts'
import type { TcpLabels } from '../tcp-metrics.ts'

// Istio Standard Metrics (https://istio.io/latest/docs/reference/config/metrics/): its names and labels, so that Kiali and
// boards made for it find what they look for. A set of ours is a set here: labels of ours that Istio has none for stand
// beside its own, for sums of several would go back whenever one of them is forgotten.

const REQUESTS = {
  name: 'istio_requests_total',
  unit: '',
  type: 'counter',
  help: 'Requests, by a name of Istio.',
} as const
const DURATION = {
  name: 'istio_request_duration_milliseconds',
  unit: '',
  type: 'histogram',
  help: 'How long they took, by a name of Istio.',
} as const
const REQUEST_BYTES = {
  name: 'istio_request_bytes',
  unit: '',
  type: 'histogram',
  help: 'Bodies of requests, by a name of Istio.',
} as const
const RESPONSE_BYTES = {
  name: 'istio_response_bytes',
  unit: '',
  type: 'histogram',
  help: 'Bodies of their answers, by a name of Istio.',
} as const
const OPENED = {
  name: 'istio_tcp_connections_opened_total',
  unit: '',
  type: 'counter',
  help: 'Opaque connections that reached their endpoint, by a name of Istio.',
} as const
const CLOSED = {
  name: 'istio_tcp_connections_closed_total',
  unit: '',
  type: 'counter',
  help: 'Those that ended, by a name of Istio.',
} as const
const RECEIVED = {
  name: 'istio_tcp_received_bytes_total',
  unit: '',
  type: 'counter',
  help: 'What came from their callers, by a name of Istio.',
} as const
const SENT = {
  name: 'istio_tcp_sent_bytes_total',
  unit: '',
  type: 'counter',
  help: 'What went back to them, by a name of Istio.',
} as const

/** Every metric that goes by a name of Istio. */
export const ISTIO_METRICS: readonly MetricDescription[] = [
  REQUESTS,
  DURATION,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  OPENED,
  CLOSED,
  RECEIVED,
  SENT,
]

const UNKNOWN = 'unknown'
const MILLISECONDS = DURATION_BOUNDS.map((seconds) => seconds * 1000)

/** Requests and opaque connections once more, by Istio's names. */
export function istioFamilies(
  { requests, tcp }: Pick<Metrics, 'requests' | 'tcp'>,
  own: OwnWorkload | undefined,
): readonly MetricFamily[] {
  const sets = [...requests].map((series) => ({
    series,
    since: series.since,
    attributes: requestLabels(series.labels, own),
  }))
  const connections = [...tcp.series.values()].flatMap((series) => {
    const labels = connectionLabels(series.labels, own)
    const ends = [...series.ends.values()].map(({ flags, count }) => ({
      attributes: [...labels, ['response_flags', flags]] satisfies Attributes,
      value: count,
      since: series.since,
    }))
    return [
      {
        series,
        since: series.since,
        attributes: [...labels, ['response_flags', '-']] satisfies Attributes,
        ends,
      },
    ]
  })
  const sizes = (
    counts: readonly number[],
    sum: number,
    since: number,
    attributes: Attributes,
  ): HistogramPoint => ({
    attributes,
    since,
    counts,
    sum,
  })
  return [
    {
      ...REQUESTS,
      points: sets.map(({ series, since, attributes }) => ({ attributes, since, value: series.count })),
    },
    {
      ...DURATION,
      bounds: MILLISECONDS,
      points: sets.map(({ series, since, attributes }) => ({
        attributes,
        since,
        counts: series.durations,
        sum: series.sumSeconds * 1000,
        exemplars: series.exemplars?.map((one) => one && { ...one, value: one.value * 1000 }),
      })),
    },
    {
      ...REQUEST_BYTES,
      bounds: SIZE_BOUNDS,
      points: sets.map(({ series, since, attributes }) =>
        sizes(series.requestSizes, series.requestBytes, since, attributes),
      ),
    },
    {
      ...RESPONSE_BYTES,
      bounds: SIZE_BOUNDS,
      points: sets.map(({ series, since, attributes }) =>
        sizes(series.responseSizes, series.responseBytes, since, attributes),
      ),
    },
    {
      ...OPENED,
      points: connections.map(({ series, since, attributes }) => ({
        attributes,
        since,
        value: series.opened,
      })),
    },
    { ...CLOSED, points: connections.flatMap(({ ends }) => ends) },
    {
      ...RECEIVED,
      points: connections.map(({ series, since, attributes }) => ({
        attributes,
        since,
        value: series.receivedBytes,
      })),
    },
    {
      ...SENT,
      points: connections.map(({ series, since, attributes }) => ({
        attributes,
        since,
        value: series.sentBytes,
      })),
    },
  ]
}

function requestLabels(labels: RequestLabels, own: OwnWorkload | undefined): Attributes {
  const { cluster, flags, method, protocol, route, rpc, scheme, status } = labels
  return [
    ...endLabels(labels, own),
    ['request_protocol', rpc ? 'grpc' : 'http'],
    ['response_code', status],
    ['grpc_response_status', rpc && rpc.status >= 0 ? String(rpc.status) : ''],
    ['response_flags', flags],
    // What Istio has no label for.
    ['request_method', method],
    ['request_scheme', scheme],
    ['http_version', protocol],
    ['rpc_method', rpc?.method ?? ''],
    ['weft_route', route],
    ['weft_backend', cluster],
    ['weft_mtls', labels.mtls ?? '_OTHER'],
  ]
}

function connectionLabels(labels: TcpLabels, own: OwnWorkload | undefined): Attributes {
  return [...endLabels(labels, own), ['request_protocol', 'tcp'], ['weft_backend', labels.cluster]]
}

interface End {
  readonly workload: string
  readonly namespace: string
  readonly principal: string
  readonly version: string
}

function endLabels(
  labels: Pick<RequestLabels, 'direction' | 'identity' | 'mtls' | 'peer' | 'service'>,
  own: OwnWorkload | undefined,
): Attributes {
  const inbound = labels.direction === 'inbound'
  const self: End = {
    workload: own?.workload ?? '',
    namespace: own?.namespace ?? '',
    principal: '',
    version: own?.version ?? '',
  }
  const peer = parsePeerWorkload(labels.peer)
  const other: End = {
    workload: peer?.workload ?? '',
    namespace: namespaceOf(labels.identity),
    principal: labels.identity,
    version: peer?.version ?? '',
  }
  const [source, destination] = inbound ? [other, self] : [self, other]
  const [name, namespace] = serviceOf(labels.service, inbound ? own : undefined)
  return [
    ['reporter', inbound ? 'destination' : 'source'],
    ...labelsOf('source', source),
    ...labelsOf('destination', destination),
    ['destination_service', name === UNKNOWN ? UNKNOWN : `${name}.${namespace}.svc.cluster.local`],
    ['destination_service_name', name],
    ['destination_service_namespace', namespace],
    // Istio says so of the server's side alone.
    ['connection_security_policy', inbound ? (labels.mtls === true ? 'mutual_tls' : 'none') : UNKNOWN],
  ]
}

function labelsOf(
  end: 'source' | 'destination',
  { workload, namespace, principal, version }: End,
): Attributes {
  return [
    [`${end}_workload`, workload || UNKNOWN],
    [`${end}_workload_namespace`, namespace || UNKNOWN],
    [`${end}_principal`, principal || UNKNOWN],
    [`${end}_app`, workload || UNKNOWN],
    [`${end}_version`, version || UNKNOWN],
    [`${end}_canonical_service`, workload || UNKNOWN],
    [`${end}_canonical_revision`, version || 'latest'],
    [`${end}_cluster`, 'Kubernetes'],
  ]
}

/** `catalog.shop`; a server's side, which knows no Service, goes by its own name, as Istio does. */
function serviceOf(
  service: string,
  own: OwnWorkload | undefined,
): readonly [name: string, namespace: string] {
  const [name = '', namespace = ''] = service.split('.')
  if (name !== '' && namespace !== '') return [name, namespace]
  return own ? [own.workload, own.namespace] : [UNKNOWN, UNKNOWN]
}
