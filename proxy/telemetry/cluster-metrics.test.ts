import t from 'tap'
import { clusterMetricsText } from './cluster-metrics.ts'
import { clustersWithEverything } from './testing/clusters.ts'

t.test('what a cluster counts stands under its name', async (t) => {
  t.equal(
    clusterMetricsText(clustersWithEverything()),
    `# TYPE weft_cluster_endpoints gauge
weft_cluster_endpoints{weft_cluster="app",weft_standing="last-resort"} 1
weft_cluster_endpoints{weft_cluster="app",weft_standing="use"} 2
# TYPE weft_cluster_ejected_endpoints gauge
weft_cluster_ejected_endpoints{weft_cluster="app"} 1
# TYPE weft_cluster_ejections_total counter
weft_cluster_ejections_total{weft_cluster="app",weft_reason="consecutive-errors"} 1
# TYPE weft_cluster_active_requests gauge
weft_cluster_active_requests{weft_cluster="app"} 0
# TYPE weft_cluster_pending_requests gauge
weft_cluster_pending_requests{weft_cluster="app"} 0
# TYPE weft_cluster_active_retries gauge
weft_cluster_active_retries{weft_cluster="app"} 0
# TYPE weft_cluster_connections gauge
weft_cluster_connections{weft_cluster="app"} 0
# TYPE weft_cluster_limit_reached gauge
weft_cluster_limit_reached{weft_cluster="app",weft_limit="connections"} 0
weft_cluster_limit_reached{weft_cluster="app",weft_limit="pending_requests"} 0
weft_cluster_limit_reached{weft_cluster="app",weft_limit="requests"} 0
weft_cluster_limit_reached{weft_cluster="app",weft_limit="retries"} 0
# TYPE weft_cluster_overflows_total counter
weft_cluster_overflows_total{weft_cluster="app",weft_limit="requests"} 1
`,
  )
  t.equal(clusterMetricsText({ clusters: new Map() }), '')
})
