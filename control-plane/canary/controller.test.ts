import { join } from 'node:path'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { createLogger, silentLogger } from '../../core/log.ts'
import { FakeApi } from '../kubernetes/testing/fake-api.ts'
import { ManifestDirectorySource } from '../registry/manifest-directory.ts'
import { MemorySource } from '../registry/memory-source.ts'
import { BUCKETS } from '../serve/telemetry/durations.ts'
import { CanaryController } from './controller.ts'
import type { CountSource } from './evidence/counts.ts'
import { kubernetesCanaryStore } from './kubernetes/kubernetes-store.ts'
import { ManifestRoutes } from './manifests/manifest-routes.ts'
import { manifestStore } from './manifests/manifest-store.ts'
import { CanaryDirectory } from './manifests/state-directory.ts'
import { formatRequest } from './requests.ts'

const CANARY = `
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: catalog, namespace: shop }
spec:
  routeRef: { kind: HTTPRoute, name: catalog }
  stable: { name: v1, port: 80 }
  canary: { name: v2, port: 80 }
  interval: 1s
  steps: [{ weight: 10, hold: 3s }, { weight: 50, hold: 3s }]
`
const ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog }]
  rules:
    - backendRefs: [{ name: v1, port: 80, weight: 100 }, { name: v2, port: 80, weight: 0 }]
`
const PODS = `
apiVersion: v1
kind: Pod
metadata: { name: v2-a, namespace: shop, labels: { pod-template-hash: r1 } }
spec: { containers: [{ name: app }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: v2-x, namespace: shop, labels: { kubernetes.io/service-name: v2 } }
addressType: IPv4
ports: [{ name: '', port: 80 }]
endpoints: [{ addresses: [10.0.0.9], conditions: { ready: true }, targetRef: { kind: Pod, name: v2-a, namespace: shop } }]
`

/** 300 requests a second to the stable version, 100 to the new one, of which so many fail. */
class Traffic implements CountSource {
  failing = 0
  #stable = 0
  #canary = 0
  #failed = 0

  totals(series: readonly string[]): ReturnType<CountSource['totals']> {
    this.#stable += 300
    this.#canary += 100
    this.#failed += this.failing
    const durations = (count: number) => Array.from({ length: BUCKETS }, (_, i) => (i === 2 ? count : 0))
    return Promise.resolve(
      series.flatMap((one) => {
        if (!one.startsWith('callers') || !one.includes('/0"')) return []
        const [judged, failed] = one.includes('shop/v2/') ? [this.#canary, this.#failed] : [this.#stable, 0]
        return [{ replica: '', series: one, judged, failed, durations: durations(judged) }]
      }),
    )
  }
}

const log = createLogger('test', 'error')

function playing(t: Test) {
  const clock = new ManualClock(Date.parse('2026-01-31T12:00:00Z'))
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
      if (!holds()) clock.advance(1000)
    }
  }
  t.comment('time is moved by hand')
  return { clock, until }
}

function filesOf(t: Test) {
  const root = t.testdir({ manifests: {} })
  const manifests = join(root, 'manifests')
  for (const [name, text] of Object.entries({ canary: CANARY, route: ROUTE, pods: PODS }))
    writeFileSync(join(manifests, `${name}.yaml`), text)
  const state = join(root, 'state')
  mkdirSync(state)
  return { manifests, state }
}

/** A control plane of one machine, as far as Canaries go. */
function machine(files: ReturnType<typeof filesOf>, clock: ManualClock, counts: CountSource) {
  const directory = new CanaryDirectory(files.state)
  const routes = new ManifestRoutes(directory.routes, () => directory.saveRoutes(routes.entries))
  const source = new ManifestDirectorySource({
    directories: [files.manifests],
    log,
    clock,
    revise: (document) => routes.revise(document),
  })
  const { snapshot } = source
  const store = manifestStore({ routes, directory, snapshot, reread: () => source.reread() })
  const controller = new CanaryController({ snapshot, store, counts, mayWrite: () => true, log, clock })
  return {
    directory,
    weight: () =>
      snapshot.value.httpRoutes.get('shop/catalog')?.rules[0]?.backendRefs.find(({ name }) => name === 'v2')
        ?.weight,
    phase: () => directory.status('shop', 'catalog')?.phase,
    async stop() {
      await controller.stop()
      source.close()
    },
  }
}

t.test('on one machine the files stay as they are, and what is read of them moves', async (t) => {
  const { clock, until } = playing(t)
  const files = filesOf(t)
  const counts = new Traffic()
  const first = machine(files, clock, counts)
  await until(() => first.weight() === 10)
  await until(() => first.weight() === 50)
  await first.stop()
  const next = machine(files, clock, counts)
  t.equal(next.weight(), 50, 'a restart goes on, from the first moment')
  await until(() => next.phase() === 'Succeeded')
  t.equal(next.weight(), 100)
  t.equal(readFileSync(join(files.manifests, 'route.yaml'), 'utf8'), ROUTE)
  const state = next.directory.status('shop', 'catalog')
  t.match(state?.history.at(-1), { message: /all requests go to the new version/ })
  await next.stop()
})

t.test('an edit of a file has the last word, and a Canary that is gone leaves its rules', async (t) => {
  const { clock, until } = playing(t)
  const files = filesOf(t)
  const one = machine(files, clock, new Traffic())
  t.teardown(() => one.stop())
  await until(() => one.weight() === 10)
  writeFileSync(
    join(files.manifests, 'route.yaml'),
    ROUTE.replace('100', '70').replace('weight: 0', 'weight: 30'),
  )
  await until(() => one.phase() === 'HandedOver')
  t.equal(one.weight(), 30)
  one.directory.ask('shop', 'catalog', formatRequest('resume', 1))
  await until(() => one.weight() === 10)
  t.equal(one.phase(), 'Progressing')
  writeFileSync(join(files.manifests, 'canary.yaml'), '# none\n')
  await until(() => one.weight() === 30)
  t.equal(one.phase(), undefined)
})

interface RouteSpec {
  readonly rules: readonly { readonly backendRefs: readonly { readonly weight: number }[] }[]
}

const API_ROUTE = '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/catalog'
const API_CANARY = '/apis/weft.dev/v1alpha1/namespaces/shop/canaries/catalog'

t.test(
  'in a cluster it writes the route, the status and Events, and goes back within an interval',
  async (t) => {
    const { clock, until } = playing(t)
    const api = await FakeApi.start(t)
    const source = MemorySource.of(CANARY, ROUTE, PODS)
    const refs = [
      { name: 'v1', port: 80, weight: 100 },
      { name: 'v2', port: 80, weight: 0 },
    ]
    api.put(API_ROUTE, { spec: { hostnames: ['kept'], rules: [{ backendRefs: refs }] } })
    api.put(API_CANARY, { spec: {} })
    const { snapshot } = source
    const connection = api.connect(t)
    const counts = new Traffic()
    const state = { leading: true }
    const start = () =>
      new CanaryController({
        snapshot,
        counts,
        log,
        clock,
        mayWrite: () => state.leading,
        store: kubernetesCanaryStore({ connection, snapshot, log, clock }),
      })
    const weights = () => {
      const spec = api.get(API_ROUTE)?.['spec'] as RouteSpec | undefined
      return spec?.rules[0]?.backendRefs.map(({ weight }) => weight).join('/')
    }
    const status = () => api.get(API_CANARY)?.['status'] as { phase?: string; message?: string } | undefined
    const leader = start()
    await until(() => weights() === '50/50')
    t.match(api.get(API_ROUTE)?.['spec'], { hostnames: ['kept'] })
    await leader.stop()
    counts.failing = 30
    const next = start()
    t.teardown(() => next.stop())
    await until(() => status()?.phase === 'RolledBack')
    await until(() => weights() === '100/0')
    t.match(status()?.message, /of the new version failed.*went back from 50 % to 0/)
    const events = [...api.objects.entries()].filter(([path]) =>
      path.startsWith('/api/v1/namespaces/shop/events/'),
    )
    t.strictSame(
      events.map(([, event]) => event['reason']),
      ['Started', 'Step', 'Step', 'SuccessRate'],
    )
    const writes = api.writes.length
    state.leading = false
    counts.failing = 0
    source.put(PODS.replace('r1', 'r2'))
    for (let i = 0; i < 5; i++) {
      clock.advance(1000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.equal(api.writes.length, writes, 'who does not lead writes nothing')
  },
)

t.test('an end that could not be saved, or not be written, is decided again', async (t) => {
  const { clock } = playing(t)
  const api = await FakeApi.start(t)
  const source = MemorySource.of(CANARY, ROUTE, PODS)
  const { snapshot } = source
  const refs = [
    { name: 'v1', port: 80, weight: 100 },
    { name: 'v2', port: 80, weight: 0 },
  ]
  api.put(API_ROUTE, { spec: { rules: [{ backendRefs: refs }] } })
  api.put(API_CANARY, { spec: {} })
  const counts = new Traffic()
  const store = kubernetesCanaryStore({ connection: api.connect(t), snapshot, log, clock })
  const done: string[] = []
  const once = (what: string): void => {
    done.push(what)
    if (done.filter((one) => one === what).length === 1) throw new Error('the API server is away')
  }
  const controller = new CanaryController({
    snapshot,
    counts,
    log: silentLogger,
    clock,
    mayWrite: () => true,
    store: {
      ...store,
      save: async (canary, status) => {
        if (status.phase === 'RolledBack') once('save')
        await store.save(canary, status)
      },
      shape: async (canary, route, shape) => {
        if (shape.weight === 0) once('write')
        await store.shape(canary, route, shape)
      },
    },
  })
  t.teardown(() => controller.stop())
  const weights = () => {
    const spec = api.get(API_ROUTE)?.['spec'] as RouteSpec | undefined
    return spec?.rules[0]?.backendRefs.map(({ weight }) => weight).join('/')
  }
  const phase = () => (api.get(API_CANARY)?.['status'] as { phase?: string } | undefined)?.phase
  const rounds = async (most: number, holds: () => boolean): Promise<boolean> => {
    for (let round = 0; round < most && !holds(); round++) {
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
      clock.advance(1000)
    }
    return holds()
  }
  t.ok(await rounds(200, () => weights() === '90/10'), 'it begins')
  counts.failing = 30
  t.ok(await rounds(200, () => phase() === 'RolledBack' && weights() === '100/0'), `${phase()} ${weights()}`)
  t.strictSame(done.slice(0, 3), ['save', 'save', 'write'], 'nothing is written before it is known')
})
