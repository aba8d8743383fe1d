import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLogger } from '../../../core/log.ts'
import type { KubernetesConnection } from '../../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../../control-plane/kubernetes/open-connection.ts'
import { KubernetesSource } from '../../../control-plane/registry/kubernetes/kubernetes-source.ts'
import type { WatchTimes } from '../../../control-plane/registry/kubernetes/reflector.ts'
import { startCluster } from '../cluster/cluster.ts'
import { Churn, randomOf } from './churn.ts'
import { Relay } from './relay.ts'
import { untilSameAsFresh, watchAnchors } from './same-mesh.ts'

const CRDS = join(import.meta.dirname, '../../../deploy/chart/crds')
const SNAPSHOT = '/var/lib/backup.db'
const seed = Number(process.env['WEFT_SEED'] ?? Date.now() % 1_000_000)

/** Shorter than in the product, so that silence is noticed within seconds; what is not noticed is not mended by a list. */
const TIMES = { watchMs: 3000, graceMs: 1000, answerMs: 2000, relistMs: 3_600_000, absentMs: 500 }

t.comment(`WEFT_SEED=${seed} runs this again`)
const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
t.teardown(() => cluster.stop())
const direct = await openConnection({ kubeconfig: cluster.kubeconfig })
t.teardown(() => direct.close())
const churn = new Churn(direct, randomOf(seed))
const etcdctl = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await cluster.exec([
    'etcdctl',
    '--endpoints=http://127.0.0.1:2379',
    ...args,
  ])
  if (code !== 0) throw new Error(`etcdctl ${args.join(' ')}: ${stderr}`)
  return stdout
}
const revision = async (): Promise<number> => {
  const [one] = JSON.parse(await etcdctl('endpoint', 'status', '--write-out=json')) as [
    { Status: { header: { revision: number } } },
  ]
  return one.Status.header.revision
}
const compact = async (): Promise<unknown> => etcdctl('compact', String(await revision()))

/** A source that has read everything, behind a relay of its own, and what was told of it. */
async function following(
  t: Test,
  around = (connection: KubernetesConnection) => connection,
  times: Partial<WatchTimes> = {},
) {
  const text = readFileSync(cluster.kubeconfig, 'utf8')
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
  const relay = new Relay(port)
  const kubeconfig = join(t.testdir({}), 'kubeconfig')
  writeFileSync(kubeconfig, text.replace(`:${port}`, `:${await relay.listen()}`))
  const connection = await openConnection({ kubeconfig })
  const lines: string[] = []
  const log = createLogger('source', 'debug', (line) => lines.push(line))
  const source = new KubernetesSource({ connection: around(connection), log, times: { ...TIMES, ...times } })
  t.teardown(async () => {
    source.close()
    await connection.close()
    relay.close()
  })
  await source.synced
  const missing = watchAnchors(source)
  /** Ends the test: it is as a fresh one would be, nothing was open meanwhile, and it tells no error any more. */
  const holds = async (): Promise<void> => {
    await churn.steps(10)
    await untilSameAsFresh(source, direct)
    t.strictSame(missing(), [], 'the anchors were there at every moment')
    while (source.errors.value.length > 0) await new Promise((resolve) => setTimeout(resolve, 100))
    for (const line of lines) t.comment(line.trim())
  }
  return { source, relay, lines, holds }
}

t.before(async () => {
  await cluster.kubectl(['apply', '--server-side', '--filename', CRDS])
  await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  await churn.anchor()
})

t.test('changes are followed', async (t) => {
  const { holds, lines } = await following(t)
  await churn.steps(60)
  await holds()
  t.notOk(lines.some((line) => line.includes('listing anew') || line.includes('"error"')))
})

t.test('broken connections: it goes on from where it was', async (t) => {
  const { relay, holds, lines } = await following(t)
  for (let at = 0; at < 5; at++) {
    await churn.steps(8)
    relay.cut()
  }
  await holds()
  t.ok(lines.some((line) => line.includes('a watch broke')))
})

t.test('connections that hang in silence are left', async (t) => {
  const { source, relay, holds, lines } = await following(t)
  await churn.steps(30)
  // Its watches are open: it has seen changes. One that begins later would not hang, but ask in vain.
  await untilSameAsFresh(source, direct)
  relay.freezeOpen()
  await churn.steps(20)
  // The changes may all be of kinds whose watch began anew in this moment: then all is well before anybody notices.
  const noticed = () => lines.some((line) => line.includes('nothing came for'))
  while (!noticed()) await new Promise((resolve) => setTimeout(resolve, 50))
  await holds()
})

t.test('an API server that cannot be reached in silence, and then can', async (t) => {
  const { source, relay, holds } = await following(t)
  relay.freeze()
  const told = new Promise<void>((resolve) => {
    const unwatch = source.errors.watch((errors) => {
      if (errors.length === 0) return
      unwatch()
      resolve()
    })
  })
  await churn.steps(20)
  await told
  relay.thaw()
  await holds()
})

t.test('compaction while it could not see: 410, and a list that replaces', async (t) => {
  // Nobody notices the silence before all is back: no request failed meanwhile.
  const { source, relay, holds, lines } = await following(t, undefined, { watchMs: 600_000 })
  await churn.steps(30)
  // Its watches are open: it has seen changes.
  await untilSameAsFresh(source, direct)
  relay.freezeOpen()
  await churn.steps(30)
  await compact()
  // The new one's cache begins after what was compacted.
  await cluster.restartApiServer()
  relay.cut()
  await holds()
  t.ok(lines.some((line) => line.includes('compacted away')))
})

t.test('an API server that is killed and comes back', async (t) => {
  const { holds } = await following(t)
  for (let at = 0; at < 2; at++) {
    await churn.steps(15)
    await cluster.end('kube-apiserver')
    await cluster.begin('kube-apiserver')
  }
  await holds()
})

t.test('events that come twice, and again later', async (t) => {
  const { holds } = await following(t, (connection) => ({
    server: connection.server,
    namespace: connection.namespace,
    request: (request) => connection.request(request),
    close: () => connection.close(),
    watch: (request, onEvent) => {
      const earlier: Parameters<typeof onEvent>[0][] = []
      let count = 0
      return connection.watch(request, (event) => {
        onEvent(event)
        onEvent(event)
        earlier.push(event)
        if (++count % 7 === 0) for (const again of earlier) onEvent(again)
      })
    },
  }))
  await churn.steps(60)
  await holds()
})

/** As an operator does it: nobody serves while etcd's data is replaced by that of the snapshot. */
async function restoreEtcd(): Promise<void> {
  await cluster.end('kube-apiserver')
  await cluster.end('etcd')
  await cluster.exec(['rm', '-rf', '/var/lib/etcd'])
  const peer = 'http://127.0.0.1:2380'
  await etcdctl(
    ...['snapshot', 'restore', SNAPSHOT, '--name=node1', '--data-dir=/var/lib/etcd'],
    ...[`--initial-cluster=node1=${peer}`, `--initial-advertise-peer-urls=${peer}`],
  )
  await Promise.all([cluster.begin('etcd'), cluster.begin('kube-apiserver')])
}

t.test('an etcd restored from an older snapshot: versions go back', async (t) => {
  await etcdctl('snapshot', 'save', SNAPSHOT)
  const saved = await revision()
  await churn.steps(40)
  const { holds, lines } = await following(t)
  t.ok((await revision()) > saved)
  await restoreEtcd()
  await holds()
  t.ok(lines.some((line) => line.includes('reads again')))
})

t.test('a restored etcd behind a path that was silent: the version alone tells', async (t) => {
  // Nobody notices the silence before all is back: no request failed meanwhile.
  const { relay, holds, lines } = await following(t, undefined, { watchMs: 600_000 })
  await etcdctl('snapshot', 'save', SNAPSHOT)
  await churn.steps(200)
  relay.freezeOpen()
  await restoreEtcd()
  relay.cut()
  await holds()
  t.ok(lines.some((line) => line.includes('went back in time')))
})
