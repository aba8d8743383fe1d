import t from 'tap'
import { prometheusText } from '../../core/metrics/prometheus-text.ts'
import { clusterFamilies } from './cluster-metrics.ts'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { clustersWithEverything } from './testing/clusters.ts'

t.test('what a cluster counts stands under its name', async (t) => {
  t.equal(
    withoutHelp(prometheusText(clusterFamilies(clustersWithEverything()))),
    `# TYPE weft_cluster_endpoints gauge
weft_cluster_endpoints{weft_backend="app",weft_standing="use"} 2
weft_cluster_endpoints{weft_backend="app",weft_standing="last-resort"} 1
weft_cluster_endpoints{weft_backend="app",weft_standing="avoid"} 0
# TYPE weft_cluster_ejected_endpoints gauge
weft_cluster_ejected_endpoints{weft_backend="app"} 1
# TYPE weft_cluster_ejections_total counter
weft_cluster_ejections_total{weft_backend="app",weft_reason="consecutive-errors"} 1
# TYPE weft_cluster_active_requests gauge
weft_cluster_active_requests{weft_backend="app"} 0
# TYPE weft_cluster_pending_requests gauge
weft_cluster_pending_requests{weft_backend="app"} 0
# TYPE weft_cluster_active_retries gauge
weft_cluster_active_retries{weft_backend="app"} 0
# TYPE weft_cluster_retry_budget gauge
weft_cluster_retry_budget{weft_backend="app"} 10000
# TYPE weft_cluster_connections gauge
weft_cluster_connections{weft_backend="app"} 0
# TYPE weft_cluster_connection_attempts_total counter
weft_cluster_connection_attempts_total{weft_backend="app",weft_outcome="connected"} 0
weft_cluster_connection_attempts_total{weft_backend="app",weft_outcome="failed"} 0
# TYPE weft_cluster_limit_reached gauge
weft_cluster_limit_reached{weft_backend="app",weft_limit="connections"} 0
weft_cluster_limit_reached{weft_backend="app",weft_limit="pending_requests"} 0
weft_cluster_limit_reached{weft_backend="app",weft_limit="requests"} 0
weft_cluster_limit_reached{weft_backend="app",weft_limit="retries"} 0
# TYPE weft_cluster_overflows_total counter
weft_cluster_overflows_total{weft_backend="app",weft_limit="requests"} 1
`,
  )
  t.equal(prometheusText(clusterFamilies({ clusters: new Map() })), '')
})

t.test('a cluster without endpoints says that it has none', async (t) => {
  const { clusters, configuration } = new FakeUpstream()
  configuration.setCluster('empty', [])
  clusters.get('empty')
  t.match(
    prometheusText(clusterFamilies(clusters)),
    /weft_cluster_endpoints\{weft_backend="empty",weft_standing="use"\} 0\n/,
  )
})

function withoutHelp(text: string): string {
  return text.replace(/^# HELP .*\n/gm, '')
}
