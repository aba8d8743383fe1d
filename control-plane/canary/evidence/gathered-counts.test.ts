import { fastify } from 'fastify'
import t from 'tap'
import { MemorySource } from '../../registry/memory-source.ts'
import { overviewOf } from '../../serve/rest/overview.ts'
import { rest } from '../../serve/rest/rest.ts'
import { MetricStore, pairKey } from '../../serve/telemetry/metric-store.ts'
import { BUCKETS } from '../../serve/telemetry/durations.ts'
import { DecisionStore } from '../../serve/telemetry/decision-store.ts'
import { TraceStore } from '../../serve/telemetry/trace-store.ts'
import { ownCounts } from './counts.ts'
import { gatheredCounts, otherReplicas } from './gathered-counts.ts'

const SERIES = `callers ${pairKey('HTTPRoute/shop/catalog/0', 'shop/v2/80')}`

function storeWith(requests: number, failed: number): MetricStore {
  const metrics = new MetricStore()
  const traffic = metrics.backends.at(SERIES.slice('callers '.length), 'shop', 0)
  const counts = (count: number) => new Float64Array(BUCKETS).fill(count, 3, 4)
  traffic.add(counts(requests - failed), { outcome: 'answered', transport: 'unknown' }, 0, 0)
  traffic.add(counts(failed), { outcome: 'failed', transport: 'unknown' }, 0, 0)
  return metrics
}

t.test(
  'the leader counts what other replicas were told, and does without those that are silent',
  async (t) => {
    const app = fastify({ forceCloseConnections: true })
    await app.register(rest, {
      traces: new TraceStore(),
      decisions: new DecisionStore(),
      metrics: storeWith(50, 5),
      release: '0',
      mesh: overviewOf(
        () => undefined,
        'cluster.local',
        () => [],
        () => [],
      ),
    })
    const url = await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    const counts = gatheredCounts(ownCounts(storeWith(10, 1)), () => [
      { pod: 'weft-system/b', address: url },
      { pod: 'weft-system/gone', address: 'http://127.0.0.1:1' },
    ])
    t.match(await counts.totals([SERIES, 'servers none.shop']), [
      { replica: '', series: SERIES, judged: 10, failed: 1 },
      { replica: 'weft-system/b', series: SERIES, judged: 50, failed: 5 },
    ])
    const refused = await fetch(`${url}/api/canary-counts?series=${'x'.repeat(2000)}`)
    t.equal(refused.status, 400)
  },
)

t.test('other replicas are those behind the Service of the control plane', (t) => {
  const { snapshot } = MemorySource.of(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: a, namespace: weft-system, labels: { kubernetes.io/service-name: weft-control-plane } }
addressType: IPv4
ports: [{ name: grpc, port: 15012 }, { name: http, port: 15080 }]
endpoints:
  - { addresses: [10.0.0.1], conditions: { ready: true }, targetRef: { kind: Pod, name: me, namespace: weft-system } }
  - { addresses: [10.0.0.2], conditions: { ready: true }, targetRef: { kind: Pod, name: other, namespace: weft-system } }
  - { addresses: [10.0.0.3], conditions: { ready: false }, targetRef: { kind: Pod, name: late, namespace: weft-system } }
`)
  t.strictSame(otherReplicas(snapshot.value, 'weft-system', 'me', 'Bearer own'), [
    { pod: 'weft-system/other', address: 'http://10.0.0.2:15080', authorization: 'Bearer own' },
  ])
  t.end()
})
