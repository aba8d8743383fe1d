import { readFileSync } from 'node:fs'
import t from 'tap'
import { newRecord } from '../exchange/record.ts'
import { clusterMetricsText } from './cluster-metrics.ts'
import { COUNTERS, LIMIT_METRICS, type CounterName, type LimitMetricName } from '../model/counters.ts'
import { LimitMetrics } from './limit-metrics.ts'
import { Metrics } from './metrics.ts'
import { METRIC_NAMES, OBSERVABILITY_PAGE, withTelemetry } from './observability-page.ts'
import { prometheusText } from './prometheus.ts'
import { clustersWithEverything } from './testing/clusters.ts'

const HOP = {
  original: undefined,
  destination: { host: '10.0.0.9', port: 80 },
  downstream: '10.244.0.5:1',
  sourceIdentity: '',
  localIdentity: '',
  http2: false,
  link: false,
}
const HEAD = { method: 'GET', scheme: 'http', authority: 'web', path: '/', fields: [], upgrade: '' }

t.test('the page lists what is counted, and nothing else', async (t) => {
  const page = readFileSync(OBSERVABILITY_PAGE, 'utf8')
  t.equal(page, withTelemetry(page), 'node proxy/telemetry/observability-page.ts writes it')
  const metrics = new Metrics()
  for (const direction of ['inbound', 'outbound'] as const)
    metrics.request(newRecord({ ...HOP, direction }, HEAD, 'v1'))
  metrics.decisions.add({ policy: 'none', decision: 'denied', reference: '', logged: false })
  for (const name of Object.keys(COUNTERS)) metrics.count(name as CounterName)
  const limits = new LimitMetrics()
  const held = Object.keys(LIMIT_METRICS).map((name) => limits.get(name as LimitMetricName, 'shop'))
  t.ok(held.length > 0)
  const text =
    prometheusText(metrics, limits.samples(), new Map()) + clusterMetricsText(clustersWithEverything())
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)
  t.strictSame(
    names.toSorted((a, b) => a.localeCompare(b)),
    METRIC_NAMES.toSorted((a, b) => a.localeCompare(b)),
  )
})
