import t from 'tap'
import { parse } from 'yaml'
import type { Ejection, Sidecar } from '../../../core/api/sidecars.ts'
import type { ServiceView } from '../../service-view.ts'
import { MemorySource } from '../../registry/memory-source.ts'
import { askCallers } from './asked-callers.ts'
import { concernedObjects } from './concerned-objects.ts'
import { configurationWords } from './configuration-words.ts'
import { objectsAsYaml, objectYaml } from './object-yaml.ts'
import { serviceEndpoints } from './service-endpoints.ts'

const CATALOG: ServiceView = {
  namespace: 'shop',
  name: 'catalog',
  addresses: ['10.96.0.7'],
  ports: [
    {
      port: 80,
      name: 'http',
      protocol: 'http',
      cluster: 'shop/catalog/80',
      endpoints: [
        {
          address: 'fd00::7',
          port: 8080,
          health: 'healthy',
          meshed: true,
          identity: 'spiffe://td/ns/shop/sa/catalog',
          workload: 'catalog-1.shop',
          owner: '',
          zone: 'a',
          node: 'n1',
        },
      ],
      routes: [
        {
          name: 'HTTPRoute/shop/catalog/0',
          match: '/*',
          action: 'forward',
          backends: [
            { cluster: 'shop/catalog/80', weight: 9, percent: 90 },
            { cluster: '', weight: 1, percent: 10 },
          ],
        },
      ],
      consumerRoutes: {},
    },
  ],
}

const policy = (kind: string, name: string, spec: string, namespace = 'shop'): string => `
apiVersion: ${kind.includes('Route') ? 'gateway.networking.k8s.io/v1' : 'weft.dev/v1alpha1'}
kind: ${kind}
metadata: { namespace: ${namespace}, name: ${name} }
spec: ${spec}
`

t.test('a few callers are asked, one of each workload first, and who does not answer is named', async (t) => {
  const asked: string[] = []
  const pods = ['web-1', 'web-2', 'web-3', 'cart-1', 'old-1', 'other-1'].map((pod) => ({
    key: `shop/${pod}`,
    workload: `${pod.split('-')[0]}.shop`,
  }))
  const answers: Readonly<Record<string, unknown>> = {
    'shop/web-2': [
      { cluster: 'shop/catalog/80', address: '1.1.1.1:80', active: 3, latencyMs: 4 },
      { cluster: 'shop/catalog/80', address: '1.1.1.2:80', active: -1, latencyMs: 4 },
      { cluster: 'shop/catalog/80', address: '1.1.1.3:80', active: 1, latencyMs: 'soon' },
      null,
    ],
    'shop/cart-1': { loads: 'none' },
  }
  const result = await askCallers(
    ['shop/catalog/80'],
    ['web.shop', 'cart.shop', 'old.shop', 'gone.shop'],
    pods,
    {
      connected: (pod) => pod === 'shop/web-2',
      ask: async (pod, kind, question) => {
        asked.push(pod)
        t.strictSame([kind, question], ['endpoints', { clusters: ['shop/catalog/80'] }])
        if (!(pod in answers)) throw new Error('this sidecar knows no question "endpoints"')
        return { answer: answers[pod], took: 1, latest: 1, rejected: '' }
      },
    },
  )
  t.strictSame(asked, ['shop/web-2', 'shop/cart-1', 'shop/old-1', 'shop/web-1'])
  t.strictSame(result, {
    callers: 5,
    asked: [{ pod: 'shop/web-2', caller: 'web.shop' }],
    unanswered: [
      { pod: 'shop/cart-1', reason: 'the sidecar answered with what is no list of endpoints' },
      { pod: 'shop/old-1', reason: 'this sidecar knows no question "endpoints"' },
      { pod: 'shop/web-1', reason: 'this sidecar knows no question "endpoints"' },
    ],
    loads: [
      { cluster: 'shop/catalog/80', address: '1.1.1.1:80', active: 3, latencyMs: 4 },
      { cluster: 'shop/catalog/80', address: '1.1.1.3:80', active: 1, latencyMs: null },
    ],
  })
})

t.test('an endpoint has what all say of it', async (t) => {
  const load = (active: number, latencyMs: number | null, cluster = 'shop/catalog/80') => ({
    ...{ cluster, address: '[fd00::7]:8080', active, latencyMs },
  })
  const ejection = { cluster: 'shop/catalog/80', endpoint: '[fd00::7]:8080' } as Ejection
  const sidecar = { namespace: 'shop', pod: 'catalog-1', certificateEndsAt: 99 } as Sidecar
  const [row, more] = serviceEndpoints([CATALOG, CATALOG], {
    loads: [load(2, 10), load(1, null), load(50, 900, 'shop/other/80')],
    ejections: [ejection, { ...ejection, cluster: 'shop/other/80' }],
    sidecars: [sidecar],
  })
  t.equal(more, undefined, 'each address once')
  t.match(row, {
    address: '[fd00::7]:8080',
    active: 3,
    latencyMs: 10,
    ejections: [ejection],
    certificateEndsAt: 99,
  })
  t.equal(row?.ejections.length, 1)
  const [unknown] = serviceEndpoints([CATALOG], { loads: [], ejections: [], sidecars: [] })
  t.match(unknown, { active: null, latencyMs: null, certificateEndsAt: null })
})

t.test(
  'the objects of a Service: itself, its routes, and policies for it, its routes, its pods or all',
  async (t) => {
    const { snapshot } = MemorySource.of(
      'apiVersion: v1\nkind: Service\nmetadata: { namespace: shop, name: catalog }\nspec: { clusterIP: 10.0.0.1, ports: [{ port: 80 }] }',
      policy(
        'HTTPRoute',
        'split',
        "{ parentRefs: [{ group: '', kind: Service, name: catalog }], rules: [] }",
      ),
      policy('HTTPRoute', 'other', "{ parentRefs: [{ group: '', kind: Service, name: web }], rules: [] }"),
      policy(
        'TrafficPolicy',
        'own',
        "{ targetRefs: [{ group: '', kind: Service, name: catalog }], hedging: { after: 50ms } }",
      ),
      policy(
        'TrafficPolicy',
        'route',
        '{ targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: split }], hedging: { after: 50ms } }',
      ),
      policy(
        'TrafficPolicy',
        'web',
        "{ targetRefs: [{ group: '', kind: Service, name: web }], hedging: { after: 50ms } }",
      ),
      policy('AuthorizationPolicy', 'all', '{ action: ALLOW }'),
      policy('AuthorizationPolicy', 'pods', '{ selector: { matchLabels: { app: catalog } }, action: ALLOW }'),
      policy('AuthorizationPolicy', 'not', '{ selector: { matchLabels: { app: web } }, action: ALLOW }'),
      policy('AuthorizationPolicy', 'far', '{ action: ALLOW }', 'payments'),
      policy('PeerAuthentication', 'strict', '{ mtls: { mode: STRICT } }'),
      policy('AuthorizationPolicy', 'mesh', '{ action: ALLOW }', 'weft-system'),
      policy(
        'AuthorizationPolicy',
        'system',
        '{ selector: { matchLabels: { app: catalog } } }',
        'weft-system',
      ),
      policy('MeshPolicy', 'default', '{ mtls: { mode: STRICT } }', 'weft-system'),
      policy('MeshPolicy', 'default', '{ mtls: { mode: STRICT } }', 'payments'),
    )
    const found = concernedObjects(
      snapshot.value,
      { namespace: 'shop', name: 'catalog' },
      [{ app: 'catalog' }],
      'weft-system',
    )
    t.strictSame(
      found.map(({ kind, name }) => `${kind} ${name}`),
      [
        'Service catalog',
        'HTTPRoute split',
        'TrafficPolicy own',
        'TrafficPolicy route',
        'AuthorizationPolicy all',
        'AuthorizationPolicy pods',
        'AuthorizationPolicy mesh',
        'PeerAuthentication strict',
        'MeshPolicy default',
      ],
    )
    t.strictSame(concernedObjects(snapshot.value, { namespace: 'shop', name: 'gone' }, [], 'weft-system'), [])
  },
)

t.test('as YAML they have what their author said, and can be applied again', async (t) => {
  const text = objectYaml({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'catalog',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '7',
      managedFields: [{ manager: 'kubectl' }],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{"secret":1}', team: 'off' },
    },
    spec: { ports: [{ port: 80 }] },
    status: { loadBalancer: {} },
  })
  t.strictSame(parse(text), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'catalog', namespace: 'shop', annotations: { team: 'off' } },
    spec: { ports: [{ port: 80 }] },
  })
  t.match(text, "team: 'off'")
  const reference = { kind: 'Service', namespace: 'shop', name: 'catalog' } as const
  const read = async () => undefined
  t.match(await objectsAsYaml([reference], read), [{ yaml: '', problem: 'it is not there any more' }])
  const failing = () => Promise.reject(new Error('403 Forbidden'))
  t.match(await objectsAsYaml([reference], failing), [{ ...reference, yaml: '', problem: '403 Forbidden' }])
})

const OUTSIDE = {
  externalAddresses: ['192.0.2.7', '2001:db8::7'],
  nearness: 'zone',
  affinityMs: 60_000,
} as const

t.test('in words: where requests go, how they are treated, and who may', async (t) => {
  const settings = {
    hedging: { afterMs: 50, maximum: 1 },
    outlierDetection: { mode: 'On', baseEjectionMs: 30_000, maxEjectedPercent: 50, statusCodes: [] },
  }
  t.strictSame(configurationWords(CATALOG, settings as never, 'restricted'), [
    'Port 80 at 10.96.0.7 carries http; 1 of 1 known endpoints take requests.',
    '/* goes 90 % to catalog.shop, 10 % to no Service, which fails (HTTPRoute/shop/catalog/0).',
    'Hedging: after 50 ms, maximum 1.',
    'Outlier detection: mode On, base ejection 30 s, max ejected 50 %, status codes none.',
    'What no policy says of its requests is the default.',
    'Policies say who may call it: others get 403.',
  ])
  t.match(configurationWords({ ...CATALOG, ...OUTSIDE }, settings as never, 'restricted').slice(2), [
    'Callers of the mesh reach it at 192.0.2.7 and 2001:db8::7, too: addresses of outside.',
    'Callers prefer endpoints of their own zone.',
    'A caller keeps to one endpoint until 60 s after its last call (ClientIP).',
    /^Hedging/,
  ])
  const near = (service: object, locality?: 'Prefer' | 'Off'): boolean =>
    configurationWords({ ...CATALOG, ...service }, { loadBalancing: { locality } } as never, 'open').includes(
      'Callers prefer endpoints of their own zone.',
    )
  t.same(
    [near({}), near({}, 'Prefer'), near(OUTSIDE, 'Off'), near(OUTSIDE)],
    [false, true, false, true],
    'a policy goes before the Service',
  )
  const bare = { ...CATALOG, ports: CATALOG.ports.map((port) => ({ ...port, routes: [] })) }
  t.match(configurationWords(bare, undefined, 'open'), [
    /^Port 80/,
    'No route hangs on port 80: all goes to the Service’s own endpoints.',
    /^No policy says how/,
    'No policy restricts who may call it.',
  ])
})
