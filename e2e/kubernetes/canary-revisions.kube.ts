import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { CanaryController } from '../../control-plane/canary/controller.ts'
import type { CountSource } from '../../control-plane/canary/evidence/counts.ts'
import { kubernetesCanaryStore } from '../../control-plane/canary/kubernetes/kubernetes-store.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { KubernetesSource } from '../../control-plane/registry/kubernetes/kubernetes-source.ts'
import { BUCKETS } from '../../control-plane/serve/telemetry/durations.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { startCluster } from './cluster/cluster.ts'

// The Deployment, ReplicaSet and EndpointSlice controllers are the real ones; what a kubelet says of pods, the test says.

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')
const POLL_MS = 100
const REPLICAS = 4

const deployment = (version: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: catalog, namespace: default }
spec:
  replicas: ${REPLICAS}
  minReadySeconds: 1
  selector: { matchLabels: { app: catalog } }
  template:
    metadata: { labels: { app: catalog } }
    spec: { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: app, image: 'catalog:${version}' }] }
`
const OBJECTS = `
apiVersion: v1
kind: Node
metadata: { name: node }
---
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: default }
spec: { selector: { app: catalog }, ports: [{ name: http, port: 80, targetPort: 8080, appProtocol: http }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: default }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog, port: 80 }]
  rules:
    - backendRefs: [{ name: catalog-stable, port: 80, weight: 100 }, { name: catalog-canary, port: 80, weight: 0 }]
`
const CANARY = `
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: catalog, namespace: default }
spec:
  routeRef: { kind: HTTPRoute, name: catalog }
  deployment: { name: catalog, service: catalog, port: 80 }
  interval: 1s
  steps: [{ weight: 25, hold: 1s }, { weight: 50, hold: 1s }, { pause: {} }]
`

/** 300 requests more of each version at each look; of the new one so many fail. */
class Traffic implements CountSource {
  failing = 0
  looks = 0
  #failed = 0

  totals(series: readonly string[]): ReturnType<CountSource['totals']> {
    this.looks++
    this.#failed += this.failing
    const judged = this.looks * 300
    const durations = Array.from({ length: BUCKETS }, (_, i) => (i === 2 ? judged : 0))
    return Promise.resolve(
      series
        .filter((one) => one.startsWith('callers'))
        .map((one) => ({
          replica: '',
          series: one,
          judged,
          failed: one.includes('catalog-canary') ? this.#failed : 0,
          durations,
        })),
    )
  }
}

interface Pod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string }
  readonly spec: { readonly containers: readonly { readonly image: string }[] }
  readonly status: { readonly phase?: string }
}

interface Endpoint {
  readonly conditions: { readonly ready?: boolean }
  readonly targetRef: { readonly name: string }
}

t.test('two revisions of one Deployment, under the real Deployment controller', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  await cluster.kubectl(['apply', '--server-side', '-f', cluster.programs.gatewayApi, '-f', CRDS])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
  t.teardown(() => connection.close())
  const source = new KubernetesSource({ connection, log: silentLogger })
  t.teardown(() => source.close())
  await source.synced
  const { snapshot } = source
  const counts = new Traffic()
  const lead = (): CanaryController => {
    const controller = new CanaryController({
      snapshot,
      counts,
      mayWrite: () => true,
      log: silentLogger,
      clock: systemClock,
      store: kubernetesCanaryStore({ connection, snapshot, log: silentLogger, clock: systemClock }),
    })
    t.teardown(() => controller.stop())
    return controller
  }
  const apply = (text: string) => cluster.kubectl(['apply', '-f', '-'], { stdin: text })
  const get = async (...args: string[]) => (await cluster.kubectl(['get', ...args])).trim()
  const list = async (path: string, selector = ''): Promise<readonly unknown[]> => {
    const query = selector === '' ? {} : { labelSelector: selector }
    const { items } = (await connection.request({ method: 'GET', path, query })) as {
      items: readonly unknown[]
    }
    return items
  }
  const pods = async () => (await list('/api/v1/namespaces/default/pods', 'app=catalog')) as Pod[]
  /** Starts what has to run, and ends what has to go, as a kubelet does. */
  const kubelet = async (): Promise<void> => {
    for (const [index, { metadata, status }] of (await pods()).entries()) {
      const path = `/api/v1/namespaces/default/pods/${metadata.name}`
      if (metadata.deletionTimestamp !== undefined) {
        const body = { gracePeriodSeconds: 0 }
        await connection.request({ method: 'DELETE', path, body }).catch(() => {})
        continue
      }
      if (status.phase === 'Running') continue
      const now = new Date().toISOString()
      const podIP = `10.9.${Math.floor(Math.random() * 250)}.${index + 1}`
      await connection
        .request({
          method: 'PATCH',
          path: `${path}/status`,
          contentType: 'application/merge-patch+json',
          body: {
            status: {
              phase: 'Running',
              podIP,
              podIPs: [{ ip: podIP }],
              conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: now }],
            },
          },
        })
        .catch(() => {})
    }
  }
  /** Of each version's image, how many pods; and of the Services, whose ready pods they lead to. */
  const running = async (): Promise<string> => {
    const images = (await pods()).map(({ spec }) => spec.containers[0]?.image.split(':')[1] ?? '')
    return ['v1', 'v2', 'v3'].map((one) => images.filter((image) => image === one).length).join(' ')
  }
  const behind = async (service: string): Promise<string> => {
    const slices = (await list(
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      `kubernetes.io/service-name=${service}`,
    )) as { readonly endpoints: readonly Endpoint[] | null }[]
    const names = slices
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions.ready)
    const images = new Map(
      (await pods()).map(({ metadata, spec }) => [metadata.name, spec.containers[0]?.image]),
    )
    return [...new Set(names.map(({ targetRef }) => images.get(targetRef.name)?.split(':')[1] ?? 'gone'))]
      .sort()
      .join(' ')
  }
  const weights = () => get('httproute', 'catalog', '-o', 'jsonpath={.spec.rules[0].backendRefs[*].weight}')
  const phase = () => get('canary', 'catalog', '-o', 'jsonpath={.status.phase}')
  const held = () =>
    get(
      'deployment',
      'catalog',
      '-o',
      'jsonpath={.spec.paused} {.spec.minReadySeconds} {.spec.strategy.rollingUpdate.maxUnavailable}',
    )
  /** Whoever has requests of callers has pods: at no time a Service with a weight leads nowhere. */
  const lacking: string[] = []
  const look = async (): Promise<void> => {
    await kubelet()
    const [stable, canary] = (await weights()).split(' ').map(Number)
    if (stable && (await behind('catalog-stable')) === '') lacking.push(`stable ${stable}`)
    if (canary && (await behind('catalog-canary')) === '') lacking.push(`canary ${canary}`)
  }
  const until = async (
    t: Test,
    what: string,
    ask: () => Promise<string>,
    wanted: string | RegExp,
  ): Promise<void> => {
    let now = ''
    for (let round = 0; round < 150; round++) {
      await kubelet()
      now = await ask()
      if (typeof wanted === 'string' ? now === wanted : wanted.test(now)) {
        t.pass(`${what}: ${now}`)
        return
      }
      await delay(POLL_MS)
    }
    t.comment(await get('canary', 'catalog', '-o', 'yaml'))
    t.comment(await get('deployment,replicaset,service', '-o', 'wide'))
    t.fail(`${what}: ${now}, and not ${String(wanted)}`)
  }

  await apply(`${OBJECTS}---${deployment('v1')}`)
  await until(t, 'the Deployment is whole', running, `${REPLICAS} 0 0`)
  const first = lead()
  await apply(CANARY)

  await t.test('at rest it holds the Deployment, and makes a Service for each', async (t) => {
    await until(t, 'held', held, /^true 1 /)
    await until(t, 'stable', () => behind('catalog-stable'), 'v1')
    t.equal(await behind('catalog-canary'), '')
    const ports = await get(
      'service',
      'catalog-stable',
      '-o',
      'jsonpath={.spec.ports[0].targetPort} {.spec.ports[0].appProtocol}',
    )
    t.equal(ports, '8080 http')
    await until(
      t,
      'why',
      () => get('canary', 'catalog', '-o', 'jsonpath={.status.message}'),
      /no other template than the stable one/,
    )
  })

  await t.test('a good one: both are there while it takes over, then it is the stable one', async (t) => {
    await apply(deployment('v2'))
    await until(t, 'the first step', weights, '75 25')
    t.match(await running(), /^4 [1-9] 0$/, 'none of the old pods went')
    t.equal(await behind('catalog-canary'), 'v2')
    await first.stop()
    lead()
    await until(t, 'the pause', phase, 'Paused')
    t.match(await running(), /^4 [2-4] 0$/)
    await cluster.kubectl([
      'annotate',
      'canary',
      'catalog',
      `weft.dev/canary-request=promote ${new Date().toISOString()}`,
    ])
    const ended = new AbortController()
    const watching = (async () => {
      while (!ended.signal.aborted) await look()
    })()
    await until(t, 'the end', phase, 'Succeeded')
    await until(t, 'whole', running, `0 ${REPLICAS} 0`)
    await until(t, 'the new one is the stable one', () => behind('catalog-stable'), 'v2')
    await until(t, 'and has all', weights, '100 0')
    await until(t, 'held again', held, /^true 1 25%$/)
    await until(t, 'nothing is new', () => behind('catalog-canary'), '')
    ended.abort()
    await watching
    t.strictSame(lacking, [], 'nobody was sent to where no pod is')
  })

  await t.test('a bad one: it goes, the pods before stay, and it is not tried again by itself', async (t) => {
    await apply(deployment('v3'))
    await until(t, 'the first step', weights, '75 25')
    counts.failing = 90
    await until(t, 'back', phase, 'RolledBack')
    await until(t, 'its share', weights, '100 0')
    await until(t, 'its pods', running, `0 ${REPLICAS} 0`)
    await until(t, 'held', held, /^true 1 25%$/)
    t.equal(await behind('catalog-stable'), 'v2')
    await apply(deployment('v3'))
    const seen = counts.looks
    await until(t, 'looks', () => Promise.resolve(String(counts.looks > seen + 3)), 'true')
    t.equal(await running(), `0 ${REPLICAS} 0`, 'the same template is not tried again')
    counts.failing = 0
    await cluster.kubectl([
      'annotate',
      '--overwrite',
      'canary',
      'catalog',
      `weft.dev/canary-request=resume ${new Date().toISOString()}`,
    ])
    await until(t, 'somebody has it begin again', weights, '75 25')
  })

  await t.test('the template is taken back in the middle: so is its share', async (t) => {
    await apply(deployment('v2'))
    await until(t, 'its share', weights, '100 0')
    await until(t, 'its pods', running, `0 ${REPLICAS} 0`)
    await until(t, 'it waits', phase, 'Waiting')
  })

  await t.test(
    'without its Canary the Deployment is as it was, and both Services lead to its pods',
    async (t) => {
      await cluster.kubectl(['delete', 'canary', 'catalog'])
      await until(t, 'let go', held, /^(false)? ?1 25%$/)
      await until(t, 'stable', () => behind('catalog-stable'), 'v2')
      await apply(deployment('v1'))
      await until(t, 'it rolls by itself', running, `${REPLICAS} 0 0`)
      t.equal(await behind('catalog-stable'), 'v1')
    },
  )
})
