import { IN_A_ROW } from '../../testing/outlier-settings.ts'
import type { ClusterManager } from '../../upstream/cluster-manager.ts'
import { FakeUpstream } from '../../upstream/testing/fake-upstream.ts'

/** One cluster, `app`, that has something to say in every metric of clusters; and `gone`, which does not exist. */
export function clustersWithEverything(): ClusterManager {
  const { clusters, configuration } = new FakeUpstream()
  configuration.setCluster('app', [1, 2, 3], { outliers: IN_A_ROW })
  const [first] = clusters.get('app').states.values()
  for (let i = 0; i < 5; i++) first?.ended('answered', 500, -1, 0)
  clusters.get('app').breakers.tryRequest(101)
  clusters.get('gone')
  configuration.cluster('gone').set(null)
  return clusters
}
