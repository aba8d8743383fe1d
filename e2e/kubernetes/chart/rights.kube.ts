import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { accountKubeconfig } from '../testing/account-kubeconfig.ts'
import { CLUSTER_TRUST_BUNDLE_FLAGS } from '../testing/cluster-trust-bundle.ts'
import { TOKEN_KEYS_CONFIG_MAP } from '../../../core/contract.ts'
import { injectPod } from '../../../injector/inject-pod.ts'
import { applyPatch } from '../../../injector/json-patch.ts'
import { defaultSettings } from '../../../injector/settings.ts'
import { requestCertificate } from '../../../proxy/identity/sign-request.ts'
import { ecKey } from '../../../proxy/steps/testing/tokens.ts'
import { IssuerServer } from '../../authorization/issuer-server.ts'
import { startCluster } from '../cluster/cluster.ts'
import { ensureConformance, SUITE_CRDS } from '../conformance/programs.ts'
import { openAudit } from '../mesh/audit.ts'
import { refusedOf, rightsOf, unusedRights, type Rule } from '../mesh/rights.ts'
import { CHART, NAMESPACE, openHelm, RELEASE } from './helm.ts'
import type { Rendered } from './rendered.ts'

// The control plane runs here as a process, with the token of its account: what the chart grants is all that it has.

const ACCOUNT = 'weft-control-plane'
const WEFT = join(import.meta.dirname, '../../../cli/weft.ts')
const SIGNER = 'weft.dev/mesh'
const TRUST_BUNDLE = 'weft.dev:mesh:weft'
const POLL_MS = 50
const LIMIT_MS = 60_000

const directory = t.testdir({})
const progress = (line: string) => t.comment(line)
const audit = openAudit([`system:serviceaccount:${NAMESPACE}:${ACCOUNT}`])
t.teardown(() => audit.close())
const cluster = await startCluster({
  mode: 'api',
  apiServerFlags: [...audit.apiServerFlags, ...CLUSTER_TRUST_BUNDLE_FLAGS],
  onProgress: progress,
})
t.teardown(() => cluster.stop())

const issuer = await IssuerServer.start(t)
issuer.answer = { kind: 'keys', keys: [ecKey('fetched').jwk] }

const MESH = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { weft.dev/inject: enabled } }
---
apiVersion: v1
kind: Namespace
metadata: { name: plain }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec: { parentRefs: [{ group: '', kind: Service, name: web }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: web, namespace: shop }
spec: { parentRefs: [{ group: '', kind: Service, name: web }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: { name: web, namespace: shop }
spec: { parentRefs: [{ group: '', kind: Service, name: web }], hostnames: [web.example], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: { name: web, namespace: shop }
spec: { parentRefs: [{ group: '', kind: Service, name: web }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: web, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: web }], retryBudget: { percent: 10 } }
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackendTrafficPolicy
metadata: { name: web, namespace: shop }
spec: { targetRefs: [{ group: '', kind: Service, name: web }], retryConstraint: { budget: { percent: 10, interval: 10s } } }
---
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XMesh
metadata: { name: weft }
spec: { controllerName: weft.dev/control-plane }
---
apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { name: web, namespace: shop }
spec: { rules: [{ from: [{ source: { namespaces: [shop] } }] }] }
---
apiVersion: weft.dev/v1alpha1
kind: RequestAuthentication
metadata: { name: web, namespace: shop }
spec:
  jwtRules:
    - issuer: https://issuer.example
      jwks: '{"keys":[{"kty":"EC","x":"RKTBoM-cpjFDRo-cHOot6VqRyMbPpjOHuGFDiCVdSH4","y":"gnNQZuBktTonB4rwU5mTgdspJoZxa-N0wnq4bojilVg","crv":"P-256","kid":"one","use":"sig","alg":"ES256"}]}'
    - issuer: https://other.example
      jwksUri: ${issuer.url}
---
apiVersion: weft.dev/v1alpha1
kind: MeshPolicy
metadata: { name: default, namespace: ${NAMESPACE} }
spec: { authorization: { default: Allow } }
`

/** New versions without a pod: their Canaries take the requests back that the routes give them. */
const CANARIES = ['HTTPRoute', 'GRPCRoute']
  .map(
    (kind) => `
apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: release, namespace: plain }
spec:
  parentRefs: [{ group: '', kind: Service, name: ${kind.toLowerCase()} }]
  rules: [{ backendRefs: [{ name: v1, port: 80, weight: 50 }, { name: v2, port: 80, weight: 50 }] }]
---
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: ${kind.toLowerCase()}, namespace: plain }
spec:
  routeRef: { kind: ${kind}, name: release }
  stable: { name: v1, port: 80 }
  canary: { name: v2, port: 80 }
  steps: [{ weight: 10 }]
`,
  )
  .join('---')

/** Nothing injects here: the namespace has no label, and the pod looks like one with a sidecar. */
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: web, namespace: plain }
spec: { containers: [{ name: app, image: none }, { name: weft-proxy, image: none }] }
`

t.test('what the chart grants the control plane is what it needs, and no more', async (t) => {
  const helm = await openHelm(progress, cluster.kubeconfig)
  t.teardown(() => helm.close())
  const definitions = join(await ensureConformance('conformance-suite', progress), SUITE_CRDS)
  await cluster.kubectl(['apply', '--server-side', '--filename', definitions])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  await helm.run(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace'], {
    clusterTrustBundle: { signerName: SIGNER },
  })
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { stdin: MESH })
  await cluster.kubectl(['wait', '--for=create', '-n', 'plain', 'serviceaccount/default'])
  await cluster.kubectl(['create', '--filename', '-'], { stdin: POD })
  const port = await startControlPlane(
    await accountKubeconfig(cluster, directory, { namespace: NAMESPACE, name: ACCOUNT }),
  )

  for (const namespace of [NAMESPACE, 'shop', 'plain'])
    await until(`the bundle in ${namespace}`, async () =>
      (await roots(namespace)).includes('BEGIN CERTIFICATE'),
    )
  for (const kind of ['httproute', 'grpcroute', 'tlsroute', 'tcproute'])
    await until(`the status of ${kind}`, async () => {
      const { status } = await get(kind, 'web', 'shop')
      return status?.parents?.[0]?.controllerName === 'weft.dev/control-plane'
    })
  await cluster.kubectl(['create', '--filename', '-'], { stdin: CANARIES })
  for (const kind of ['httproute', 'grpcroute'])
    await until(`the weights of ${kind}`, async () => {
      const { spec } = await get(kind, 'release', 'plain')
      const { status } = await get('canary', kind, 'plain')
      return spec.rules[0].backendRefs[1].weight === 0 && status?.reason === 'NoEndpoint'
    })
  for (const [kind, name, namespace] of [
    ['trafficpolicy', 'web', 'shop'],
    ['authorizationpolicy', 'web', 'shop'],
    ['requestauthentication', 'web', 'shop'],
    ['meshpolicy', 'default', NAMESPACE],
  ] as const)
    await until(`the status of ${kind}`, async () => {
      const { status } = await get(kind, name, namespace)
      return status?.ancestors?.[0]?.controllerName === 'weft.dev/control-plane'
    })
  await until('the status of xbackendtrafficpolicy', async () => {
    const { status } = await get('xbackendtrafficpolicy', 'web', 'shop')
    return status?.ancestors?.[0]?.controllerName === 'weft.dev/control-plane'
  })
  await until('the status of xmesh', async () => {
    const { status } = await get('xmesh', 'weft', 'shop')
    return (status?.supportedFeatures?.length ?? 0) > 0
  })
  const kept = async () => {
    const args = ['get', 'configmap', TOKEN_KEYS_CONFIG_MAP, '-n', NAMESPACE, '--ignore-not-found']
    return (await cluster.kubectl([...args, '--output=jsonpath={.data}'])).includes('fetched')
  }
  await until('the keys of the issuer', kept)
  const webhook = () => get('mutatingwebhookconfiguration', 'weft-injector', NAMESPACE)
  await until('the caBundle', async () => (await webhook()).webhooks[0].clientConfig.caBundle !== undefined)

  const trustBundle = async () => {
    const args = ['get', 'clustertrustbundle', TRUST_BUNDLE, '--ignore-not-found']
    return cluster.kubectl([...args, '--output=jsonpath={.spec.trustBundle}'])
  }
  const isTheRoots = async () => (await trustBundle()) === (await roots(NAMESPACE))
  await until('the ClusterTrustBundle', isTheRoots)

  const token = await tokenOf('plain', 'default', 'web')
  const certificate = await sign(port, token)
  t.equal(certificate.subjectAltName, 'URI:spiffe://cluster.local/ns/plain/sa/default')
  await cluster.kubectl(['delete', 'pod', 'web', '-n', 'plain', '--grace-period=0', '--force'])
  await until('the end of the pod', async () => {
    const refused = await sign(port, token).then(
      () => undefined,
      (error: Error) => error,
    )
    return refused !== undefined
  })

  // What others spoil is written again, which takes rights that a quiet cluster needs once a month.
  await spoil('configmap', 'weft-ca', 'shop', { 'root-cert.pem': 'none' })
  await until('the bundle again', async () => (await roots('shop')).includes('BEGIN CERTIFICATE'))
  await cluster.kubectl(['delete', 'clustertrustbundle', TRUST_BUNDLE])
  await until('the ClusterTrustBundle again', isTheRoots)
  const before = (await get('secret', 'weft-injector-tls', NAMESPACE)).data['tls.crt']
  await spoil('secret', 'weft-injector-tls', NAMESPACE, { 'tls.crt': 'bm9uZQ==' })
  await until("the webhook's certificate again", async () => {
    const now = (await get('secret', 'weft-injector-tls', NAMESPACE)).data['tls.crt']
    return now !== before && now !== 'bm9uZQ=='
  })
  await spoil('secret', 'weft-ca', NAMESPACE, { 'issuing.pem': null })
  await until('an issuing certificate again', async () => {
    const { data } = await get('secret', 'weft-ca', NAMESPACE)
    return data['issuing.pem'] !== undefined
  })

  const renewed = () =>
    get('lease', 'weft-control-plane-leader', NAMESPACE).then(({ spec }) => spec.renewTime)
  const first = await renewed()
  await until('a renewal of the Lease', async () => (await renewed()) !== first)

  const rules: Rule[] = []
  for (const kind of ['clusterrole', 'role']) rules.push(...(await get(kind, ACCOUNT, NAMESPACE)).rules)
  // Asked for by no request, but by the admission of one that writes a bundle of that signer.
  const rights = rightsOf(rules).filter((right) => !right.startsWith('attest '))
  t.ok(rights.length > 30)
  t.same(unusedRights(rights, audit.events()), [], 'nothing is granted in vain')
  t.same(refusedOf(audit.events()), [], 'nothing that it asks for is refused')
})

t.test('the API server takes a pod whose sidecar reads the roots from the ClusterTrustBundle', async (t) => {
  const own = { ...defaultSettings('1.2.3'), trustBundleSigner: SIGNER }
  const metadata = { name: 'injected', namespace: 'plain' }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'app', image: 'none' }] },
  }
  const { patch } = injectPod(pod, { name: 'plain', labels: { 'weft.dev/inject': 'enabled' } }, own)
  const made = JSON.stringify(applyPatch(pod, patch))
  const said = await cluster.kubectl(
    ['create', '--dry-run=server', '--validate=strict', '--output=json', '--filename', '-'],
    { stdin: made },
  )
  const volume = JSON.parse(said).spec.volumes.find(({ name }: Rendered) => name === 'weft-ca')
  t.match(volume.projected.sources, [{ clusterTrustBundle: { name: TRUST_BUNDLE, path: 'root-cert.pem' } }])
})

t.test("the injector's account may do nothing, and has no token", async (t) => {
  const as = `--as=system:serviceaccount:${NAMESPACE}:weft-injector`
  const groups = [`--as-group=system:serviceaccounts`, `--as-group=system:serviceaccounts:${NAMESPACE}`]
  const may = await cluster.kubectl(['auth', 'can-i', '--list', as, ...groups, '-n', NAMESPACE])
  const resources = may.split('\n').filter((line) => /^[a-z]/.test(line))
  t.same(
    // Every ServiceAccount may read ClusterTrustBundles.
    resources.filter((line) => !/^(selfsubject|clustertrustbundles)/.test(line)),
    [],
  )
  const { spec } = (await get('deployment', 'weft-injector', NAMESPACE)).spec.template
  t.equal(spec.automountServiceAccountToken, false)
})

/** Gives the port of its gRPC once it serves. */
async function startControlPlane(kubeconfig: string): Promise<number> {
  const args = ['--kubernetes', '--kubeconfig', kubeconfig, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0']
  args.push(`--cluster-trust-bundle=${SIGNER}`, '--jwks-http', '--jwks-allow=127.0.0.0/8')
  const child = spawn(process.execPath, [WEFT, 'control-plane', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const said: string[] = []
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line)
        t.comment(line)
        const port = /control plane ready.*"grpc":(\d+)/.exec(line)?.[1]
        if (port !== undefined) resolve(Number(port))
      })
    child.once('exit', (code) =>
      reject(new Error(`the control plane ended with ${code}: ${said.join('\n')}`)),
    )
  })
}

async function sign(port: number, token: string) {
  const endpoint = {
    address: `127.0.0.1:${port}`,
    serverName: `weft-control-plane.${NAMESPACE}.svc`,
    caBundlePath: join(directory, 'root-cert.pem'),
    tokenPath: join(directory, 'token'),
  }
  writeFileSync(endpoint.tokenPath, token)
  writeFileSync(endpoint.caBundlePath, await roots('plain'))
  const { chain } = await requestCertificate(
    endpoint,
    { ttlSeconds: 0, spiffeId: undefined },
    AbortSignal.timeout(LIMIT_MS),
  )
  return chain[0] as NonNullable<(typeof chain)[0]>
}

async function tokenOf(namespace: string, account: string, pod: string): Promise<string> {
  const bound = ['--bound-object-kind=Pod', `--bound-object-name=${pod}`]
  return (
    await cluster.kubectl(['create', 'token', account, '-n', namespace, '--audience=weft', ...bound])
  ).trim()
}

async function get(kind: string, name: string, namespace: string): Promise<Rendered> {
  return JSON.parse(await cluster.kubectl(['get', kind, name, '-n', namespace, '--output=json']))
}

async function roots(namespace: string): Promise<string> {
  const args = ['get', 'configmap', 'weft-ca', '-n', namespace, '--ignore-not-found']
  return cluster.kubectl([...args, '--output=jsonpath={.data.root-cert\\.pem}'])
}

async function spoil(kind: string, name: string, namespace: string, data: object): Promise<void> {
  await cluster.kubectl([
    'patch',
    kind,
    name,
    '-n',
    namespace,
    '--type=merge',
    '--patch',
    JSON.stringify({ data }),
  ])
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} did not come`)
    await delay(POLL_MS)
  }
}
