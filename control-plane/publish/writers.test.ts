import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { Authority } from '../../certs/authority.ts'
import { openCaStore } from '../../certs/ca-store.ts'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { authorityIssuer } from '../issuers/own-ca.ts'
import { FakeApi } from '../kubernetes/testing/fake-api.ts'
import type { PolicyStatus } from '../model/policy-status.ts'
import type { RouteStatus } from '../model/route.ts'
import type { KeysBySource } from '../model/token-rule.ts'
import { MemorySource } from '../registry/memory-source.ts'
import { writeBundles } from './bundle-writer.ts'
import { writeClusterTrustBundle } from './cluster-trust-bundle-writer.ts'
import { writeMeshStatus } from './mesh-status-writer.ts'
import { writePolicyStatus } from './policy-status-writer.ts'
import type { LiveEntry } from './status-entries.ts'
import { writeRouteStatus } from './status-writer.ts'
import { keptInCluster, writeTokenKeys } from './token-keys-writer.ts'
import { writeWebhook } from './webhook-writer.ts'
import type { StartWriter } from './writer.ts'

const ROUTE = '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/catalog'
const bundleIn = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps/weft-ca`

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const ca = openCaStore({ directory: t.testdir({}), trustDomain: 'cluster.local' })
  const authority = new Watched<Authority>(ca.authority.value)
  ca.authority.watch((value) => authority.set(value))
  const source = new MemorySource()
  const routeStatus = new Watched<{ readonly routeStatus: readonly RouteStatus[] }>({ routeStatus: [] })
  const policyStatus = new Watched<{ readonly policyStatus: readonly PolicyStatus[] }>({ policyStatus: [] })
  const tokenKeys = new Watched<KeysBySource>(new Map())
  const lines: string[] = []
  const clock = new ManualClock(Date.now())
  const state = { leading: true }
  const start = (writer: StartWriter) => {
    const running = writer({
      connection: api.connect(t),
      namespace: 'weft-system',
      snapshot: source.snapshot,
      routeStatus,
      policyStatus,
      issuer: authorityIssuer('the CA', authority, { clock }),
      tokenKeys,
      counts: { totals: () => Promise.resolve([]) },
      mayWrite: () => state.leading,
      log: createLogger('test', 'info', (line) => lines.push(line)),
      clock,
    })
    t.teardown(() => running.stop())
    return running
  }
  /** Lets the event loop turn, and time go on. */
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setImmediate(resolve))
      clock.advance(10)
    }
  }
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await turns(1)
  }
  return {
    tokenKeys,
    api,
    ca,
    authority,
    source,
    routeStatus,
    policyStatus,
    lines,
    clock,
    state,
    start,
    until,
    turns,
  }
}

const namespaceYaml = (name: string, label = 'enabled') =>
  `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name}, labels: { weft.dev/inject: ${label} } }\n`
const podYaml = (namespace: string, container: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: ${namespace} }\nspec: { containers: [{ name: ${container} }] }\n`

t.test('the trust bundle is in every namespace that takes part, and in no other', async (t) => {
  const { api, source, authority, start, until, ca } = await setUp(t)
  source.put(namespaceYaml('shop'))
  source.put(namespaceYaml('other', 'disabled'))
  source.put(podYaml('other', 'app'))
  start(writeBundles)
  const text = (namespace: string) =>
    (api.get(bundleIn(namespace))?.['data'] as Record<string, string>)?.['root-cert.pem']
  await until(() => text('shop') !== undefined && text('weft-system') !== undefined)
  t.equal(text('shop'), authority.value.bundle.pem)
  t.match(api.get(bundleIn('shop')), {
    metadata: { labels: { 'app.kubernetes.io/managed-by': 'weft-control-plane' } },
  })
  t.equal(text('other'), undefined)
  source.put(podYaml('other', 'weft-proxy'))
  await until(() => text('other') !== undefined)
  source.put(namespaceYaml('late'))
  await until(() => text('late') !== undefined)
  t.equal(api.writes.length, 4)

  ca.prepareRoot()
  const all = ['shop', 'weft-system', 'other', 'late']
  await until(() => all.every((one) => text(one) === authority.value.bundle.pem))
  t.equal(authority.value.bundle.roots.length, 2)
  t.equal(api.writes.length, 8)
})

t.test('the roots are in the ClusterTrustBundle of a signer, where the API server serves them', async (t) => {
  const { api, authority, start, until, ca, lines } = await setUp(t)
  const name = 'weft.dev:mesh:weft'
  const collection = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles'
  const path = `${collection}/${name}`
  const state = { served: false }
  api.hook = (asked) => {
    if (!asked.includes('/clustertrustbundles')) return undefined
    return state.served && asked.includes(collection) ? undefined : { status: 404 }
  }
  start(writeClusterTrustBundle('weft.dev/mesh'))
  await until(() => lines.some((line) => line.includes('--runtime-config=certificates.k8s.io/v1beta1')))
  t.strictSame(api.writes, [])

  state.served = true
  const text = () => (api.get(path)?.['spec'] as { trustBundle?: string } | undefined)?.trustBundle
  const right = () => text() === authority.value.bundle.pem
  await until(right)
  t.match(api.get(path), {
    apiVersion: 'certificates.k8s.io/v1beta1',
    metadata: { labels: { 'app.kubernetes.io/managed-by': 'weft-control-plane' } },
    spec: { signerName: 'weft.dev/mesh' },
  })
  ca.prepareRoot()
  await until(right)
  t.equal(authority.value.bundle.roots.length, 2)
  t.equal(api.writes.length, 2)
  api.remove(path)
  await until(right)
  api.put(path, { spec: { signerName: 'weft.dev/mesh', trustBundle: 'x' } })
  await until(right)
})

t.test('a bundle that somebody deletes or edits comes back; other keys are theirs', async (t) => {
  const { api, source, start, until, authority } = await setUp(t)
  source.put(namespaceYaml('shop'))
  start(writeBundles)
  const path = bundleIn('shop')
  const right = () =>
    (api.get(path)?.['data'] as Record<string, string>)?.['root-cert.pem'] === authority.value.bundle.pem
  await until(right)
  api.remove(path)
  await until(right)
  api.put(path, { data: { 'root-cert.pem': 'x', note: 'mine' } })
  await until(right)
  t.match(api.get(path), { data: { note: 'mine' } })
})

t.test(
  'a namespace that is being deleted is no error; others are not kept waiting by one that fails',
  async (t) => {
    const { api, source, start, until, lines } = await setUp(t)
    const asked = { ending: 0, broken: 0 }
    const message = 'unable to create new content in namespace ending because it is being terminated'
    api.hook = (what) => {
      if (what === `PATCH ${bundleIn('ending')}`) {
        asked.ending++
        return { status: 403, body: { kind: 'Status', message, reason: 'Forbidden', code: 403 } }
      }
      if (what === `PATCH ${bundleIn('broken')}` && asked.broken++ < 2) return { status: 500 }
      return undefined
    }
    for (const name of ['ending', 'broken', 'shop']) source.put(namespaceYaml(name))
    start(writeBundles)
    await until(() => api.get(bundleIn('shop')) !== undefined && api.get(bundleIn('broken')) !== undefined)
    t.equal(asked.ending, 1, 'it is not tried again and again')
    t.equal(lines.filter((line) => line.includes('"ending"')).length, 0)
    t.equal(lines.filter((line) => line.includes('"broken"')).length, 2)
  },
)

t.test('who does not lead writes nothing, and writes what is due when it leads again', async (t) => {
  const { api, source, start, until, turns, state } = await setUp(t)
  state.leading = false
  source.put(namespaceYaml('shop'))
  start(writeBundles)
  await until(() => api.watches > 0)
  await turns(50)
  t.strictSame(api.writes, [])
  state.leading = true
  await until(() => api.get(bundleIn('shop')) !== undefined)
})

const statusOf = (accepted: boolean, generation = 1, port?: number): RouteStatus => ({
  kind: 'HTTPRoute',
  namespace: 'shop',
  name: 'catalog',
  parents: [
    {
      parentRef: { group: '', kind: 'Service', namespace: 'shop', name: 'catalog', ...(port && { port }) },
      controllerName: CONTROLLER_NAME,
      conditions: [
        {
          type: 'Accepted',
          status: accepted ? 'True' : 'False',
          reason: accepted ? 'Accepted' : 'NoMatchingParent',
          message: 'm',
          observedGeneration: generation,
        },
        {
          type: 'ResolvedRefs',
          status: 'True',
          reason: 'ResolvedRefs',
          message: 'm',
          observedGeneration: generation,
        },
      ],
    },
  ],
})
const parents = (api: FakeApi): LiveEntry[] =>
  (api.get(ROUTE)?.['status'] as { parents: LiveEntry[] })?.parents ?? []
const foreign: LiveEntry = {
  parentRef: { name: 'gateway' },
  controllerName: 'example.com/gateway',
  conditions: [],
}

t.test('each kind of route has its status in its own collection', async (t) => {
  const { api, routeStatus, start, until } = await setUp(t)
  const collections = { GRPCRoute: 'grpcroutes', TLSRoute: 'tlsroutes', TCPRoute: 'tcproutes' } as const
  const kinds = Object.keys(collections) as (keyof typeof collections)[]
  const pathOf = (kind: keyof typeof collections) => ROUTE.replace('httproutes', collections[kind])
  for (const kind of kinds) api.put(pathOf(kind), { metadata: { generation: 1 }, spec: {} })
  routeStatus.set({ routeStatus: kinds.map((kind) => ({ ...statusOf(true), kind })) })
  start(writeRouteStatus)
  await until(() => api.writes.length === kinds.length)
  t.strictSame(api.writes.toSorted(), kinds.map((kind) => `PATCH ${pathOf(kind)}/status`).toSorted())
})

t.test("a route's status is written once, and again when it changes", async (t) => {
  const { api, routeStatus, start, until, clock } = await setUp(t)
  const route = (generation: number) => ({
    metadata: { generation },
    spec: {},
    status: { parents: [foreign] },
  })
  api.put(ROUTE, route(1))
  routeStatus.set({ routeStatus: [statusOf(true)] })
  start(writeRouteStatus)
  await until(() => parents(api).length === 2)
  t.strictSame(parents(api)[0], foreign, 'what another controller wrote stays where it is')
  t.match(parents(api)[1], {
    controllerName: CONTROLLER_NAME,
    parentRef: { kind: 'Service', name: 'catalog' },
  })
  const [first] = parents(api)[1]?.conditions ?? []
  t.match(first, {
    type: 'Accepted',
    status: 'True',
    observedGeneration: 1,
    lastTransitionTime: /^\d{4}-.*:\d\dZ$/,
  })
  const writes = [`PATCH ${ROUTE}/status`]
  t.strictSame(api.writes, writes)

  clock.advance(5_000)
  routeStatus.set({ routeStatus: [statusOf(true, 2)] })
  await until(() => api.writes.length === 2)
  const [second] = parents(api)[1]?.conditions ?? []
  t.match(
    second,
    { observedGeneration: 2, lastTransitionTime: first?.lastTransitionTime },
    'it did not change',
  )
  clock.advance(5_000)
  routeStatus.set({ routeStatus: [statusOf(false, 2)] })
  await until(() => api.writes.length === 3)
  const [third, resolved] = parents(api)[1]?.conditions ?? []
  t.match(third, { status: 'False', reason: 'NoMatchingParent' })
  t.not(third?.lastTransitionTime, first?.lastTransitionTime)
  t.equal(resolved?.lastTransitionTime, first?.lastTransitionTime, 'the other one did not change')

  routeStatus.set({ routeStatus: [statusOf(false, 2, 80)] })
  await until(() => api.writes.length === 4)
  t.strictSame(
    parents(api).map((one) => one.parentRef?.['port']),
    [undefined, 80],
    'the parent before is gone',
  )
  routeStatus.set({ routeStatus: [] })
  await until(() => api.writes.length === 5)
  t.strictSame(parents(api), [foreign], 'it names our Service no longer')
})

t.test('nothing is written where nothing changed, also by the leader after', async (t) => {
  const { api, routeStatus, start, until, source } = await setUp(t)
  api.put(ROUTE, { metadata: { generation: 1 } })
  routeStatus.set({ routeStatus: [statusOf(true)] })
  source.put(namespaceYaml('shop'))
  const first = [start(writeRouteStatus), start(writeBundles)]
  await until(() => api.writes.length === 3)
  const lists = () =>
    api.asked.filter((asked) => asked.endsWith('/httproutes') || asked.endsWith('/configmaps')).length
  routeStatus.set({ routeStatus: [statusOf(true)] })
  api.put(ROUTE, { ...api.get(ROUTE), spec: { changed: true } })
  for (const one of first) await one.stop()
  const before = lists()
  start(writeRouteStatus)
  start(writeBundles)
  await until(() => lists() >= before + 2)
  routeStatus.set({ routeStatus: [statusOf(false)] })
  await until(() => parents(api)[0]?.conditions?.[0]?.status === 'False')
  t.equal(api.writes.length, 4, 'only what then changed')
})

t.test('a write that another controller was faster than is worked out anew', async (t) => {
  const { api, routeStatus, start, until } = await setUp(t)
  api.put(ROUTE, { metadata: { generation: 1 }, status: { parents: [] } })
  let raced = false
  api.hook = (asked) => {
    if (asked === `PATCH ${ROUTE}/status` && !raced) {
      raced = true
      api.put(ROUTE, { ...api.get(ROUTE), status: { parents: [foreign] } })
    }
    return undefined
  }
  routeStatus.set({ routeStatus: [statusOf(true)] })
  start(writeRouteStatus)
  await until(() => parents(api).length === 2)
  t.ok(raced)
  t.strictSame(api.writes, [`PATCH ${ROUTE}/status`], 'the first was refused')
  t.strictSame(parents(api)[0], foreign)
})

const WEBHOOK = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector'
const TLS = '/api/v1/namespaces/weft-system/secrets/weft-injector-tls'

t.test(
  "the webhook's certificate is issued, renewed before half of its life, and for a new CA",
  async (t) => {
    const { api, ca, start, until, turns, clock, authority } = await setUp(t)
    const { X509Certificate } = await import('node:crypto')
    start(writeWebhook)
    const leaf = () => {
      const data = (api.get(TLS)?.['data'] ?? {}) as Record<string, string>
      const pem = Buffer.from(data['tls.crt'] ?? '', 'base64').toString()
      return pem.startsWith('-----BEGIN') ? new X509Certificate(pem) : undefined
    }
    await until(() => leaf() !== undefined)
    t.equal(api.get(TLS)?.['type'], 'kubernetes.io/tls')
    const first = leaf()
    t.ok(
      first?.checkHost('weft-injector.weft-system.svc') &&
        first.checkHost('weft-injector.weft-system.svc.cluster.local'),
    )
    t.ok(first?.verify(authority.value.credentials.certificate.publicKey))
    const serial = first?.serialNumber
    const [from = 0, to = 0] = [first?.validFromDate.getTime(), first?.validToDate.getTime()]
    clock.advance((to - from) * 0.38)
    await turns(20)
    t.equal(leaf()?.serialNumber, serial)
    clock.advance((to - from) * 0.03)
    await until(() => leaf()?.serialNumber !== serial)
    t.ok(clock.now() < (from + to) / 2)
    const renewed = leaf()?.serialNumber
    ca.prepareRoot()
    ca.promoteRoot()
    await until(() => leaf()?.serialNumber !== renewed)
    t.ok(leaf()?.verify(authority.value.credentials.certificate.publicKey))
    const writes = api.writes.length
    api.put(TLS, { ...api.get(TLS), data: { 'tls.crt': 'eA==', 'tls.key': 'eA==' } })
    await until(() => leaf() !== undefined && api.writes.length === writes + 1)
    api.remove(TLS)
    await until(() => leaf() !== undefined)
  },
)

t.test(
  'the caBundle is the whole trust bundle, written where it differs, also when somebody takes it away',
  async (t) => {
    const { api, ca, start, until, authority } = await setUp(t)
    const webhook = (name: string, caBundle?: string) => ({
      name,
      clientConfig: { service: {}, ...(caBundle && { caBundle }) },
    })
    // The fake takes a JSON Patch as the real one does.
    api.put(WEBHOOK, { webhooks: [webhook('a'), webhook('b', 'eA==')] })
    start(writeWebhook)
    const bundles = () =>
      ((api.get(WEBHOOK)?.['webhooks'] ?? []) as { clientConfig: { caBundle?: string } }[]).map(
        (one) => one.clientConfig.caBundle,
      )
    const right = () =>
      bundles().every((one) => one === Buffer.from(authority.value.bundle.pem).toString('base64'))
    await until(right)
    const patches = () => api.writes.filter((write) => write === `PATCH ${WEBHOOK}`).length
    t.equal(patches(), 1)
    ca.prepareRoot()
    await until(right)
    t.equal(patches(), 2)
    api.put(WEBHOOK, { webhooks: [webhook('b'), webhook('a')] })
    await until(right)
    t.equal(patches(), 3)
    // What is asked for later is done later: by then nothing else was to be written.
    for (let i = 0; i < 3; i++) {
      api.remove(TLS)
      await until(() => api.get(TLS) !== undefined)
    }
    t.equal(patches(), 3)
  },
)

const POLICY = '/apis/weft.dev/v1alpha1/namespaces/shop/trafficpolicies/catalog'
const policyOf = (services: readonly string[], generation = 1): PolicyStatus => ({
  kind: 'TrafficPolicy',
  namespace: 'shop',
  name: 'catalog',
  ancestors: services.map((name) => ({
    ancestorRef: { group: '', kind: 'Service', namespace: 'shop', name },
    controllerName: CONTROLLER_NAME,
    conditions: [
      { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'm', observedGeneration: generation },
    ],
  })),
})

t.test("a policy's status has an ancestor for each target, beside those of others", async (t) => {
  const { api, policyStatus, start, until } = await setUp(t)
  const ancestors = (): LiveEntry[] =>
    (api.get(POLICY)?.['status'] as { ancestors: LiveEntry[] })?.ancestors ?? []
  const other: LiveEntry = {
    ancestorRef: { name: 'x' },
    controllerName: 'example.com/other',
    conditions: [],
  }
  api.put(POLICY, { metadata: { generation: 1 }, status: { ancestors: [other] } })
  policyStatus.set({ policyStatus: [policyOf(['catalog', 'cart'])] })
  start(writePolicyStatus)
  await until(() => ancestors().length === 3)
  t.strictSame(ancestors()[0], other)
  t.match(ancestors()[1], {
    ancestorRef: { group: '', kind: 'Service', namespace: 'shop', name: 'catalog' },
    conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 1 }],
  })
  t.equal(ancestors()[1]?.parentRef, undefined)
  policyStatus.set({ policyStatus: [policyOf(['cart'], 2)] })
  await until(() => ancestors().length === 2)
  t.match(ancestors()[1], { ancestorRef: { name: 'cart' }, conditions: [{ observedGeneration: 2 }] })
  const many = Array.from({ length: 20 }, (_, at) => `s${at}`)
  policyStatus.set({ policyStatus: [policyOf(many)] })
  await until(() => ancestors().length > 2)
  t.equal(ancestors().length, 16, 'the API takes no more')
  t.strictSame(api.writes, Array(3).fill(`PATCH ${POLICY}/status`))
})

t.test('an XMesh of ours is told what the mesh does of Gateway API, and others nothing', async (t) => {
  const { api, start, until, turns } = await setUp(t)
  const path = (name: string) => `/apis/gateway.networking.x-k8s.io/v1alpha1/xmeshes/${name}`
  const waiting = {
    type: 'Accepted',
    status: 'Unknown',
    reason: 'Pending',
    message: 'Waiting for controller',
  }
  const put = (name: string, spec: Record<string, unknown>): void =>
    void api.put(path(name), {
      metadata: { name, generation: 3 },
      spec,
      status: { conditions: [{ ...waiting, lastTransitionTime: '1970-01-01T00:00:00Z' }] },
    })
  put('ours', { controllerName: CONTROLLER_NAME })
  put('theirs', { controllerName: 'example.com/mesh' })
  put('wrong', {
    controllerName: CONTROLLER_NAME,
    parametersRef: { group: '', kind: 'ConfigMap', name: 'a' },
  })
  start(writeMeshStatus)
  const status = (name: string) => (api.get(path(name))?.['status'] ?? {}) as Record<string, unknown[]>
  await until(
    () =>
      status('ours')['supportedFeatures'] !== undefined && status('wrong')['supportedFeatures'] !== undefined,
  )
  t.match(status('ours')['conditions'], [
    { type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 3 },
  ])
  t.match(status('wrong')['conditions'], [{ type: 'Accepted', status: 'False', reason: 'InvalidParameters' }])
  const names =
    status('ours')['supportedFeatures']?.map((one) => (one as { readonly name: string }).name) ?? []
  t.same(names, names.toSorted())
  t.ok(names.length <= 64 && names.includes('MeshConsumerRoute'))
  t.match(status('theirs')['conditions'], [{ status: 'Unknown' }])
  const version = api.get(path('ours'))?.metadata.resourceVersion
  await turns(200)
  t.equal(api.get(path('ours'))?.metadata.resourceVersion, version, 'nothing is written that is there')
})

t.test('the last good keys of token issuers are in one ConfigMap, and nowhere without issuers', async (t) => {
  const { api, tokenKeys, start, until, turns } = await setUp(t)
  const path = '/api/v1/namespaces/weft-system/configmaps/weft-token-keys'
  const text = (): string | undefined =>
    (api.get(path)?.['data'] as Record<string, string> | undefined)?.['keys.json']
  const jwk = (kid: string) => ({
    ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
    kid,
  })
  const [a, b] = [JSON.stringify({ keys: [jwk('a')] }), JSON.stringify({ keys: [jwk('b')] })]
  const running = start(writeTokenKeys)
  await turns(20)
  t.equal(api.get(path), undefined)
  const failed = { message: 'no answer', remedy: '' }
  tokenKeys.set(new Map([['uri https://a/', { text: a, problem: undefined }]]))
  await until(() => text() !== undefined)
  t.strictSame(JSON.parse(text() ?? ''), { 'uri https://a/': JSON.parse(a) as unknown })
  await running.stop()

  // Another replica has fetched nothing of it, and one more.
  tokenKeys.set(
    new Map([
      ['uri https://a/', { text: undefined, problem: failed }],
      ['uri https://b/', { text: b, problem: undefined }],
    ]),
  )
  start(writeTokenKeys)
  await until(() => text()?.includes('https://b/') === true)
  t.strictSame(
    [...(await keptInCluster(api.connect(t), 'weft-system')).keys()],
    ['uri https://a/', 'uri https://b/'],
  )
  tokenKeys.set(new Map())
  await until(() => text() === '{}')
  t.equal((await keptInCluster(api.connect(t), 'weft-system')).size, 0, 'of policies that are gone')
})
