import t from 'tap'
import { FakeUpstream } from './testing/fake-upstream.ts'
import { RecordingWaiter } from './testing/recording-waiter.ts'

t.test('a cluster is made once, and forgotten after ten minutes without use', async (t) => {
  const { clusters, configuration, clock } = new FakeUpstream()
  configuration.setCluster('app', [1])
  const cluster = clusters.get('app')
  t.equal(clusters.get('app'), cluster)
  for (let i = 0; i < 599; i++) clusters.sweep()
  cluster.pick(undefined, undefined)
  for (let i = 0; i < 599; i++) clusters.sweep()
  t.equal(clusters.get('app'), cluster)
  cluster.active++
  for (let i = 0; i < 2000; i++) clusters.sweep()
  t.equal(clusters.get('app'), cluster, 'a request runs')
  cluster.active--
  for (let i = 0; i < 600; i++) clusters.sweep()
  t.equal(clusters.clusters.size, 0)
  t.equal(configuration.cluster('app').watchers, 0)
  t.equal(configuration.endpoints('app').watchers, 0)
  t.not(clusters.get('app'), cluster)
  t.equal(clock.pending, 0)
})

t.test('one that does not exist is forgotten at once, unless a request runs', async (t) => {
  const { clusters, configuration } = new FakeUpstream()
  configuration.cluster('app').set(null)
  const cluster = clusters.get('app')
  cluster.active++
  clusters.sweep()
  t.equal(clusters.clusters.size, 1)
  cluster.active--
  clusters.sweep()
  t.equal(clusters.clusters.size, 0)
})

t.test('renewal reaches all clusters, and the end leaves neither connections nor timers', async (t) => {
  const upstream = new FakeUpstream()
  const { clusters, configuration, clock } = upstream
  configuration.setCluster('a', [1])
  configuration.setCluster('b', [], { discovery: { kind: 'original-dst' } })
  configuration.setCluster('c', [], { discovery: { kind: 'eds', serviceName: 'unknown' } })
  let ready = 0
  for (const name of ['a', 'b', 'c']) clusters.get(name)
  clusters.get('c').whenReady(5000, () => ready++)
  const state = clusters.get('a').pick(undefined, undefined)
  const request = state && RecordingWaiter.at(state.pool(false))
  clock.advance(0)
  clusters.renew()
  t.equal(upstream.server(1).connections[0]?.closed, false, 'plaintext has no certificate')
  clusters.destroy()
  t.equal(request?.response.reset, 'connection')
  t.equal(ready, 1)
  t.equal(clusters.clusters.size, 0)
  t.equal(clock.pending, 0)
})
