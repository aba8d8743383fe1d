import t from 'tap'
import { settingsOf, settingsOfRule } from '../model/traffic-tables.ts'
import { touchedBetween } from '../model/touched.ts'
import { MemorySource } from '../registry/memory-source.ts'
import { Translator } from './translate.ts'

const service = (name: string, port = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { clusterIP: 10.96.0.${name.length}, ports: [{ name: http, port: ${port} }] }\n`
const policy = (name: string, target: string, section: string, created = 1): string =>
  `apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: { name: ${name}, namespace: shop, creationTimestamp: 2026-01-0${created}T00:00:00Z }\nspec: { targetRefs: [${target}], ${section} }\n`
const route = (name: string, parent: string, backend: string): string =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: { name: ${name}, namespace: shop }\nspec: { parentRefs: [{ group: '', kind: Service, name: ${parent} }], rules: [{ backendRefs: [{ name: ${backend}, port: 80 }] }] }\n`
const of = (name: string): string => `{ kind: Service, name: ${name} }`
const ofRoute = (name: string): string =>
  `{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name} }`
const SHOP = '{ kind: Namespace, name: shop }'
const NAMESPACE = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n'

function world() {
  const source = MemorySource.of(NAMESPACE, service('cart'), service('catalog'))
  const translator = new Translator({ trustDomain: 'cluster.local' })
  const translate = () => translator.translate(source.snapshot.value)
  return { source, translate, put: (...texts: string[]) => texts.forEach((text) => source.put(text)) }
}

t.test('the nearer target says a section as a whole, and the others come from wider ones', (t) => {
  const { put, translate } = world()
  put(
    route('r', 'catalog', 'cart'),
    policy(
      'wide',
      SHOP,
      'hedging: { after: 1s }, circuitBreaker: { maximumRequests: 1 }, retryBudget: { percent: 5 }',
    ),
    policy('narrow', of('catalog'), 'hedging: { after: 2s }, circuitBreaker: { maximumConnections: 7 }'),
    policy('own', ofRoute('r'), 'hedging: { after: 3s }'),
  )
  const { traffic } = translate()
  t.match(settingsOf(traffic, 'shop/cart'), {
    hedging: { afterMs: 1000 },
    circuitBreaker: { maximumRequests: 1 },
  })
  const catalog = settingsOf(traffic, 'shop/catalog')
  t.match(catalog, { hedging: { afterMs: 2000 }, retryBudget: { percent: 5 } })
  t.same(catalog.circuitBreaker, { maximumConnections: 7 }, 'of the wider target nothing of it is left')
  t.match(settingsOfRule(traffic, 'HTTPRoute/shop/r/0', 'shop/catalog'), {
    hedging: { afterMs: 3000 },
    circuitBreaker: { maximumConnections: 7 },
  })
  t.match(settingsOfRule(traffic, 'HTTPRoute/shop/other/0', 'shop/catalog'), { hedging: { afterMs: 2000 } })
  t.same(settingsOf(traffic, 'other/catalog'), {})
  t.end()
})

t.test('of two that say the same the older holds, until it is gone', (t) => {
  const { put, translate, source } = world()
  put(
    policy('a', of('cart'), 'retryBudget: { percent: 1 }, hedging: { after: 1s }', 2),
    policy('b', of('cart'), 'retryBudget: { percent: 2 }', 1),
  )
  const before = translate()
  t.same(settingsOf(before.traffic, 'shop/cart'), { retryBudget: { percent: 2, minimumPerSecond: 10 } })
  t.match(before.policyProblems, [
    { name: 'a', reason: 'Conflicted', message: /TrafficPolicy shop\/b says retryBudget/ },
  ])
  source.apply([{ op: 'delete', kind: 'TrafficPolicy', key: 'shop/b' }])
  const after = translate()
  t.match(settingsOf(after.traffic, 'shop/cart'), { retryBudget: { percent: 1 }, hedging: { afterMs: 1000 } })
  t.same(after.policyProblems, [])
  t.end()
})

t.test('a target that comes later is found, and one that goes takes its settings along', (t) => {
  const { put, translate, source } = world()
  put(policy('p', `${of('late')}, ${ofRoute('r')}`, 'faults: [{ abort: { status: 503 } }]'))
  const reasons = () => translate().policyStatus[0]?.ancestors.map(({ conditions }) => conditions[0]?.reason)
  t.same(reasons(), ['TargetNotFound', 'TargetNotFound'])
  put(service('late'), route('r', 'cart', 'cart'))
  t.same(reasons(), ['Accepted', 'Accepted'])
  t.equal(translate().traffic.routes.size, 1)
  source.apply([{ op: 'delete', kind: 'HTTPRoute', key: 'shop/r' }])
  t.same(reasons(), ['Accepted', 'TargetNotFound'])
  t.equal(translate().traffic.routes.size, 0)
  t.end()
})

t.test('what did not change keeps its identity, and only what may differ is touched', (t) => {
  const { put, translate } = world()
  put(
    policy('p', of('cart'), 'retryBudget: { percent: 1 }'),
    policy('q', of('catalog'), 'retryBudget: { percent: 2 }'),
    route('r', 'catalog', 'cart'),
  )
  const first = translate()
  put(service('cart', 81), route('r', 'catalog', 'catalog'))
  const second = translate()
  t.equal(second.traffic, first.traffic)
  t.equal(second.policyStatus, first.policyStatus)
  t.equal(second.policyProblems, first.policyProblems)
  put(policy('q', of('catalog'), 'retryBudget: { percent: 3 }'))
  const third = translate()
  t.equal(third.traffic.services.get('shop/cart'), second.traffic.services.get('shop/cart'))
  t.not(third.traffic.services.get('shop/catalog'), second.traffic.services.get('shop/catalog'))
  t.equal(third.policyStatus, second.policyStatus, 'a status says what is said, not how much')
  t.same([...touchedBetween(second, third)].toSorted(), ['10.96.0.7', 'shop/catalog'])
  put(policy('s', SHOP, 'hedging: { after: 1s }'))
  const fourth = translate()
  t.same([...touchedBetween(third, fourth)].toSorted(), [
    '10.96.0.4',
    '10.96.0.7',
    'shop/cart',
    'shop/catalog',
  ])
  t.end()
})

t.test(
  'a pod whose Service has limits is touched with it, and so is one that no Service leads to with the namespace',
  (t) => {
    const { put, translate } = world()
    const pod = (name: string, ip: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, namespace: shop, annotations: { weft.dev/status: '{}' } }\nspec: { containers: [{ name: app, ports: [{ containerPort: 8080 }] }], initContainers: [{ name: weft-proxy }] }\nstatus: { podIP: ${ip}, podIPs: [{ ip: ${ip} }] }\n`
    put(
      pod('cart-1', '10.0.0.1'),
      pod('alone', '10.0.0.2'),
      `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: cart-1, namespace: shop, labels: { kubernetes.io/service-name: cart } }\naddressType: IPv4\nports: [{ name: http, port: 8080 }]\nendpoints: [{ addresses: [10.0.0.1], targetRef: { kind: Pod, name: cart-1 } }]\n`,
    )
    const first = translate()
    t.same(first.workloads.get('shop/cart-1')?.ports[0]?.services, ['shop/cart'])
    put(policy('p', of('cart'), 'rateLimits: [{ requests: 1, per: 1s }]'))
    const second = translate()
    const touched = touchedBetween(first, second)
    t.ok(touched.has('shop/cart-1') && !touched.has('shop/alone'))
    put(policy('q', SHOP, 'adaptiveConcurrency: {}'))
    t.ok(touchedBetween(second, translate()).has('shop/alone'))
    t.end()
  },
)
