import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { CanaryController } from '../../control-plane/canary/controller.ts'
import type { CountSource } from '../../control-plane/canary/evidence/counts.ts'
import { kubernetesCanaryStore } from '../../control-plane/canary/kubernetes/kubernetes-store.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { KubernetesSource } from '../../control-plane/registry/kubernetes/kubernetes-source.ts'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { BUCKETS } from '../../control-plane/serve/telemetry/durations.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { startCluster } from './cluster/cluster.ts'

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')
const POLL_MS = 100

const GOOD = {
  routeRef: { kind: 'HTTPRoute', name: 'catalog' },
  stable: { name: 'v1', port: 80 },
  canary: { name: 'v2', port: 80 },
  interval: '1s',
  steps: [
    { weight: 10, hold: '1s' },
    { weight: 50, hold: '1h' },
  ],
}
const canary = (spec: object): string =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'Canary',
    metadata: { name: 'catalog', namespace: 'default' },
    spec,
  })
const steps = (...all: object[]): object => ({ ...GOOD, steps: all })
const header = { name: 'x-tester', value: 'yes' }

const { stable: _stable, canary: _canary, ...WITHOUT } = GOOD
const DEPLOYMENT = { ...WITHOUT, deployment: { name: 'catalog', service: 'catalog', port: 80 } }

const taken: readonly object[] = [
  GOOD,
  DEPLOYMENT,
  steps(
    { mirror: { percent: 50 } },
    { matches: [{ header }, { cookie: header }] },
    { weight: 1 },
    { pause: {} },
  ),
  {
    ...GOOD,
    warmup: '1m',
    onBreach: 'Pause',
    conditions: {
      successRate: { maximumDropPercent: 2 },
      latency: {},
      prometheus: [{ name: 'q', address: 'http://prometheus:9090/x', query: 'up', minimum: 0.5 }],
    },
  },
]

const refused: readonly (readonly [spec: object, message: RegExp])[] = [
  [{ ...GOOD, canary: GOOD.stable }, /canary must be another backend than stable/],
  [{ ...DEPLOYMENT, stable: GOOD.stable }, /needs either stable and canary, or deployment/],
  [WITHOUT, /needs either stable and canary, or deployment/],
  [{ ...WITHOUT, stable: GOOD.stable }, /needs either stable and canary, or deployment/],
  [{ ...WITHOUT, deployment: { name: 'catalog', port: 80 } }, /spec\.deployment\.service: Required/],
  [steps(), /should have at least 1 items/],
  [steps({ weight: 50 }, { weight: 10 }), /weights of steps only rise/],
  [steps({ hold: '1s' }), /needs one of weight, mirror, matches and pause/],
  [steps({ weight: 1, pause: {} }), /needs one of weight, mirror, matches and pause/],
  [steps({ pause: {}, hold: '1s' }), /hold does not go with pause/],
  [steps({ matches: [{ header, cookie: header }] }), /either header or cookie/],
  [steps({ wieght: 1 }), /unknown field "spec\.steps\[0\]\.wieght"/],
  [{ ...GOOD, onBreach: 'Explode' }, /onBreach/],
  [
    { ...GOOD, conditions: { prometheus: [{ name: 'q', address: 'http://p', query: 'up' }] } },
    /minimum or a maximum/,
  ],
]

const OBJECTS = `
apiVersion: v1
kind: Pod
metadata: { name: v2, namespace: default, labels: { pod-template-hash: r1 } }
spec: { containers: [{ name: app, image: none }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: v2, namespace: default, labels: { kubernetes.io/service-name: v2 } }
addressType: IPv4
ports: [{ name: http, port: 80 }]
endpoints: [{ addresses: [10.1.2.3], conditions: { ready: true }, targetRef: { kind: Pod, name: v2, namespace: default } }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: default }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog }]
  rules:
    - backendRefs: [{ name: v1, port: 80, weight: 100 }, { name: v2, port: 80, weight: 0 }]
`

/** 300 requests more of the stable version at each look and 100 of the new one, of which so many fail. */
class Traffic implements CountSource {
  failing = 0
  #looks = 0
  #failed = 0

  totals(series: readonly string[]): ReturnType<CountSource['totals']> {
    this.#looks++
    this.#failed += this.failing
    return Promise.resolve(
      series
        .filter((one) => one.startsWith('callers'))
        .map((one) => {
          const isNew = one.includes('/v2/')
          const judged = this.#looks * (isNew ? 100 : 300)
          const durations = Array.from({ length: BUCKETS }, (_, i) => (i === 2 ? judged : 0))
          return { replica: '', series: one, judged, failed: isNew ? this.#failed : 0, durations }
        }),
    )
  }
}

t.test('a Canary on a real API server', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  await cluster.kubectl(['apply', '--server-side', '-f', cluster.programs.gatewayApi, '-f', CRDS])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])

  await t.test('what the control plane would not take is refused as it is written', async (t) => {
    const create = (text: string) =>
      cluster.kubectl(['create', '--dry-run=server', '--filename', '-'], { stdin: text })
    for (const spec of taken) {
      t.match(await create(canary(spec)), /created/)
      t.same(parseManifests('x.yaml', canary(spec)).errors, [])
    }
    for (const [spec, message] of refused) {
      await t.rejects(create(canary(spec)), { message })
      t.not(parseManifests('x.yaml', canary(spec)).errors.length, 0)
    }
  })

  await t.test('it moves the route, keeps its state, tells Events, and leaves an edit alone', async (t) => {
    await cluster.kubectl(['apply', '-f', '-'], { stdin: OBJECTS })
    const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
    t.teardown(() => connection.close())
    const source = new KubernetesSource({ connection, log: silentLogger })
    t.teardown(() => source.close())
    await source.synced
    const { snapshot } = source
    const counts = new Traffic()
    const lead = () =>
      new CanaryController({
        snapshot,
        counts,
        mayWrite: () => true,
        log: silentLogger,
        clock: systemClock,
        store: kubernetesCanaryStore({ connection, snapshot, log: silentLogger, clock: systemClock }),
      })
    const get = async (...args: string[]) => (await cluster.kubectl(['get', ...args])).trim()
    const weights = () => get('httproute', 'catalog', '-o', 'jsonpath={.spec.rules[0].backendRefs[*].weight}')
    const phase = () => get('canary', 'catalog', '-o', 'jsonpath={.status.phase}')
    const until = async (ask: () => Promise<string>, wanted: string): Promise<void> => {
      while ((await ask()) !== wanted) await delay(POLL_MS)
    }
    const first = lead()
    await cluster.kubectl(['create', '-f', '-'], { stdin: canary(GOOD) })
    await until(weights, '50 50')
    await first.stop()
    const next = lead()
    t.teardown(() => next.stop())
    counts.failing = 30
    await until(phase, 'RolledBack')
    await until(weights, '100 0')
    t.match(
      await get('canary', 'catalog', '-o', 'wide'),
      /catalog +catalog +0 +RolledBack .*went back from 50 % to 0/,
    )
    const reasons = (await get('events', '-o', 'jsonpath={.items[*].reason}')).split(' ')
    for (const reason of ['Started', 'Step', 'SuccessRate']) t.ok(reasons.includes(reason), reason)

    counts.failing = 0
    const request = `weft.dev/canary-request=resume ${new Date().toISOString()}`
    await cluster.kubectl(['annotate', 'canary', 'catalog', request])
    await until(phase, 'Progressing')
    const edit =
      '{"spec":{"rules":[{"backendRefs":[{"name":"v1","port":80,"weight":67},{"name":"v2","port":80,"weight":33}]}]}}'
    await cluster.kubectl(['patch', 'httproute', 'catalog', '--type=merge', '--patch', edit])
    await until(phase, 'HandedOver')
    t.equal(await weights(), '67 33')
  })
})
