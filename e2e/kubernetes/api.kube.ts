import t from 'tap'
import { startCluster } from './cluster/cluster.ts'
import { holdCluster } from './testing/hold-cluster.ts'
import { leftovers, machineState, tracesOf, untilNothingLeft } from './testing/leftovers.ts'

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: web-v1, port: 80, weight: 9 }, { name: web-v2, port: 80, weight: 1 }] }]
`

t.test('the API server takes Gateway API, goes and comes back, and leaves nothing; twice', async (t) => {
  for (const time of ['first', 'second']) {
    const before = machineState()
    const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
    t.teardown(() => cluster.stop())
    const traces = tracesOf(cluster.logs)
    t.not(leftovers(traces).length, 0, 'what is looked for is seen while it runs')
    t.equal(await cluster.kubectl(['get', '--raw', '/readyz']), 'ok')

    await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
    t.match(await cluster.kubectl(['create', '--filename', '-'], { stdin: ROUTE }), 'httproute')
    await t.rejects(
      cluster.kubectl(['create', '--filename', '-'], { stdin: ROUTE.replace('weight: 9', 'weight: -9') }),
      /weight/,
      'its schema is enforced',
    )
    await cluster.restartApiServer()
    t.match(await cluster.kubectl(['get', 'httproute', '--output', 'name']), 'split', 'etcd kept it')
    t.match(
      (await cluster.exec(['ip', '-o', 'address'])).stdout,
      '10.77.0.1',
      'commands run in its namespaces',
    )
    await t.rejects(cluster.loadImages({}), { code: 'kubernetes.mode' })

    t.equal(cluster.failure, undefined)
    await cluster.stop()
    t.same(leftovers(traces), [], `nothing is left, the ${time} time`)
    t.same(machineState(), before, 'the machine is as it was')
  }
})

t.test('a launcher that is killed takes its cluster along', async (t) => {
  const { child, traces } = await holdCluster('api')
  t.teardown(() => child.kill('SIGKILL'))
  t.not(leftovers(traces).length, 0)
  child.kill('SIGKILL')
  await untilNothingLeft(traces)
})
