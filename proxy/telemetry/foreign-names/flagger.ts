import type { Attributes, MetricDescription, MetricFamily } from '../../../core/metrics/family.ts'
import type { Metrics } from '../metrics.ts'
import type { OwnWorkload } from '../request-families.ts'
import { DURATION_BOUNDS, type RequestLabels } from '../request-series.ts'

const DURATION = {
  name: 'http_request_duration_seconds',
  unit: '',
  type: 'histogram',
  help: 'Requests to the pod, by the name that the built-in checks of Flagger read with its providers for Gateway API and Kubernetes.',
} as const

/** Every metric that goes by a name of Flagger (github.com/fluxcd/flagger, pkg/metrics/observers/http.go). */
export const FLAGGER_METRICS: readonly MetricDescription[] = [DURATION]

/** What came to the pod once more, with the labels by which Flagger finds the pods of a canary. */
export function flaggerFamilies(
  { requests }: Pick<Metrics, 'requests'>,
  own: OwnWorkload | undefined,
): readonly MetricFamily[] {
  const sets = [...requests].filter(({ labels }) => labels.direction === 'inbound')
  return [
    {
      ...DURATION,
      bounds: DURATION_BOUNDS,
      points: sets.map((series) => ({
        attributes: labelsOf(series.labels, own),
        since: series.since,
        counts: series.durations,
        sum: series.sumSeconds,
        exemplars: series.exemplars,
        native: series.native,
      })),
    },
  ]
}

/** With the rest of what makes a set one of its own. A request without an answer has failed: Flagger looks for 5xx. */
function labelsOf(labels: RequestLabels, own: OwnWorkload | undefined): Attributes {
  const { cluster, flags, identity, method, mtls, peer, protocol, route, rpc, scheme, status } = labels
  const failed = status === '0' && !flags.split(',').includes('DC')
  return [
    ['kubernetes_namespace', own?.namespace ?? ''],
    ['kubernetes_pod_name', own?.pod ?? ''],
    ['status', failed ? '503' : status],
    ['answer', status === '0' ? 'none' : ''],
    ['method', method],
    ['scheme', scheme],
    ['version', protocol],
    ['route', route],
    ['backend', cluster],
    ['source_identity', identity],
    ['source', peer],
    ['flags', flags],
    ['mtls', mtls ?? '_OTHER'],
    ['rpc_method', rpc?.method ?? ''],
    ['rpc_status', rpc && rpc.status >= 0 ? rpc.status : ''],
  ]
}
