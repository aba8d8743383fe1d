import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Problem } from '../core/problem.ts'
import { startCluster } from './cluster.ts'
import type { LocalCluster } from './cluster.ts'
import { findLacks, thisMachine } from './requirements.ts'

const APP = fileURLToPath(new URL('./testing/app', import.meta.url))
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

function manifests(version: string): string {
  return `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: web
          image: test/app:v1
          command: [node, server.ts]
          env:
            - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
            - { name: VERSION, value: '${version}' }
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: nobody, namespace: shop }
spec: { selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: client, namespace: shop }
spec:
  containers: [{ name: client, image: 'test/app:v1', command: [sleep, infinity] }]
  terminationGracePeriodSeconds: 0
`
}

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function shell(cluster: LocalCluster, script: string) {
  return cluster.exec('shop/client', ['sh', '-c', script], { timeoutMs: 20_000 })
}

t.test('a cluster without the mesh', { skip, timeout: 120_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-manifests-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'shop.yaml')
  // As a whole: who watches it must not meet it empty.
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  put(manifests('1'))
  const told: Problem[] = []
  const cluster = await startCluster({
    manifests: [directory],
    name: `test-${process.pid}`,
    images: { 'test/app': APP },
    mesh: false,
    onProblems: ({ come }) => told.push(...come),
  })
  t.teardown(() => cluster.close())
  await cluster.ready

  await t.test('names, Service addresses and balancing', async (t) => {
    const { stdout } = await shell(cluster, 'for i in $(seq 20); do curl -s http://web; echo; done')
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { pod: string })
    t.equal(new Set(answers.map((answer) => answer.pod)).size, 2, 'both pods answer')
    const outside = await shell(cluster, 'getent hosts example.com')
    t.not(outside.code, 0, 'no query leaves the machine')
  })

  await t.test('a Service without endpoints refuses at once', async (t) => {
    const { code } = await shell(cluster, 'curl -s -m 5 http://nobody')
    // 7: could not connect; 28 would be a time-out.
    t.equal(code, 7)
  })

  await t.test('a pod reaches itself through its Service', async (t) => {
    const [pod] = (await cluster.status()).pods.filter((own) => own.owner === 'web')
    const reference = `shop/${pod?.name}`
    const { stdout } = await cluster.exec(reference, [
      'sh',
      '-c',
      'for i in $(seq 20); do curl -s -m 2 http://web; echo; done',
    ])
    t.equal(stdout.trim().split('\n').length, 20)
    t.ok(stdout.includes(pod?.name ?? '?'), 'itself among them')
  })

  await t.test('from this machine through an exposed port', async (t) => {
    const port = await cluster.expose('web.shop:80')
    const answer = (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { version: string }
    t.equal(answer.version, '1')
  })

  await t.test('a container that crashes is started again', async (t) => {
    await shell(cluster, 'curl -s http://web/crash')
    await until('a restart, and both ready', async () => {
      const web = (await cluster.status()).pods.filter((pod) => pod.owner === 'web')
      return (
        web.every((pod) => pod.ready) && web.some((pod) => pod.containers.some((one) => one.restarts === 1))
      )
    })
    t.pass()
  })

  await t.test('a held container stays down', async (t) => {
    const [pod] = (await cluster.status()).pods.filter((own) => own.owner === 'web')
    const reference = `shop/${pod?.name}`
    const state = async () =>
      (await cluster.status()).pods.find((own) => own.name === pod?.name)?.containers[0]?.state
    await cluster.hold(reference, 'web')
    await cluster.kill(reference, { container: 'web' })
    await until('held', async () => (await state())?.type === 'waiting')
    await cluster.release(reference, 'web')
    await until('running again', async () => (await state())?.type === 'running')
    await until('ready', async () => (await cluster.status()).ready)
    t.pass()
  })

  await t.test('an invalid edit is reported and changes nothing', async (t) => {
    put(manifests('1').replace('replicas: 2', 'replicas: two'))
    await until('the report', async () => told.some(({ field }) => field === 'spec.replicas'))
    t.match(
      told.find(({ field }) => field === 'spec.replicas'),
      { file, line: 10, severity: 'error' },
    )
    t.equal((await cluster.status()).pods.filter((pod) => pod.owner === 'web').length, 2)
    put(manifests('1'))
  })

  await t.test('a rolling update loses no request', async (t) => {
    const load = cluster.exec('shop/client', ['node', 'load.ts', 'http://web/', '6000'], {
      timeoutMs: 30_000,
    })
    await until('the load runs', async () => {
      const { stdout } = await shell(cluster, 'curl -s http://web')
      return (JSON.parse(stdout) as { served: number }).served > 50
    })
    put(manifests('2'))
    await until('only the new version', async () => {
      const { ready, pods } = await cluster.status()
      const web = pods.filter((pod) => pod.owner === 'web')
      const { stdout } = await shell(cluster, 'curl -s http://web')
      return ready && web.length === 2 && stdout.includes('"version":"2"')
    })
    const { stdout, stderr } = await load
    t.equal(stderr, '')
    const { seen, errors } = JSON.parse(stdout) as { seen: Record<string, number>; errors: string[] }
    t.same(errors, [])
    t.ok((seen['1'] ?? 0) > 0 && (seen['2'] ?? 0) > 0, JSON.stringify(seen))
  })

  await t.test('no zombie is left by the processes that came and went', async (t) => {
    const { stdout } = await shell(cluster, 'cat /proc/[0-9]*/stat')
    t.notMatch(stdout, /\) Z /)
  })
})
