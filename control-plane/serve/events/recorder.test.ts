import t, { type Test } from 'tap'
import type { TrustBundle } from '../../../certs/trust-bundle.ts'
import type { Ejection } from '../../../core/api/sidecars.ts'
import { ManualClock } from '../../../core/clock.ts'
import { Watched } from '../../../core/watched.ts'
import type { CanaryView } from '../../canary/view.ts'
import type { MeshView } from '../../mesh.ts'
import { MemorySource } from '../../registry/memory-source.ts'
import { Translator } from '../../translate/translate.ts'
import { NO_TOPOLOGY } from '../graph/topology.ts'
import type { NamedProxy } from '../rest/overview.ts'
import { EventLog } from './event-log.ts'
import { recordEvents } from './recorder.ts'

const LOOK_MS = 2000
const SERVICE = `
apiVersion: v1
kind: Service
metadata: { namespace: shop, name: catalog }
spec: { clusterIP: 10.96.0.1, ports: [{ port: 80, name: http }] }
`
const route = (weights: readonly [number, number]): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { namespace: shop, name: catalog }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog, port: 80 }]
  rules:
    - backendRefs:
        - { name: catalog, port: 80, weight: ${weights[0]} }
        - { name: missing, port: 80, weight: ${weights[1]} }
`
const slice = (...ready: readonly boolean[]): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { namespace: shop, name: catalog-1, labels: { kubernetes.io/service-name: catalog } }
addressType: IPv4
ports: [{ name: http, port: 80 }]
endpoints:
${ready.map((is, i) => `  - { addresses: [10.0.0.${i + 1}], conditions: { ready: ${is} } }`).join('\n')}
`
const pod = (name: string, hash: string): string => `
apiVersion: v1
kind: Pod
metadata:
  namespace: shop
  name: ${name}
  labels: { app: web, pod-template-hash: ${hash}, weft.dev/injected: 'true' }
  annotations: { weft.dev/status: '{}' }
  ownerReferences: [{ kind: ReplicaSet, name: web-${hash}, controller: true }]
spec:
  serviceAccountName: web
  containers: [{ name: app }]
  initContainers: [{ name: weft-proxy }]
status: { podIP: 10.0.1.${name.length} }
`

const PROXY: NamedProxy = {
  node: 'web-1.shop',
  namespace: 'shop',
  pod: 'web-1',
  serviceAccount: 'web',
  service: 'web',
  connectedAt: 0,
  version: 1,
  rejected: '',
}
const EJECTION: Ejection = {
  cluster: 'shop/catalog/80',
  endpoint: '10.0.0.1:80',
  workload: 'catalog-1.shop',
  pod: 'shop/web-1',
  caller: 'web.shop',
  reason: 'consecutive-errors',
  since: 500,
  until: 30_500,
}

function setUp(t: Test) {
  const clock = new ManualClock()
  const log = new EventLog()
  const source = MemorySource.of(SERVICE, slice(true, true))
  const translator = new Translator({ trustDomain: 'cluster.local' })
  const view = (): MeshView => ({ model: translator.translate(source.snapshot.value) }) as unknown as MeshView
  const mesh = new Watched(view())
  const trust = new Watched({ bundle: { pem: 'a' } as TrustBundle })
  const state = {
    proxies: [PROXY] as readonly NamedProxy[],
    canaries: [] as readonly CanaryView[],
    ejections: [] as readonly Ejection[],
  }
  const end = recordEvents({
    log,
    mesh,
    trust,
    clock,
    proxies: () => state.proxies,
    canaries: () => state.canaries,
    ejections: () => state.ejections,
    topology: () => ({
      ...NO_TOPOLOGY,
      rules: new Map([['HTTPRoute/shop/catalog/0', ['catalog.shop']]]),
    }),
  })
  t.teardown(end)
  let read = 0
  return {
    clock,
    log,
    trust,
    state,
    end,
    put(...manifests: string[]): void {
      for (const one of manifests) source.put(one)
      mesh.set(view())
    },
    /** What was told since the last time, the oldest first. */
    told() {
      const all = log.search({ from: 0, to: Infinity, limit: 10_000 }).toReversed()
      const fresh = all.slice(read)
      read = all.length
      return fresh
    },
  }
}

t.test('what there is at the beginning is no event, and the end is one', async (t) => {
  const { clock, end, put, told, state } = setUp(t)
  clock.advance(3 * LOOK_MS)
  t.strictSame(told(), [])
  end()
  put(slice(true))
  state.proxies = []
  clock.advance(3 * LOOK_MS)
  t.strictSame(told(), [])
  t.equal(clock.pending, 0)
})

t.test('Services, routes and endpoints as they change', async (t) => {
  const { put, told } = setUp(t)
  put(route([90, 10]))
  t.strictSame(
    told().map(({ kind, namespace, object, service, text }) => [kind, namespace, object, service, text]),
    [
      [
        'route',
        'shop',
        'HTTPRoute/catalog',
        'catalog.shop',
        'New: 90 % to catalog.shop, 10 % to no Service.',
      ],
    ],
  )
  put(route([50, 50]))
  t.match(told(), [{ text: 'Changed: 50 % to catalog.shop, 50 % to no Service.' }])
  put(route([50, 50]))
  t.strictSame(told(), [], 'the same again is no change')
  put(slice(true, false))
  t.match(told(), [
    { kind: 'endpoints', object: 'Service/catalog', text: '1 endpoint is ready; there were 2.' },
  ])
  put(slice(false, false))
  t.match(told(), [{ text: 'No endpoint is ready any more; there were 1.' }])
  put(slice(true, true))
  t.match(told(), [{ text: '2 endpoints are ready; there were 0.' }])
  put(SERVICE.replace('name: catalog', 'name: cart'))
  t.match(told(), [{ kind: 'service', service: 'cart.shop', text: 'The Service is new.' }])
})

t.test('a rollout begins with the first pod of a new revision', async (t) => {
  const { put, told } = setUp(t)
  put(pod('web-a', 'one'))
  t.strictSame(told(), [], 'a workload that is new is none')
  put(pod('web-aa', 'one'))
  t.strictSame(told(), [])
  put(pod('web-aaa', 'two'))
  t.match(told(), [{ kind: 'rollout', namespace: 'shop', text: 'Pods of a new revision begin: two.' }])
})

t.test('roots that change are told once', async (t) => {
  const { trust, told } = setUp(t)
  trust.set({ bundle: { pem: 'a' } as TrustBundle })
  t.strictSame(told(), [])
  trust.set({ bundle: { pem: 'b' } as TrustBundle })
  t.match(told(), [{ kind: 'certificate', object: 'trust bundle' }])
})

t.test('proxies that come, go, and refuse what they are sent', async (t) => {
  const { clock, state, told } = setUp(t)
  const look = (...proxies: NamedProxy[]) => {
    state.proxies = proxies
    clock.advance(LOOK_MS)
    return told().map(({ object, service, text }) => [object, service, text])
  }
  t.strictSame(look({ ...PROXY, rejected: 'cluster x: is not served' }), [
    ['web-1', 'web.shop', 'It refuses its configuration: cluster x: is not served'],
  ])
  t.strictSame(look({ ...PROXY, rejected: 'cluster x: is not served' }), [])
  t.strictSame(look(PROXY), [['web-1', 'web.shop', 'It takes its configuration again.']])
  t.strictSame(look(), [['web-1', 'web.shop', 'Its stream has ended.']])
  t.strictSame(look({ ...PROXY, service: '' }), [['web-1', '', 'It asks for its configuration here.']])
})

t.test('of many at once some are told, and how many more there were', async (t) => {
  const { clock, state, told } = setUp(t)
  state.proxies = Array.from({ length: 5000 }, (_, i) => ({ ...PROXY, node: `p${i}.shop`, pod: `p${i}` }))
  clock.advance(LOOK_MS)
  const events = told()
  t.equal(events.length, 51)
  t.match(events.at(-1), { kind: 'proxy', object: '', text: '4951 more like it at the same time.' })
})

t.test('steps of a Canary are told with the time at which they were taken', async (t) => {
  const { clock, state, told } = setUp(t)
  const canary = (...history: readonly (readonly [string, string])[]): CanaryView =>
    ({
      namespace: 'shop',
      name: 'catalog',
      route: 'HTTPRoute/catalog',
      history: history.map(([at, message]) => ({ at, message })),
    }) as unknown as CanaryView
  const [first, second] = ['2026-06-01T09:00:00.000Z', '2026-06-01T09:05:00.000Z']
  state.canaries = [canary([first, 'began'])]
  clock.advance(LOOK_MS)
  t.strictSame(told(), [], 'what was done before is not known to be new')
  state.canaries = [canary([first, 'began'], [second, 'went on to 10 %'])]
  clock.advance(LOOK_MS)
  t.strictSame(told(), [
    {
      at: Date.parse(second),
      kind: 'canary',
      namespace: 'shop',
      object: 'Canary/catalog',
      service: 'catalog.shop',
      text: 'went on to 10 %',
    },
  ])
  clock.advance(LOOK_MS)
  t.strictSame(told(), [])
})

t.test('an ejection is told once, whoever joins in, and its end', async (t) => {
  const { clock, state, told } = setUp(t)
  state.ejections = [EJECTION]
  clock.advance(LOOK_MS)
  t.strictSame(told(), [
    {
      at: 500,
      kind: 'ejection',
      namespace: 'shop',
      object: 'catalog-1 (10.0.0.1:80)',
      service: 'catalog.shop',
      text: 'web.shop leaves it out (consecutive errors) for 30 s, and until a request goes well there.',
    },
  ])
  state.ejections = [{ ...EJECTION, pod: 'shop/web-2', since: 2100 }, EJECTION]
  clock.advance(LOOK_MS)
  state.ejections = [{ ...EJECTION, pod: 'shop/web-2', since: 2100 }]
  clock.advance(LOOK_MS)
  t.strictSame(told(), [])
  state.ejections = []
  clock.advance(LOOK_MS)
  t.match(told(), [{ kind: 'ejection', service: 'catalog.shop', text: 'No caller leaves it out any more.' }])
  state.ejections = [{ ...EJECTION, workload: '', since: 9000, until: 9000 }]
  clock.advance(LOOK_MS)
  t.match(told(), [
    {
      object: '10.0.0.1:80',
      text: 'web.shop leaves it out (consecutive errors) until a request goes well there.',
    },
  ])
})
