import type { Attributes, MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import { endAttributes, type OwnWorkload } from './request-families.ts'
import { CONNECTION_BOUNDS, type TcpMetrics, type TcpSeries } from './tcp-metrics.ts'

const OPENED = {
  name: 'weft.tcp.connections.opened',
  unit: '{connection}',
  type: 'counter',
  help: 'Opaque connections that reached their endpoint.',
} as const
const CLOSED = {
  name: 'weft.tcp.connections.closed',
  unit: '{connection}',
  type: 'counter',
  help: 'Opaque connections that ended, by response flags; those that reached nobody among them.',
} as const
const DURATION = {
  name: 'weft.tcp.connection.duration',
  unit: 's',
  type: 'histogram',
  help: 'How long they lasted.',
} as const
const RECEIVED = {
  name: 'weft.tcp.received',
  unit: 'By',
  type: 'counter',
  help: 'What came from their callers, counted when they end.',
} as const
const SENT = {
  name: 'weft.tcp.sent',
  unit: 'By',
  type: 'counter',
  help: 'What went back to them, counted when they end.',
} as const

/** Every metric of opaque connections. */
export const TCP_METRICS: readonly MetricDescription[] = [OPENED, CLOSED, DURATION, RECEIVED, SENT]

/** Labels of opaque connections beside those of requests that say who the two ends are. */
export const TCP_LABELS: Readonly<Record<string, string>> = {
  'weft.direction': '`inbound`: to the pod; `outbound`: of the application.',
}

/** What is counted of opaque connections. */
export function tcpFamilies(
  { series }: Pick<TcpMetrics, 'series'>,
  own: OwnWorkload | undefined,
): readonly MetricFamily[] {
  const sets = [...series.values()].map((one) => ({
    one,
    attributes: tcpAttributes(one, own),
    since: one.since,
  }))
  const counter = (
    description: typeof OPENED | typeof RECEIVED | typeof SENT,
    value: (one: TcpSeries) => number,
  ) => ({
    ...description,
    points: sets.map(({ one, attributes, since }) => ({ attributes, since, value: value(one) })),
  })
  return [
    counter(OPENED, ({ opened }) => opened),
    {
      ...CLOSED,
      points: sets.flatMap(({ one, attributes, since }) =>
        [...one.ends.values()].map(({ flags, count }) => ({
          attributes: [...attributes, ['weft.response_flags', flags]] satisfies Attributes,
          since,
          value: count,
        })),
      ),
    },
    {
      ...DURATION,
      bounds: CONNECTION_BOUNDS,
      points: sets.map(({ one, attributes, since }) => ({
        attributes,
        since,
        counts: one.durations,
        sum: one.sumSeconds,
      })),
    },
    counter(RECEIVED, ({ receivedBytes }) => receivedBytes),
    counter(SENT, ({ sentBytes }) => sentBytes),
  ]
}

function tcpAttributes({ labels }: TcpSeries, own: OwnWorkload | undefined): Attributes {
  return [
    ['weft.direction', labels.direction],
    ['weft.backend', labels.cluster],
    ['weft.destination_service', labels.service],
    ...endAttributes(labels, own),
    ['weft.mtls', labels.mtls ?? '_OTHER'],
  ]
}
