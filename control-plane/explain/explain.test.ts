import fastify from 'fastify'
import t from 'tap'
import { ALONE } from '../serve/answers/telemetry-source.ts'
import type { Test } from 'tap'
import type { SpanView } from '../../core/api/traces.ts'
import { WeftError } from '../../core/errors.ts'
import { newDraft } from '../../core/explain/draft.ts'
import { readProxyQuestion, type ProxyQuestion } from '../../core/explain/proxy-question.ts'
import { parseManifests } from '../registry/parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../registry/snapshot.ts'
import { explainPages } from '../serve/rest/explain-pages.ts'
import { Translator } from '../translate/translate.ts'
import { anyProxy, type AskProxy } from './ask-proxy.ts'

const MANIFESTS = `
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop }
spec: { clusterIP: 10.96.0.1, selector: { app: catalog }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, labels: { app.kubernetes.io/name: web } }
spec: { serviceAccountName: web, containers: [{ name: a }, { name: weft-proxy }] }
status: { podIP: 10.0.0.1 }
---
apiVersion: v1
kind: Pod
metadata: { name: catalog-1, namespace: shop, labels: { app: catalog } }
spec: { serviceAccountName: catalog, containers: [{ name: a }, { name: weft-proxy }] }
status: { podIP: 10.0.0.2 }
`
const SERVER: ProxyQuestion = {
  direction: 'inbound',
  address: '10.0.0.2',
  port: 8080,
  carries: 'tls',
  serverName: '',
  alpn: ['weft-h2', 'http/1.1'],
  passedName: '',
  identity: 'spiffe://cluster.local/ns/shop/sa/web',
  source: '',
  request: undefined,
}
const TRACE = '0af7651916cd43dd8448eb211c80319c'

function setUp(t: Test, spans: readonly SpanView[] = []) {
  const objects = parseManifests('test', MANIFESTS).objects.map(({ object }) => object)
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map((object) => ({ op: 'put', object })),
  )
  const mesh = new Translator({ trustDomain: 'cluster.local' }).translate(snapshot)
  const asked: { readonly pod: string; readonly question: ProxyQuestion }[] = []
  const broken = new Set<string>()
  const hostile = new Map<string, unknown>()
  const ask: AskProxy = async (pod, _kind, value) => {
    if (broken.has(pod)) throw new WeftError('questions.no_proxy', `the sidecar of ${pod} is not connected`)
    if (hostile.has(pod)) return { answer: hostile.get(pod), took: 6, latest: 7, rejected: '' }
    const question = readProxyQuestion(JSON.parse(JSON.stringify(value)))
    asked.push({ pod, question })
    const [namespace = '', name = ''] = pod.split('/')
    const explanation = newDraft({ namespace, pod: name }, '7', '')
    explanation.outcome = 'forwarded'
    explanation.route = 'HTTPRoute/shop/catalog/0'
    explanation.backends.push({ cluster: 'shop/catalog/8080', odds: 1, endpoints: [] })
    if (question.direction === 'inbound')
      explanation.policy = { decision: 'denied', rule: 'none', reason: 'nobody may' }
    const next = question.direction === 'outbound' ? { workload: 'catalog-1.shop', question: SERVER } : null
    return { answer: { explanation, next }, took: 6, latest: 7, rejected: '' }
  }
  const app = fastify()
  explainPages(
    app,
    { own: ask, explaining: { mesh: () => mesh, connected: () => true, ask } },
    async (id) => ({ trace: id === TRACE ? { spans } : undefined, coverage: ALONE }),
  )
  t.teardown(() => app.close())
  const post = async (payload: object) => {
    const reply = await app.inject({ method: 'POST', url: '/api/explain', payload })
    return { status: reply.statusCode, body: reply.json<Record<string, unknown>>() }
  }
  return { app, asked, broken, hostile, post }
}

t.test("the caller's sidecar is asked, and then the server's", async (t) => {
  const { app, asked, post } = setUp(t)
  const question = {
    from: 'shop/web',
    to: 'http://catalog:8080/items/7?x',
    method: 'PUT',
    headers: { 'X-User': 'beta' },
  }
  const { status, body } = await post(question)
  t.equal(status, 200)
  t.match(body, {
    caller: { pod: 'web-1', outcome: 'forwarded', policy: { decision: 'denied' } },
    server: { pod: 'catalog-1', policy: { rule: 'none' } },
    config: { took: 6, latest: 7, rejected: '' },
  })
  t.match(asked, [
    {
      pod: 'shop/web-1',
      question: {
        direction: 'outbound',
        address: '10.96.0.1',
        port: 8080,
        request: { method: 'PUT', path: '/items/7?x', authority: 'catalog:8080', fields: ['x-user', 'beta'] },
      },
    },
    { pod: 'shop/catalog-1', question: { identity: SERVER.identity, source: '10.0.0.1' } },
  ])
  const { from, to, method, headers } = question
  const query = new URLSearchParams({ from, to, method, headers: JSON.stringify(headers) }).toString()
  t.strictSame((await app.inject({ url: `/api/explain?${query}` })).json(), body, 'the same by GET')
})

t.test('names as DNS has them, addresses, ports that are not there, and hosts outside', async (t) => {
  const { asked, post } = setUp(t)
  for (const host of [
    'catalog',
    'catalog.shop',
    'catalog.shop.svc',
    'catalog.shop.svc.cluster.local.',
    '10.96.0.1',
  ])
    await post({ from: 'shop/web-1', to: `http://${host}:8080/` })
  t.ok(
    asked.filter(({ pod }) => pod === 'shop/web-1').every(({ question }) => question.address === '10.96.0.1'),
  )
  t.match((await post({ from: 'shop/web', to: 'http://catalog/' })).body, {
    caller: { notes: ['Service shop/catalog has no port 80; it has 8080'] },
  })
  t.match((await post({ from: 'shop/web', to: 'https://example.com/' })).body, {
    caller: { outcome: 'passed-through', notes: [/no Service of the mesh is called example.com/] },
    server: null,
  })
})

t.test('what cannot be told is told by its field', async (t) => {
  const { app, broken, post } = setUp(t)
  for (const [question, parameter, message] of [
    [{ to: 'http://a/' }, 'from', /is required/],
    [{ from: 'web', to: 'http://a/' }, 'from', /must be NAMESPACE\/WORKLOAD/],
    [{ from: 'shop/wep', to: 'http://a/' }, 'from', /in shop there are .*; was shop\/web meant\?/],
    [{ from: 'none/web', to: 'http://a/' }, 'from', /no pod of namespace none has a sidecar/],
    [{ from: 'shop/web' }, 'to', /is required/],
    [{ from: 'shop/web', to: 'catalog' }, 'to', /must be a URL/],
    [{ from: 'shop/web', to: 'http://a/', headers: [1] }, 'headers', /must be an object/],
    [{ from: 'shop/web', to: 'http://a/', headers: { 'a b': '' } }, 'headers', /is no name of a field/],
    [{ from: 'shop/web', to: 'http://a/', method: 'G T' }, 'method', /must be a method/],
  ] as const)
    t.match(
      await post(question),
      { status: 400, body: { error: { parameter, message } } },
      JSON.stringify(question),
    )
  broken.add('shop/catalog-1')
  t.match((await post({ from: 'shop/web', to: 'http://catalog:8080/' })).body, {
    server: null,
    caller: { notes: [/what the server's sidecar decides is not known: the sidecar of shop\/catalog-1/] },
  })
  broken.add('shop/web-1')
  t.match(await post({ from: 'shop/web', to: 'http://catalog:8080/' }), { status: 404 })
  const replica = await app.inject({
    method: 'POST',
    url: '/api/questions',
    payload: { pod: 'shop/catalog-2', kind: 'explain', question: SERVER },
  })
  t.equal(replica.statusCode, 403, 'a web page has no such header')
  t.equal((await app.inject({ url: `/api/explain/${'1'.repeat(32)}` })).statusCode, 404)
})

t.test('a sidecar that answers what it likes breaks no page', async (t) => {
  const { app, hostile, post } = setUp(t, [{ ...SPAN, attributes: { ...SPAN.attributes } }])
  const good = newDraft({ namespace: 'shop', pod: 'web-1' }, '7', '')
  for (const answer of [
    null,
    'text',
    {},
    { explanation: null, next: null },
    { explanation: good },
    { explanation: { ...good, backends: [null] }, next: null },
    { explanation: { ...good, notes: [{}] }, next: null },
    { explanation: { ...good, policy: 'none' }, next: null },
    { explanation: good, next: { workload: 1, question: SERVER } },
  ]) {
    hostile.set('shop/web-1', answer)
    t.match(
      await post({ from: 'shop/web', to: 'http://catalog:8080/' }),
      { status: 502, body: { error: { code: 'questions.failed', message: /no explanation/ } } },
      JSON.stringify(answer),
    )
    t.match((await app.inject({ url: `/api/explain/${TRACE}` })).json(), {
      hops: [{ now: null, reason: /no explanation/ }],
    })
  }
})

const SPAN: SpanView = {
  traceId: TRACE,
  spanId: '1'.repeat(16),
  parentSpanId: '',
  name: 'GET',
  kind: 'client',
  service: 'web',
  namespace: 'shop',
  pod: 'web-1',
  startMs: 1,
  durationMs: 3,
  status: 'unset',
  statusMessage: '',
  attributes: {
    'http.request.method': 'GET',
    'url.path': '/items/7',
    'server.address': 'catalog',
    'server.port': 8080,
    'http.route': 'HTTPRoute/shop/old/0',
    'weft.backend': 'shop/old/8080',
    'network.peer.address': '10.0.0.2',
    'network.peer.port': 8080,
    'http.response.status_code': 200,
  },
}

t.test('each hop of a trace: what was decided, and what would be decided otherwise now', async (t) => {
  const inbound: SpanView = {
    ...SPAN,
    spanId: '2'.repeat(16),
    parentSpanId: SPAN.spanId,
    startMs: 2,
    kind: 'server',
    pod: 'catalog-1',
    attributes: {
      'http.request.method': 'GET',
      'url.path': '/items/7',
      'server.address': 'catalog',
      'http.route': 'HTTPRoute/shop/catalog/0',
      'weft.source_identity': SERVER.identity,
      'weft.policy.decision': 'allowed',
      'weft.policy': 'shop/web/0',
    },
  }
  const attempt: SpanView = { ...SPAN, spanId: '3'.repeat(16), attributes: { 'weft.try': 'retry' } }
  const untold: SpanView = { ...SPAN, spanId: '4'.repeat(16), startMs: 9, attributes: {} }
  const { app, asked } = setUp(t, [inbound, SPAN, attempt, untold])
  const reply = (await app.inject({ url: `/api/explain/${TRACE}` })).json<Record<string, unknown>>()
  t.match(reply, {
    traceId: TRACE,
    whole: true,
    hops: [
      {
        pod: 'web-1',
        decided: [
          'the rule HTTPRoute/shop/old/0 matched',
          'it went to shop/old/8080',
          'the endpoint was 10.0.0.2:8080',
        ],
        differs: [
          'the rule would be HTTPRoute/shop/catalog/0, it was HTTPRoute/shop/old/0',
          'shop/old/8080 would get no such request',
        ],
      },
      { pod: 'catalog-1', differs: ['policies would refuse it: nobody may'] },
      { now: null, reason: 'where the connection was going is not recorded' },
    ],
  })
  t.match(
    asked.find(({ pod }) => pod === 'shop/catalog-1'),
    {
      question: {
        direction: 'inbound',
        address: '10.0.0.2',
        port: 8080,
        carries: 'tls',
        identity: SERVER.identity,
      },
    },
  )
})

t.test('a proxy of another replica is asked by that one', async (t) => {
  const other = setUp(t)
  const port = new URL(await other.app.listen({ host: '127.0.0.1', port: 0 })).port
  const own: AskProxy = async () => {
    throw new Error('it is not connected here')
  }
  const ask = anyProxy(
    own,
    () => false,
    () => [
      { pod: 'a', address: 'http://127.0.0.1:1' },
      { pod: 'b', address: `http://127.0.0.1:${port}` },
    ],
  )
  t.match(await ask('shop/web-1', 'explain', SERVER), {
    took: 6,
    latest: 7,
    answer: { explanation: { pod: 'web-1' } },
  })
  other.broken.add('shop/web-1')
  await t.rejects(ask('shop/web-1', 'explain', SERVER), { code: 'questions.no_proxy' })
  await t.rejects(ask('shop/web-1', 'explain', {}), { code: 'questions.no_proxy' })
})
