import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { startCluster } from '../cluster/cluster.ts'
import { openAudit } from '../mesh/audit.ts'
import { refusedOf } from '../mesh/rights.ts'
import { CHART, NAMESPACE, openHelm, RELEASE } from './helm.ts'

// The control plane runs here as a process, with the token of its account: what the chart grants is all that it has.

const ACCOUNT = 'weft-control-plane'
const WEFT = join(import.meta.dirname, '../../../cli/weft.ts')
const POLL_MS = 50
const PROXY_SECRET = 'what the proxy of this test shows, and nobody else'

const directory = t.testdir({})
const progress = (line: string) => t.comment(line)
const audit = openAudit([`system:serviceaccount:${NAMESPACE}:${ACCOUNT}`])
t.teardown(() => audit.close())
const cluster = await startCluster({
  mode: 'api',
  apiServerFlags: audit.apiServerFlags,
  onProgress: progress,
})
t.teardown(() => cluster.stop())

const PEOPLE = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Namespace
metadata: { name: pay }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: nobody, namespace: shop }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: viewer, namespace: shop }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: owner, namespace: shop }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: sees-the-mesh }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weft-dashboard-view }
subjects:
  - { kind: ServiceAccount, name: viewer, namespace: shop }
  - { kind: ServiceAccount, name: owner, namespace: shop }
  - { apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'oidc:platform' }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: acts, namespace: shop }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weft-dashboard-act }
subjects:
  - { kind: ServiceAccount, name: owner, namespace: shop }
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: 'oidc:ada@example.com' }
`

const CANARIES = ['shop', 'pay']
  .map(
    (namespace) => `
apiVersion: weft.dev/v1alpha1
kind: Canary
metadata: { name: catalog, namespace: ${namespace} }
spec:
  routeRef: { kind: HTTPRoute, name: catalog }
  stable: { name: v1, port: 80 }
  canary: { name: v2, port: 80 }
  steps: [{ weight: 10 }]
`,
  )
  .join('---')

t.test('who may see, listen and act is what RBAC says, by tokens of the API server', async (t) => {
  const helm = await openHelm(progress, cluster.kubeconfig)
  t.teardown(() => helm.close())
  await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])
  await helm.run(['install', RELEASE, CHART, '--namespace', NAMESPACE, '--create-namespace'], {
    controlPlane: { httpAuth: 'kubernetes', httpProxy: { secret: 'dashboard-proxy', prefix: 'oidc:' } },
  })
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { stdin: PEOPLE })
  await cluster.kubectl(['apply', '--server-side', '--filename', '-'], { stdin: CANARIES })
  const replica = await tokenOf(NAMESPACE, ACCOUNT, 'weft-replica')
  const { address, https } = await startControlPlane(await ownKubeconfig(), replica)

  const viewer = await tokenOf('shop', 'viewer', 'weft-dashboard')
  const owner = await tokenOf('shop', 'owner', 'weft-dashboard')
  const nobody = await tokenOf('shop', 'nobody', 'weft-dashboard')
  const ofApiServer = (await cluster.kubectl(['create', 'token', 'viewer', '-n', 'shop'])).trim()
  const sidecar = await tokenOf('shop', 'viewer', 'weft')

  const ask = async (page: string, token?: string, init: RequestInit = {}) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${address}${page}`, {
      ...init,
      headers: { ...authorization, 'x-weft-client': 'test' },
    })
    const body = answer.headers.get('content-type')?.includes('json') ? await answer.json() : undefined
    if (body === undefined) await answer.body?.cancel()
    return { status: answer.status, body }
  }
  t.match(await ask('/api/mesh'), { status: 401, body: { error: { code: 'access.token' } } })
  t.match(await ask('/api/mesh', `${viewer}a`), { status: 401 })
  t.match(await ask('/api/mesh', sidecar), { status: 401 }, 'a token for other things')
  t.match(await ask('/api/mesh', nobody), {
    status: 403,
    body: { error: { message: /system:serviceaccount:shop:nobody may not view/ } },
  })
  for (const token of [viewer, ofApiServer])
    t.match(await ask('/api/mesh', token), { status: 200, body: { may: { act: false, tap: false } } })
  t.match(await ask('/live'), { status: 200 })

  t.match(await ask('/api/tap?namespace=shop', viewer), { status: 403 })
  t.match(await ask('/api/tap?namespace=pay', owner), { status: 403 })
  t.match(await ask('/api/tap?namespace=shop', owner), { status: 200 })

  const promote = (namespace: string, token: string) =>
    ask(`/api/canaries/${namespace}/catalog/promote`, token, { method: 'POST' })
  t.match(await promote('shop', viewer), { status: 403 })
  t.match(await promote('pay', owner), { status: 403 })
  t.match(await promote('shop', owner), { status: 202 })
  const annotations = async (namespace: string) =>
    JSON.parse(await cluster.kubectl(['get', 'canary', 'catalog', '-n', namespace, '--output=json'])).metadata
      .annotations as Record<string, string> | undefined
  t.match((await annotations('shop'))?.['weft.dev/canary-request'], /^promote \d{4}-/)
  t.equal((await annotations('pay'))?.['weft.dev/canary-request'], undefined)

  t.match(await ask('/api/canary-counts', owner), { status: 403 })
  t.match(await ask('/api/canary-counts', await tokenOf(NAMESPACE, ACCOUNT, 'weft-dashboard')), {
    status: 403,
  })
  t.match(await ask('/api/canary-counts', replica), { status: 200 })
  t.match(await ask('/api/mesh', replica), { status: 401 }, 'which opens nothing else')

  // Over TLS, by the certificate that the mesh's issuer gave, of the names of the Service.
  const roots = await cluster.kubectl(['get', 'configmap', 'weft-ca', '-n', NAMESPACE, '--output=json'])
  const ca = (JSON.parse(roots) as { data: Record<string, string> }).data['root-cert.pem'] ?? ''
  const overTls = (options: RequestOptions) =>
    new Promise<number | string>((resolve) => {
      const servername = `weft-control-plane.${NAMESPACE}.svc`
      const tls = { host: '127.0.0.1', port: https, servername, ca, agent: false, path: '/api/mesh' }
      request({ ...tls, ...options }, (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      })
        .once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        .end()
    })
  t.equal(await overTls({ headers: { authorization: `Bearer ${viewer}` } }), 200)
  t.equal(await overTls({}), 401)
  t.match(await overTls({ ca: '' }), /^(SELF_SIGNED|UNABLE_TO)_/, 'by nobody else')

  // By a proxy that signs users in: what it says counts with its secret alone.
  const signedIn = async (page: string, fields: Record<string, string>, method = 'GET') => {
    const answer = await fetch(`${address}${page}`, {
      method,
      headers: { 'x-weft-client': 'test', ...fields },
    })
    await answer.body?.cancel()
    return answer.status
  }
  const ada = { 'x-forwarded-user': 'ada@example.com', 'x-forwarded-groups': 'all,platform' }
  const proved = { ...ada, 'x-weft-proxy-secret': PROXY_SECRET }
  t.equal(await signedIn('/api/mesh', proved), 200)
  t.equal(await signedIn('/api/mesh', ada), 401, 'anybody may say so')
  t.equal(await signedIn('/api/mesh', { ...proved, 'x-weft-proxy-secret': 'x'.repeat(40) }), 401)
  t.equal(await signedIn('/api/mesh', { ...proved, 'x-forwarded-groups': 'all,system:masters' }), 403)
  t.equal(await signedIn('/api/canaries/shop/catalog/pause', proved, 'POST'), 202)
  t.equal(await signedIn('/api/canaries/pay/catalog/pause', proved, 'POST'), 403)

  await cluster.kubectl(['delete', 'serviceaccount', 'viewer', '-n', 'shop'])
  while ((await ask('/api/mesh', viewer)).status !== 401) await delay(POLL_MS)
  t.pass('who is gone is let in no longer, once what was known has gone, too')
  t.same(refusedOf(audit.events()), [], 'nothing that the control plane asks for is refused')
})

async function tokenOf(namespace: string, account: string, audience: string): Promise<string> {
  return (await cluster.kubectl(['create', 'token', account, '-n', namespace, '--audience', audience])).trim()
}

async function ownKubeconfig(): Promise<string> {
  const config = parse(readFileSync(cluster.kubeconfig, 'utf8'))
  const token = (await cluster.kubectl(['create', 'token', ACCOUNT, '-n', NAMESPACE])).trim()
  config.users[0].user = { token }
  const path = join(directory, 'kubeconfig')
  writeFileSync(path, stringify(config), { mode: 0o600 })
  return path
}

/** Gives the address of its REST pages once it serves, and their port of TLS. */
async function startControlPlane(
  kubeconfig: string,
  replicaToken: string,
): Promise<{ address: string; https: number }> {
  const tokenFile = join(directory, 'replica-token')
  writeFileSync(tokenFile, replicaToken, { mode: 0o600 })
  const args = ['--kubernetes', '--kubeconfig', kubeconfig, '--grpc', '127.0.0.1:0', '--http', '127.0.0.1:0']
  args.push('--http-auth', 'kubernetes', '--replica-token', tokenFile)
  const secretFile = join(directory, 'proxy-secret')
  writeFileSync(secretFile, PROXY_SECRET, { mode: 0o600 })
  args.push('--https', '127.0.0.1:0')
  args.push('--http-proxy-secret', secretFile, '--http-proxy-prefix', 'oidc:')
  const child = spawn(process.execPath, [WEFT, 'control-plane', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        t.comment(line)
        const [, port, https] = /control plane ready.*"http":(\d+),"https":(\d+)/.exec(line) ?? []
        if (port !== undefined) resolve({ address: `http://127.0.0.1:${port}`, https: Number(https) })
      })
    child.once('exit', (code) => reject(new Error(`the control plane ended with ${code}`)))
  })
}
