import t from 'tap'
import { exposition } from '../../../core/metrics/exposition.ts'
import { readPrometheusText } from '../../../core/metrics/testing/read-text.ts'
import { overviewOf } from '../rest/overview.ts'
import { CONTROL_PLANE_METRICS, ControlPlaneMetrics } from './control-plane-metrics.ts'

t.test('what a control plane counts, and where it is', async (t) => {
  const counted = new ControlPlaneMetrics()
  t.teardown(() => counted.close())
  for (const ms of [5, 40, 40, 60_000]) counted.pushed(ms)
  counted.rejected('route')
  counted.rejected('route')
  counted.signed('OK', 2)
  counted.signed('PERMISSION_DENIED', 1)
  counted.refused('UNAUTHENTICATED')
  const stream = { namespace: 'shop', serviceAccount: 'web', connectedAt: 0 }
  const mesh = overviewOf(
    () => undefined,
    'cluster.local',
    () => [
      { ...stream, node: 'a.shop', pod: 'a', version: 0, rejected: '' },
      { ...stream, node: 'b.shop', pod: 'b', version: -1, rejected: '' },
      { ...stream, node: 'c.shop', pod: 'c', version: 0, rejected: 'listener: no' },
    ],
    () => [],
  )
  const families = counted.families({
    mesh,
    waiting: () => 4,
    stores: () => [{ name: 'traces', bytes: 1000, entries: 3, dropped: 2 }],
  })
  t.strictSame(
    families.map(({ name, type, unit }) => ({ name, type, unit })),
    CONTROL_PLANE_METRICS.map(({ name, type, unit }) => ({ name, type, unit })),
  )
  const { samples } = readPrometheusText(
    String(exposition(families, { format: 'text', created: false }).body),
  )
  t.match(Object.fromEntries(samples), {
    'weft_control_plane_push_duration_seconds_bucket{le="0.01"}': 1,
    'weft_control_plane_push_duration_seconds_bucket{le="0.05"}': 3,
    'weft_control_plane_push_duration_seconds_count{}': 4,
    'weft_control_plane_push_waiting{}': 4,
    'weft_control_plane_streams{weft_state="current"}': 1,
    'weft_control_plane_streams{weft_state="behind"}': 1,
    'weft_control_plane_streams{weft_state="rejecting"}': 1,
    'weft_control_plane_rejections_total{weft_resource="route"}': 2,
    'weft_control_plane_signing_duration_seconds_count{weft_outcome="OK"}': 1,
    'weft_control_plane_signing_duration_seconds_count{weft_outcome="PERMISSION_DENIED"}': 1,
    'weft_control_plane_calls_refused_total{rpc_response_status_code="UNAUTHENTICATED"}': 1,
    'weft_control_plane_telemetry_size_bytes{weft_store="traces"}': 1000,
    'weft_control_plane_telemetry_dropped_total{weft_store="traces"}': 2,
  })
})
