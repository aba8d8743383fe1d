import t from 'tap'
import type { SpanView } from '../../core/api/traces.ts'
import type { ApiRequest } from '../../control-plane/kubernetes/connection.ts'
import { policyObjects } from '../../control-plane/policy-objects.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import { changedMesh } from './changed-mesh.ts'
import { changedResources } from './changed-resources.ts'
import { dryRun } from './dry-run.ts'
import { replayRoutes } from './replay-routes.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'

const service = (name: string, address: string): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: ${address}, selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
---`
const pod = (name: string, namespace: string, address: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}-1, namespace: ${namespace}, labels: { app: ${name} } }
spec: { serviceAccountName: ${name}, containers: [{ name: a }, { name: weft-proxy }] }
status: { podIP: ${address} }
---`
const route = (rules: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: catalog }]
  rules: ${rules}
`
const to = (name: string, weight = 1): string => `{ name: ${name}, port: 80, weight: ${weight} }`
const MESH = [
  service('catalog', '10.96.0.1'),
  service('beta', '10.96.0.2'),
  pod('web', 'shop', '10.0.0.1'),
  pod('catalog', 'shop', '10.0.0.2'),
  pod('other', 'team', '10.0.0.3'),
].join('\n')

function objectsOf(manifests: string): readonly MeshObject[] {
  const { objects, errors } = parseManifests('mesh.yaml', manifests)
  if (errors.length > 0) throw new Error(JSON.stringify(errors))
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map(({ object }) => ({ op: 'put', object })),
  )
  // As control planes tell them.
  return JSON.parse(JSON.stringify(policyObjects(snapshot))) as readonly MeshObject[]
}

function changing(before: string, after: string) {
  return changedMesh(objectsOf(`${MESH}${before}`), [{ origin: 'new.yaml', text: after }], {
    trustDomain: 'cluster.local',
  })
}

function span(more: SpanView['attributes'] = {}, of: Partial<SpanView> = {}): SpanView {
  return {
    traceId: '1',
    spanId: '1',
    parentSpanId: '',
    name: 'GET',
    kind: 'client',
    service: 'web',
    namespace: 'shop',
    pod: 'web-1',
    startMs: 1,
    durationMs: 1,
    status: 'unset',
    statusMessage: '',
    attributes: {
      'http.request.method': 'GET',
      'url.path': '/items/7',
      'server.address': 'catalog',
      'network.local.address': '10.96.0.1',
      'network.local.port': 80,
      'weft.route': 'HTTPRoute/shop/catalog/0',
      ...more,
    },
    ...of,
  }
}

/** `CHANGE COUNT: NOW -> THEN` of what changes, without what says how it is tried. */
function changes(before: string, after: string, spans: readonly SpanView[] = [span()]): string[] {
  const { before: was, after: is } = changing(before, after)
  const plain = (text: string): string => text.replaceAll(/ \([^)]*\)/g, '')
  return replayRoutes(spans, was, is).changed.map(
    (one) => `${one.change} ${one.count}: ${plain(one.was)} -> ${plain(one.is)}`,
  )
}

const ONE = route(`[{ backendRefs: [${to('catalog')}] }]`)
const RULE = 'HTTPRoute/shop/catalog'

t.test('requests that would go elsewhere, be answered, or be tried otherwise', async (t) => {
  t.strictSame(changes(ONE, ONE), [])
  t.strictSame(changes(ONE, route(`[{ backendRefs: [${to('beta')}] }]`), [span(), span()]), [
    `elsewhere 2: shop/catalog/80 by ${RULE}/0 -> shop/beta/80 by ${RULE}/0`,
  ])
  t.strictSame(changes(ONE, route(`[{ backendRefs: [${to('catalog', 9)}, ${to('beta')}] }]`)), [
    `elsewhere 1: shop/catalog/80 by ${RULE}/0 -> shop/catalog/80 90 %, shop/beta/80 10 % by ${RULE}/0`,
  ])
  const items = `matches: [{ path: { type: PathPrefix, value: /items } }]`
  const narrowed = route(`[{ ${items}, backendRefs: [${to('catalog')}] }]`)
  t.strictSame(changes(ONE, narrowed), [], 'the same is done by a rule that is narrower')
  t.strictSame(changes(ONE, narrowed, [span({ 'url.path': '/cart' })]), [
    `answered 1: shop/catalog/80 by ${RULE}/0 -> 404 by no rule`,
  ])
  t.strictSame(changes(ONE, route('[{ backendRefs: [] }]')), [
    `answered 1: shop/catalog/80 by ${RULE}/0 -> 500 by ${RULE}/0`,
  ])
  t.strictSame(changes(ONE, route(`[{ timeouts: { request: 2s }, backendRefs: [${to('catalog')}] }]`)), [
    `retried 1: shop/catalog/80 by ${RULE}/0 -> shop/catalog/80 by ${RULE}/0`,
  ])
  t.strictSame(
    changes('', ONE, [span({ 'weft.route': 'default' })]),
    [],
    'a route that does what the Service does',
  )
  const get = `matches: [{ method: GET }]`
  t.strictSame(
    changes(ONE, route(`[{ ${get}, backendRefs: [${to('beta')}] }, { backendRefs: [${to('catalog')}] }]`), [
      span({ 'http.request.method': 'POST' }),
    ]),
    [],
    'of another method',
  )
})

t.test('where header fields decide, what was followed tells, or it is unclear', async (t) => {
  const beta = `matches: [{ headers: [{ name: x-user, value: beta }] }]`
  const both = (second: string): string =>
    route(`[{ ${beta}, backendRefs: [${to('beta')}] }, { backendRefs: [${to(second)}] }]`)
  const first = span({ 'weft.route': `${RULE}/0` })
  const second = span({ 'weft.route': `${RULE}/1` })
  t.strictSame(changes(ONE, both('catalog')), [
    `unclear 1: shop/catalog/80 by ${RULE}/0 -> shop/beta/80 by ${RULE}/0 or shop/catalog/80 by ${RULE}/1`,
  ])
  t.strictSame(changes(both('catalog'), both('beta'), [first]), [], 'it met the condition, and does')
  t.strictSame(changes(both('catalog'), both('beta'), [second]), [
    `elsewhere 1: shop/catalog/80 by ${RULE}/1 -> shop/beta/80 by ${RULE}/1`,
  ])
  t.strictSame(changes(both('catalog'), ONE, [first]), [
    `elsewhere 1: shop/beta/80 by ${RULE}/0 -> shop/catalog/80 by ${RULE}/0`,
  ])
})

t.test(
  'what cannot be routed anew is counted, and tries and servers are not requests of a caller',
  async (t) => {
    const { before, after } = changing(ONE, ONE)
    const found = replayRoutes(
      [
        span({ 'network.local.address': '10.96.9.9' }),
        span({ 'http.request.method': '_OTHER' }),
        span({ 'weft.try': 'retry' }),
        span({}, { kind: 'server' }),
        span({ 'network.local.address': '', 'network.local.port': 0, 'server.port': 80 }),
      ],
      before,
      after,
    )
    t.match(found, { requests: 1, left: 2, changed: [] })
  },
)

t.test('resources that differ, and for whom', async (t) => {
  const { before, after } = changing(ONE, route(`[{ backendRefs: [${to('beta')}] }]`))
  t.strictSame(changedResources(before, after), {
    resources: [{ type: 'route', name: 'shop/catalog/80', change: 'changed', proxies: 3 }],
    proxies: ['shop/catalog-1', 'shop/web-1', 'team/other-1'],
    of: 3,
  })
  const consumer = ONE.replace('namespace: shop', 'namespace: team').replace(
    'name: catalog }]',
    'name: catalog, namespace: shop }]',
  )
  const own = changing('', consumer)
  const found = changedResources(own.before, own.after)
  t.strictSame(found.proxies, ['team/other-1'], 'a route of a caller is for its namespace')
  t.ok(found.resources.some(({ name, change }) => name === 'shop/catalog/80@team' && change === 'added'))
  const policy = changing(
    '',
    `apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec: { selector: { matchLabels: { app: web } }, rules: [{ from: [{ source: { namespaces: [shop] } }] }] }
`,
  )
  t.match(changedResources(policy.before, policy.after), {
    resources: [{ type: 'listener', name: 'inbound', change: 'changed', proxies: 1 }],
    proxies: ['shop/web-1'],
  })
  t.strictSame(changedResources(before, before).resources, [])
})

t.test('the API server is asked, and keeps nothing', async (t) => {
  const api = await FakeApi.start(t)
  const texts = [{ origin: 'new.yaml', text: `${ONE}---${service('x', '10.96.0.9')}` }]
  const connection = api.connect(t)
  const queries: unknown[] = []
  const told = { request: async ({ query }: ApiRequest) => queries.push(query) }
  await dryRun(told, texts)
  t.match(queries, [{ dryRun: 'All' }])
  t.strictSame(await dryRun(connection, texts), [
    { object: 'HTTPRoute shop/catalog', result: 'taken', because: '' },
    {
      object: 'Service shop/x',
      result: 'untried',
      because: 'it is of no kind that says anything of requests',
    },
  ])
  t.strictSame(api.asked, ['PATCH /apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/catalog'])
  api.hook = () => ({ status: 422 })
  t.match(await dryRun(connection, texts), [{ result: 'refused' }])
  api.hook = () => ({ status: 403 })
  t.match(await dryRun(connection, texts), [{ result: 'untried', because: /grant verb "patch"/ }])
})
