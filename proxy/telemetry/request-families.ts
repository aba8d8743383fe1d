import { grpcStatusName } from '../../core/grpc-status.ts'
import type { Attributes, MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import { parsePeerWorkload, type PeerWorkload } from '../../core/peer-workload.ts'
import type { Metrics } from './metrics.ts'
import { DURATION_BOUNDS, SIZE_BOUNDS, type RequestLabels, type RequestSeries } from './request-series.ts'

/** This end of what is counted. */
export interface OwnWorkload extends PeerWorkload {
  readonly namespace: string
  readonly pod: string
}

type Side = 'server' | 'client'

/** OpenTelemetry's (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/, .../rpc/rpc-metrics/), for both sides. */
function described(side: Side) {
  const whose = side === 'server' ? 'to the pod' : 'of the application'
  return {
    duration: {
      name: `http.${side}.request.duration`,
      unit: 's',
      type: 'histogram',
      help: `Requests ${whose}, until the end of their answers${side === 'server' ? '' : ', all tries together'}; those of gRPC, too.`,
    },
    call: {
      name: `rpc.${side}.call.duration`,
      unit: 's',
      type: 'histogram',
      help: `Calls of gRPC ${whose}: the same once more, by the conventions for RPC.`,
    },
    requestSize: {
      name: `http.${side}.request.body.size`,
      unit: 'By',
      type: 'histogram',
      help: `Bodies of requests ${whose}.`,
    },
    responseSize: {
      name: `http.${side}.response.body.size`,
      unit: 'By',
      type: 'histogram',
      help: `Bodies of the answers to requests ${whose}.`,
    },
    active: {
      name: `http.${side}.active_requests`,
      unit: '{request}',
      type: 'gauge',
      help: `Requests ${whose} that run now. No labels.`,
    },
  } as const satisfies Readonly<Record<string, MetricDescription>>
}

const SERVER = described('server')
const CLIENT = described('client')
const RESENDS = {
  name: 'http.client.request.resends',
  unit: '{request}',
  type: 'counter',
  help: 'Tries beyond the first.',
} as const satisfies MetricDescription

/** Every metric of requests. */
export const REQUEST_METRICS: readonly MetricDescription[] = [
  ...Object.values(SERVER),
  ...Object.values(CLIENT),
  RESENDS,
]

/** Labels of requests, for docs/observability.md: what each says. */
export const REQUEST_LABELS: Readonly<Record<string, string>> = {
  'http.request.method': 'One of ten known methods, or `_OTHER`.',
  'url.scheme': '`http` or `https`, as the application speaks.',
  'network.protocol.version': '`1.0`, `1.1` or `2`, as the application speaks.',
  'http.response.status_code': 'Absent where no answer came.',
  'error.type':
    'Of what failed: the status from 500 on (of the client from 400 on), the name of a gRPC status, else the response flags.',
  'server.address': 'Of the client: the Service.',
  'server.port': 'Of the client: its port.',
  'rpc.system.name': '`grpc`, of gRPC alone.',
  'rpc.method':
    '`shop.Catalog/List`, of gRPC; `_OTHER` until the application has answered one of that name, and beyond 255 of them.',
  'rpc.response.status_code': '`OK`, `UNAVAILABLE`, of gRPC; absent where none came.',
  'weft.route': 'The rule of a route, `HTTPRoute/shop/catalog/0`.',
  'weft.backend': 'Where it went: the cluster of the configuration, `shop/catalog/8080`.',
  'weft.destination_service': 'The Service, `catalog.shop`.',
  'weft.source_workload':
    'Who calls, by its Deployment, StatefulSet and so on, as its own sidecar says; absent where that is none.',
  'weft.source_namespace': 'And its namespace, by its certificate.',
  'weft.source_version': 'Of the server: the version that it says it is (`service.version`).',
  'weft.source_identity': 'Of the server: the SPIFFE ID of who calls; absent in plaintext.',
  'weft.destination_workload': 'Who is called, the same way: as the control plane says.',
  'weft.destination_namespace': 'And its namespace.',
  'weft.destination_version': 'Of the client: its version, where the control plane knows it.',
  'weft.destination_identity': 'Of the client: the SPIFFE ID of who answered; absent in plaintext.',
  'weft.response_flags': 'What went wrong, by the letters below; `-`: nothing.',
  'weft.mtls': 'Whether both ends had certificates of the mesh.',
}

/** What is counted of requests, by OpenTelemetry's names. */
export function requestFamilies(metrics: Metrics, own: OwnWorkload | undefined): readonly MetricFamily[] {
  return [...durationFamilies([...metrics.requests], own), ...otherFamilies(metrics, own)]
}

/** The durations of all requests alone. */
export function durationFamilies(
  all: readonly RequestSeries[],
  own: OwnWorkload | undefined,
): readonly MetricFamily[] {
  return bothSides(all, own).map(({ names, sets }) => durations(names.duration, sets))
}

/** All but those. */
export function otherFamilies(metrics: Metrics, own: OwnWorkload | undefined): readonly MetricFamily[] {
  const { active, requests, since } = metrics
  return bothSides([...requests], own).flatMap(({ names, sets, direction }): readonly MetricFamily[] => [
    durations(
      names.call,
      sets.filter(({ series }) => series.labels.rpc !== undefined),
    ),
    {
      ...names.requestSize,
      bounds: SIZE_BOUNDS,
      points: sets.map(({ attributes, series }) => ({
        attributes,
        since: series.since,
        counts: series.requestSizes,
        sum: series.requestBytes,
      })),
    },
    {
      ...names.responseSize,
      bounds: SIZE_BOUNDS,
      points: sets.map(({ attributes, series }) => ({
        attributes,
        since: series.since,
        counts: series.responseSizes,
        sum: series.responseBytes,
      })),
    },
    ...(direction === 'outbound'
      ? [
          {
            ...RESENDS,
            points: sets.map(({ attributes, series }) => ({
              attributes,
              since: series.since,
              value: series.resends,
            })),
          },
        ]
      : []),
    { ...names.active, points: [{ attributes: [], value: active[direction], since }] },
  ])
}

interface AttributedSeries {
  readonly series: RequestSeries
  readonly attributes: Attributes
}

function bothSides(all: readonly RequestSeries[], own: OwnWorkload | undefined) {
  const of = (direction: RequestLabels['direction']): readonly AttributedSeries[] =>
    all
      .filter(({ labels }) => labels.direction === direction)
      .map((series) => ({ series, attributes: requestAttributes(series.labels, own) }))
  return [
    { names: SERVER, direction: 'inbound', sets: of('inbound') },
    { names: CLIENT, direction: 'outbound', sets: of('outbound') },
  ] as const
}

function durations(
  description: MetricDescription & { readonly type: 'histogram' },
  sets: readonly AttributedSeries[],
): MetricFamily {
  return {
    ...description,
    bounds: DURATION_BOUNDS,
    points: sets.map(({ attributes, series }) => ({
      attributes,
      since: series.since,
      counts: series.durations,
      sum: series.sumSeconds,
      exemplars: series.exemplars,
      native: series.native,
    })),
  }
}

/** In the order of REQUEST_LABELS. */
function requestAttributes(labels: RequestLabels, own: OwnWorkload | undefined): Attributes {
  const { cluster, direction, flags, method, mtls, protocol, route, rpc, scheme, service, status } = labels
  const [server, port] = direction === 'outbound' ? serverOf(labels) : ['', '']
  return [
    ['http.request.method', method],
    ['url.scheme', scheme],
    ['network.protocol.version', protocol],
    ['http.response.status_code', status === '0' ? '' : numeric(status)],
    ['error.type', errorType(labels)],
    ['server.address', server],
    ['server.port', port === '' ? '' : Number(port)],
    ...(rpc
      ? ([
          ['rpc.system.name', 'grpc'],
          ['rpc.method', rpc.method],
          [
            'rpc.response.status_code',
            rpc.status < 0 ? '' : (grpcStatusName(rpc.status) ?? String(rpc.status)),
          ],
        ] as const)
      : []),
    ['weft.route', route],
    ['weft.backend', cluster],
    ['weft.destination_service', service],
    ...endAttributes(labels, own),
    ['weft.response_flags', flags],
    ['weft.mtls', mtls ?? '_OTHER'],
  ]
}

/** Both ends of a request or connection: of ours what it is called, of the other who it is, too. */
export function endAttributes(
  { direction, identity, peer }: Pick<RequestLabels, 'direction' | 'identity' | 'peer'>,
  own: OwnWorkload | undefined,
): Attributes {
  const said = parsePeerWorkload(peer)
  const other = {
    workload: peer === '_OTHER' ? peer : (said?.workload ?? ''),
    namespace: identity === '_OTHER' ? identity : namespaceOf(identity),
  }
  const [source, destination] =
    direction === 'inbound' ? ([other, own ?? NOBODY] as const) : ([own ?? NOBODY, other] as const)
  return [
    ['weft.source_workload', source.workload],
    ['weft.source_namespace', source.namespace],
    ['weft.source_version', direction === 'inbound' ? (said?.version ?? '') : ''],
    ['weft.source_identity', direction === 'inbound' ? identity : ''],
    ['weft.destination_workload', destination.workload],
    ['weft.destination_namespace', destination.namespace],
    ['weft.destination_version', direction === 'outbound' ? (said?.version ?? '') : ''],
    ['weft.destination_identity', direction === 'outbound' ? identity : ''],
  ]
}

const NOBODY = { workload: '', namespace: '' }

/** Of a SPIFFE ID `spiffe://domain/ns/NAMESPACE/sa/NAME`; '' of another. */
export function namespaceOf(identity: string): string {
  return /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(identity)?.[1] ?? ''
}

// gRPC statuses that are the server's fault (https://opentelemetry.io/docs/specs/semconv/rpc/grpc/).
const SERVER_ERRORS = new Set([2, 4, 12, 13, 14, 15])

/** By both conventions; '' where nothing failed. What its caller left is no error. */
function errorType({ direction, flags, rpc, status }: RequestLabels): string {
  if (status === '_OTHER') return status
  if (rpc && rpc.status > 0 && (direction === 'outbound' || SERVER_ERRORS.has(rpc.status)))
    return grpcStatusName(rpc.status) ?? String(rpc.status)
  if (Number(status) >= (direction === 'outbound' ? 400 : 500)) return status
  const letters = flags.split(',')
  if (letters.includes('DC')) return ''
  return Number(status) === 0 || letters.some((flag) => BROKEN.has(flag)) ? flags : ''
}

const BROKEN = new Set(['UF', 'UO', 'UR', 'UC', 'UT', 'UPE', 'OM', 'LR'])

/** The Service and its port, which the name of its cluster ends in. */
function serverOf({ cluster, service }: RequestLabels): readonly [address: string, port: string] {
  if (service === '' || service === '_OTHER') return ['', '']
  return [service, /\/(\d{1,5})$/.exec(cluster)?.[1] ?? '']
}

function numeric(status: string): string | number {
  return status === '_OTHER' ? status : Number(status)
}
