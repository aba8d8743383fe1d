import t from 'tap'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { endpointLoads } from './endpoint-loads.ts'

t.test('of clusters in use, what runs at each endpoint', async (t) => {
  const { clock, clusters, configuration } = new FakeUpstream()
  configuration.setCluster('app', [1, 2])
  configuration.setCluster('unused', [3])
  const [first, second] = [...clusters.get('app').states.values()]
  first?.connectionOpened()
  first?.connectionOpened()
  const loads = () => endpointLoads({ clusters: ['app', 'unused', 'app'] }, clusters, clock.now())
  t.strictSame(loads(), [
    { cluster: 'app', address: first?.address, active: 2, latencyMs: null },
    { cluster: 'app', address: second?.address, active: 0, latencyMs: null },
  ])
  t.notOk(clusters.clusters.has('unused'), 'asking uses nothing')
  first?.connectionOver()
  t.match(loads(), [{ active: 1 }, { active: 0 }])
})

t.test('what is no question is refused by its field', async (t) => {
  const { clusters } = new FakeUpstream()
  for (const question of [
    null,
    {},
    { clusters: 'app' },
    { clusters: [1] },
    { clusters: Array(65).fill('a') },
  ])
    t.throws(() => endpointLoads(question, clusters, 0), { code: 'questions.question', field: 'clusters' })
})
