import { dirname, join } from 'node:path'
import t from 'tap'
import { runCommand } from '../../local/node/run-command.ts'
import { startCluster } from './cluster/cluster.ts'
import { holdCluster } from './testing/hold-cluster.ts'
import { leftovers, machineState, tracesOf, untilNothingLeft } from './testing/leftovers.ts'

const MAIN = join(import.meta.dirname, 'cluster/main.ts')

const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: web-v1, port: 80, weight: 9 }, { name: web-v2, port: 80, weight: 1 }] }]
`

t.test('the API server takes Gateway API, goes and comes back, and leaves nothing', async (t) => {
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
  t.match((await cluster.exec(['ip', '-o', 'address'])).stdout, '10.77.0.1', 'commands run in its namespaces')
  await t.rejects(cluster.loadImages({}), { code: 'kubernetes.mode' })

  t.equal(cluster.failure, undefined)
  await cluster.stop()
  t.same(leftovers(traces), [], 'nothing is left')
  t.same(machineState(), before, 'the machine is as it was')
})

t.test('it is started, looked at and ended by a command', async (t) => {
  const before = machineState()
  const name = `test-${process.pid}`
  const command = (verb: string, ...args: string[]) =>
    runCommand([process.execPath, MAIN, verb, '--name', name, ...args])
  t.match(await command('down'), { code: 1, stderr: new RegExp(`no cluster \`${name}\` runs`) })
  t.match(await command('up', '--nodes'), { code: 2, stderr: /Unknown option '--nodes'/ })

  const up = await command('up', '--api')
  t.teardown(() => command('down'))
  t.match(up, { code: 0, stderr: /API server ready after/ })
  const [, kubeconfig = ''] = /^export KUBECONFIG=(\S+)\n$/.exec(up.stdout) ?? []
  const traces = tracesOf(join(dirname(dirname(kubeconfig)), 'log'))
  t.match(await command('up', '--api'), { code: 1, stderr: /runs already/ })
  t.match((await command('list')).stdout, `${name}  api  KUBECONFIG=${kubeconfig}`)
  t.match(await command('kubectl', 'get', '--raw', '/readyz'), { code: 0, stdout: 'ok' })
  t.equal((await command('kubectl', 'get', 'pod', 'none')).code, 1, "kubectl's own exit code")
  t.match(await command('exec', 'hostname'), { code: 0, stdout: 'node1' })

  t.match(await command('down'), { code: 0, stderr: '' })
  t.same(leftovers(traces), [], 'nothing is left')
  t.same(machineState(), before, 'the machine is as it was')
  t.notMatch((await command('list')).stdout, name)
})

t.test('a launcher that is killed takes its cluster along', async (t) => {
  const { child, traces } = await holdCluster('api')
  t.teardown(() => child.kill('SIGKILL'))
  t.not(leftovers(traces).length, 0)
  child.kill('SIGKILL')
  await untilNothingLeft(traces)
})
