import { createPublicKey } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { createRoot, DAY, issueServer } from '../../certs/authority.ts'
import { generateKey } from '../../certs/key.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import type { ClusterSession } from '../cluster/command.ts'
import { sessionAt } from './testing/session.ts'
import { bundles, issuingCa, roots } from './trust.ts'
import { deployments } from './deployments.ts'
import { runChecks, type Check, type Finding } from './finding.ts'
import { gatewayApi } from './gateway-api.ts'
import { issuer } from './issuer.ts'
import { leader } from './leader.ts'
import { leftovers } from './leftovers.ts'
import { permissions } from './permissions.ts'
import { podSecurity } from './pod-security.ts'
import { pods } from './pods.ts'
import { policies } from './policies.ts'
import { routes } from './routes.ts'
import { runtime } from './runtime.ts'
import { serverVersion } from './server-version.ts'
import { injection, webhook } from './webhook.ts'

/** Older than what it signs here. */
const root = createRoot('cluster.local', Date.now() - 100 * DAY)
const other = createRoot('cluster.local', Date.now())
const base64 = (text: string) => Buffer.from(text).toString('base64')
const pem = root.certificate.toString()

/** Made `now`, to live for `lifeMs`. */
function serving(dnsNames = ['weft-injector.weft-system.svc'], now = Date.now(), lifeMs = DAY): string {
  const { chain } = issueServer(root, { dnsNames, publicKey: createPublicKey(generateKey()), now, lifeMs })
  return base64(chain.map((one) => one.toString()).join(''))
}

/** A CA of this life that ends so soon. */
function endingCa(lifeMs: number, leftMs: number): string {
  return createRoot('cluster.local', Date.now() + leftMs - lifeMs, lifeMs).certificate.toString()
}

const SYSTEM = '/namespaces/weft-system'
const WEBHOOK = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector'
const TLS = `/api/v1${SYSTEM}/secrets/weft-injector-tls`
const CA = `/api/v1${SYSTEM}/secrets/weft-ca`
const LEASE = `/apis/coordination.k8s.io/v1${SYSTEM}/leases/weft-control-plane-leader`
const ROUTE = '/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes/split'
const POLICIES = '/apis/weft.dev/v1alpha1'
const POLICY = `${POLICIES}/namespaces/shop/trafficpolicies/web`
const deployment = (name: string) => `/apis/apps/v1${SYSTEM}/deployments/${name}`
const bundle = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps/weft-ca`
const crd = (name: string) =>
  `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}.gateway.networking.k8s.io`

const metadata = (more: object = {}) => ({ name: '', ...more })
const webhooks = (caBundle: string) => [{ name: 'namespace.weft', clientConfig: { caBundle } }]
const route = (conditions: object[]) => ({
  kind: 'HTTPRoute',
  metadata: metadata(),
  spec: { parentRefs: [{ group: '', kind: 'Service', name: 'web' }] },
  status: { parents: [{ controllerName: 'weft.dev/control-plane', conditions }] },
})
const policy = (condition: object) => ({
  kind: 'TrafficPolicy',
  metadata: metadata(),
  status: { ancestors: [{ controllerName: 'weft.dev/control-plane', conditions: [condition] }] },
})
const status = (version: string) => ({ 'weft.dev/status': JSON.stringify({ version }) })

/** A cluster with a mesh that is well; a sidecar comes to every pod that is asked for. */
async function healthy(t: Test): Promise<{ api: FakeApi; session: ClusterSession }> {
  const api = await FakeApi.start(t)
  const labels = { 'app.kubernetes.io/version': '0.1.0' }
  for (const name of ['weft-control-plane', 'weft-injector'])
    api.put(deployment(name), {
      metadata: metadata({ labels }),
      spec: { replicas: 2, template: { spec: { containers: [{ image: `${name}:0.1.0` }] } } },
      status: { availableReplicas: 2, updatedReplicas: 2 },
    })
  api.put(WEBHOOK, { metadata: metadata(), webhooks: webhooks(base64(pem)) })
  api.put(TLS, { metadata: metadata(), data: { 'tls.crt': serving() } })
  api.put(CA, { metadata: metadata(), data: { 'issuing.pem': base64(pem) } })
  const renewTime = new Date().toISOString()
  api.put(LEASE, {
    metadata: metadata(),
    spec: { holderIdentity: 'a_1', leaseDurationSeconds: 15, renewTime },
  })
  for (const namespace of ['weft-system', 'shop'])
    api.put(bundle(namespace), { metadata: metadata(), data: { 'root-cert.pem': pem } })
  api.put('/api/v1/namespaces/shop', { metadata: metadata() })
  for (const kind of ['httproutes', 'grpcroutes'])
    api.put(crd(kind), {
      metadata: metadata({ annotations: { 'gateway.networking.k8s.io/bundle-version': 'v1.5.1' } }),
      spec: { versions: [{ name: 'v1', served: true }] },
    })
  api.put(ROUTE, route([{ type: 'Accepted', status: 'True' }]))
  api.put(POLICY, policy({ type: 'Accepted', status: 'True' }))
  api.put('/api/v1/namespaces/shop/pods/web', { metadata: metadata({ annotations: status('0.1.0') }) })
  api.hook = (asked) => {
    if (asked === 'GET /version') return { status: 200, body: { gitVersion: 'v1.36.3' } }
    if (asked.endsWith('/selfsubjectaccessreviews'))
      return { status: 201, body: { status: { allowed: true } } }
    if (!/^POST .*\/pods$/.test(asked)) return undefined
    return { status: 201, body: { spec: { initContainers: [{ name: 'weft-proxy' }], containers: [] } } }
  }
  const connection = api.connect(t)
  return { api, session: sessionAt(connection) }
}

const ALL: readonly Check[] = [
  serverVersion,
  permissions,
  gatewayApi,
  leftovers,
  podSecurity,
  deployments,
  webhook,
  injection,
  leader,
  issuer,
  roots,
  issuingCa,
  bundles,
  routes,
  policies,
  pods,
  runtime,
]

async function findings(session: ClusterSession, ...checks: readonly Check[]) {
  return (await runChecks(checks, session)).json as { good: boolean; findings: Finding[] }
}

t.test('a mesh that is well', async (t) => {
  const { session } = await healthy(t)
  const { good, findings: found } = await findings(session, ...ALL)
  t.ok(good)
  t.strictSame(
    found.filter(({ status: one }) => one !== 'ok'),
    [],
  )
  t.strictSame(new Set(found.map(({ check }) => check)).size, ALL.length, 'each says something')
  t.match((await runChecks(ALL, session)).text, /^ok +Kubernetes: v1\.36\.3.*\n[\s\S]*Nothing is wrong/)
})

type Break = (api: FakeApi) => void
const says =
  (asked: RegExp, answer: { status: number; body?: unknown }): Break =>
  (api) => {
    const before = api.hook
    api.hook = (one, body) => (asked.test(one) ? answer : before(one, body))
  }
const refused = (message: string) => ({ status: 403, body: { message, reason: 'Forbidden' } })

t.test('with a CNI plugin, pods are asked for that hold no capability', async (t) => {
  const { api, session } = await healthy(t)
  const asked: string[] = []
  const before = api.hook
  api.hook = (one, body) => {
    if (/^POST .*\/pods$/.test(one)) asked.push(JSON.stringify(body))
    return before(one, body)
  }
  await findings(session, podSecurity)
  api.put('/api/v1/namespaces/weft-system/configmaps/weft-injector', {
    metadata: metadata(),
    data: { 'settings.yaml': 'cni: true' },
  })
  await findings(session, podSecurity)
  t.match(asked[0], 'NET_ADMIN')
  t.match(asked[1], 'weft.dev/capture')
  t.notMatch(asked[1], 'NET_ADMIN')
})

const cases: readonly (readonly [Check, Finding['status'], RegExp, Break])[] = [
  [
    serverVersion,
    'failed',
    /v1\.32\.9 is older than v1\.33/,
    says(/version$/, { status: 200, body: { gitVersion: 'v1.32.9' } }),
  ],
  [serverVersion, 'unknown', /says no version/, says(/version$/, { status: 200, body: {} })],
  [
    permissions,
    'failed',
    /may not create namespaces, /,
    says(/reviews$/, { status: 201, body: { status: { allowed: false } } }),
  ],
  [gatewayApi, 'failed', /grpcroutes are not defined/, (api) => api.remove(crd('grpcroutes'))],
  [
    gatewayApi,
    'failed',
    /not served as v1/,
    (api) =>
      api.put(crd('httproutes'), {
        metadata: metadata(),
        spec: { versions: [{ name: 'v1beta1', served: true }] },
      }),
  ],
  [
    leftovers,
    'failed',
    /without an injector in weft-system/,
    (api) => api.remove(deployment('weft-injector')),
  ],
  [
    podSecurity,
    'failed',
    /namespace shop refuses them: violates PodSecurity "baseline"/,
    says(/\/pods$/, refused('violates PodSecurity "baseline"')),
  ],
  [
    podSecurity,
    'unknown',
    /cannot create resource/,
    says(/\/pods$/, refused('user cannot create resource "pods"')),
  ],
  [
    deployments,
    'failed',
    /no Deployment weft-system\/weft-injector/,
    (api) => api.remove(deployment('weft-injector')),
  ],
  [
    deployments,
    'warning',
    /weft-cni is in place on 1 of 3 nodes/,
    (api) =>
      api.put('/apis/apps/v1/namespaces/weft-system/daemonsets/weft-cni', {
        metadata: metadata(),
        status: { desiredNumberScheduled: 3, numberReady: 1 },
      }),
  ],
  [
    deployments,
    'warning',
    /has 1 of 2 replicas/,
    (api) =>
      api.put(deployment('weft-injector'), {
        metadata: metadata(),
        spec: { replicas: 2 },
        status: { availableReplicas: 1 },
      }),
  ],
  [
    deployments,
    'failed',
    /has 0 of 1 replicas/,
    (api) => api.put(deployment('weft-injector'), { metadata: metadata(), spec: {} }),
  ],
  [webhook, 'failed', /no pod is injected/, (api) => api.remove(WEBHOOK)],
  [
    webhook,
    'failed',
    /no caBundle/,
    (api) => api.put(WEBHOOK, { metadata: metadata(), webhooks: [{ name: 'a', clientConfig: {} }] }),
  ],
  [webhook, 'failed', /has no certificate/, (api) => api.remove(TLS)],
  [
    webhook,
    'failed',
    /none of the roots leads to it/,
    (api) =>
      api.put(WEBHOOK, { metadata: metadata(), webhooks: webhooks(base64(other.certificate.toString())) }),
  ],
  [
    webhook,
    'failed',
    /not for weft-injector\.weft-system\.svc/,
    (api) => api.put(TLS, { metadata: metadata(), data: { 'tls.crt': serving(['a.b.svc']) } }),
  ],
  [
    webhook,
    'failed',
    /DNS:weft-injector\.weft-system\.svc.* expired at/,
    (api) =>
      api.put(TLS, { metadata: metadata(), data: { 'tls.crt': serving(undefined, Date.now() - 9 * DAY) } }),
  ],
  [webhook, 'unknown', /grant verb "get" on resource "secrets"/, says(/weft-injector-tls$/, refused('no'))],
  [
    injection,
    'failed',
    /gets none/,
    says(/\/pods$/, { status: 201, body: { spec: { containers: [{ name: 'check' }] } } }),
  ],
  [
    injection,
    'failed',
    /does not reach the webhook/,
    says(/\/pods$/, { status: 500, body: { message: 'failed calling webhook "a"' } }),
  ],
  [injection, 'unknown', /is refused/, says(/\/pods$/, refused('a policy'))],
  [leader, 'failed', /nobody holds/, (api) => api.remove(LEASE)],
  [
    leader,
    'failed',
    /and it is over/,
    (api) =>
      api.put(LEASE, {
        metadata: metadata(),
        spec: {
          holderIdentity: 'a_1',
          leaseDurationSeconds: 15,
          renewTime: new Date(Date.now() - 60_000).toISOString(),
        },
      }),
  ],
  [roots, 'failed', /has no certificate/, (api) => api.remove(bundle('weft-system'))],
  [
    roots,
    'warning',
    /rotate them/,
    (api) =>
      api.put(bundle('weft-system'), {
        metadata: metadata(),
        data: { 'root-cert.pem': createRoot('a', Date.now(), 20 * DAY).certificate.toString() },
      }),
  ],
  [
    roots,
    'warning',
    /CN=.* \(serial \w+\) ends in 19 d, and all that it signed: end its rotation/,
    (api) =>
      api.put(bundle('weft-system'), {
        metadata: metadata(),
        data: { 'root-cert.pem': pem + createRoot('a', Date.now(), 20 * DAY).certificate.toString() },
      }),
  ],
  [
    issuingCa,
    'warning',
    /Secret weft-system\/weft-ca ends in 19 d: the control plane should have renewed it/,
    (api) =>
      api.put(CA, { metadata: metadata(), data: { 'issuing.pem': base64(endingCa(90 * DAY, 20 * DAY)) } }),
  ],
  [
    issuingCa,
    'failed',
    /ended 2 d ago: nothing that it signs is trusted/,
    (api) => api.put(CA, { metadata: metadata(), data: { 'tls.crt': base64(endingCa(40 * DAY, -2 * DAY)) } }),
  ],
  [issuingCa, 'unknown', /no certificate in Secret weft-system\/weft-ca/, (api) => api.remove(CA)],
  [issuingCa, 'unknown', /grant verb "get" on resource "secrets"/, says(/secrets\/weft-ca$/, refused('no'))],
  [
    webhook,
    'warning',
    /ends in 29 d and should have been renewed: kubectl logs -n weft-system deployment\/weft-control-plane/,
    (api) =>
      api.put(TLS, {
        metadata: metadata(),
        data: { 'tls.crt': serving(undefined, Date.now() - 60 * DAY, 90 * DAY - 1000) },
      }),
  ],
  [
    webhook,
    'warning',
    /ends in 6 d and should have been renewed/,
    (api) =>
      api.put(TLS, {
        metadata: metadata(),
        data: { 'tls.crt': serving(undefined, Date.now() - 20 * DAY, 27 * DAY - 1000) },
      }),
  ],
  [bundles, 'failed', /missing or old in shop/, (api) => api.remove(bundle('shop'))],
  [
    bundles,
    'failed',
    /missing or old in shop/,
    (api) => api.put(bundle('shop'), { metadata: metadata(), data: { 'root-cert.pem': 'old' } }),
  ],
  [
    routes,
    'warning',
    /HTTPRoute shop\/split: ResolvedRefs: BackendNotFound: none/,
    (api) =>
      api.put(
        ROUTE,
        route([{ type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound', message: 'none' }]),
      ),
  ],
  [
    routes,
    'warning',
    /no status of the control plane/,
    (api) => api.put(ROUTE, { ...route([]), status: {} }),
  ],
  [
    policies,
    'warning',
    /TrafficPolicy shop\/web: Accepted: Conflicted: another/,
    (api) =>
      api.put(
        POLICY,
        policy({ type: 'Accepted', status: 'False', reason: 'Conflicted', message: 'another' }),
      ),
  ],
  [
    policies,
    'warning',
    /Policy shop\/pay: PartiallyApplied: HttpFieldsOnTcpPort: a port/,
    (api) =>
      api.put(
        `${POLICIES}/namespaces/shop/authorizationpolicies/pay`,
        policy({
          type: 'PartiallyApplied',
          status: 'True',
          reason: 'HttpFieldsOnTcpPort',
          message: 'a port',
        }),
      ),
  ],
  [
    policies,
    'warning',
    /MeshPolicy is not defined: kubectl apply/,
    (api) => {
      const { hook } = api
      api.hook = (asked) =>
        asked === `GET ${POLICIES}/meshpolicies` ? { status: 404 } : hook(asked, undefined, {})
    },
  ],
  [
    policies,
    'warning',
    /TrafficPolicy is not defined: kubectl apply/,
    (api) => {
      const { hook } = api
      api.hook = (asked) =>
        asked === `GET ${POLICIES}/trafficpolicies` ? { status: 404 } : hook(asked, undefined, {})
    },
  ],
  [
    pods,
    'warning',
    /1 without a sidecar, restart their workloads: shop\/bare/,
    (api) => api.put('/api/v1/namespaces/shop/pods/bare', { metadata: metadata() }),
  ],
  [
    pods,
    'warning',
    /another version.*0\.1\.0: shop\/web \(0\.0\.9\)/,
    (api) =>
      api.put('/api/v1/namespaces/shop/pods/web', { metadata: metadata({ annotations: status('0.0.9') }) }),
  ],
]

for (const [check, expected, message, breakIt] of cases) {
  t.test(`${check.name}: ${message.source}`, async (t) => {
    const { api, session } = await healthy(t)
    breakIt(api)
    const { good, findings: found } = await findings(session, check)
    t.match(
      found.find(({ status: one }) => one === expected),
      { check: check.name, message },
    )
    t.equal(good, expected !== 'failed')
  })
}

t.test('a cluster that gives no answer ends the checks with one clear error', async (t) => {
  const { api, session } = await healthy(t)
  says(/version$/, { status: 401, body: { message: 'Unauthorized' } })(api)
  await t.rejects(runChecks(ALL, session), { code: 'kubernetes.unauthorized' })
  await session.connection.close()
  await t.rejects(runChecks(ALL, session), { code: /kubernetes\./ })
})

t.test('sidecars on a Node.js without the newest fixes of its line are named', async (t) => {
  const { api, session } = await healthy(t)
  const labels = { 'app.kubernetes.io/name': 'weft-control-plane' }
  api.put('/api/v1/namespaces/weft-system/pods/one', { metadata: metadata({ labels }) })
  const proxy = (pod: string, version: string) => ({ namespace: 'shop', pod, runtime: version })
  let proxies = ['26.12.0', '26.9.3', '25.99.0', 'x'].map((version, at) => proxy(`old-${at}`, version))
  proxies.push(
    proxy('new', '26.12.1'),
    proxy('newer', '26.13.0'),
    proxy('next', '27.0.0'),
    proxy('other', ''),
  )
  let asks = 200
  api.hook = (asked) =>
    asked.includes(':15080/proxy/api/') ? { status: asks, body: { release: '1', proxies } } : undefined
  const [found] = (await findings(session, runtime)).findings
  t.match(found, { check: 'Node.js', status: 'warning' })
  for (const at of [0, 1, 2, 3]) t.match(found?.message, `shop/old-${at} (`)
  t.notMatch(found?.message, /shop\/(new|next|other)/)
  proxies = proxies.slice(4)
  t.match((await findings(session, runtime)).findings, [{ status: 'ok', message: /^3 / }])
  asks = 503
  t.match((await findings(session, runtime)).findings, [{ status: 'unknown' }])
})

t.test('the CA that signs is looked for where the control plane says that it is', async (t) => {
  const { api, session } = await healthy(t)
  const labels = { 'app.kubernetes.io/name': 'weft-control-plane' }
  api.put('/api/v1/namespaces/weft-system/pods/one', { metadata: metadata({ labels }) })
  let title = 'Vault https://vault:8200'
  api.hook = (asked) =>
    asked.includes(':15080/proxy/api/')
      ? { status: 200, body: { release: '1', proxies: [], issuer: { title, trouble: null } } }
      : undefined
  api.remove(CA)
  t.match((await findings(session, issuingCa)).findings, [{ status: 'ok', message: /Vault .* has it/ }])
  title = 'Secret weft-system/corp-ca'
  t.match((await findings(session, issuingCa)).findings, [{ status: 'failed', message: /corp-ca has no/ }])
  const data = { 'tls.crt': base64(endingCa(90 * DAY, 9.5 * DAY)) }
  api.put(`/api/v1${SYSTEM}/secrets/corp-ca`, { metadata: metadata(), data })
  t.match((await findings(session, issuingCa)).findings, [
    { status: 'warning', message: /corp-ca ends in 9 d: whoever keeps that Secret has to renew it/ },
  ])
})

t.test('an issuer that gives no certificates is named, with what to do', async (t) => {
  const { api, session } = await healthy(t)
  const labels = { 'app.kubernetes.io/name': 'weft-control-plane' }
  for (const one of ['one', 'two'])
    api.put(`/api/v1/namespaces/weft-system/pods/${one}`, { metadata: metadata({ labels }) })
  let trouble: object | null = null
  let asks = 200
  api.hook = (asked) => {
    if (!asked.includes(':15080/proxy/api/')) return undefined
    const seen = asked.includes('/one:') ? trouble : null
    return { status: asks, body: { release: '1', proxies: [], issuer: { title: 'Vault x', trouble: seen } } }
  }
  t.match((await findings(session, issuer)).findings, [{ status: 'ok', message: 'Vault x' }])
  trouble = { code: 'issuer.unavailable', reason: 'Vault answers 503: unseal it', since: 1 }
  t.match(await findings(session, issuer), {
    good: false,
    findings: [
      { check: 'issuer', status: 'failed', message: 'Vault x, as one sees it: Vault answers 503: unseal it' },
    ],
  })
  asks = 503
  t.match((await findings(session, issuer)).findings, [{ status: 'unknown' }])
})
