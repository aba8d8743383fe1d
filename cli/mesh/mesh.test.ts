import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { createRoot } from '../../certs/authority.ts'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { kubeconfigText } from '../../control-plane/kubernetes/testing/kubeconfig-text.ts'

const PROGRAM = join(import.meta.dirname, '../weft.ts')

/** Runs a command on a cluster at this address, by a kubeconfig. */
function weft(t: Test, server: string) {
  const kubeconfig = join(t.testdir({ config: kubeconfigText(server) }), 'config')
  return (...argv: readonly string[]) =>
    new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
      const args = [PROGRAM, ...argv, '--kubeconfig', kubeconfig]
      execFile(process.execPath, args, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      )
    })
}

async function start(t: Test) {
  const api = await FakeApi.start(t)
  return { api, run: weft(t, api.connect(t).server) }
}

const named = (more: object = {}) => ({ name: '', ...more })
const injected = (version = '0.1.0') =>
  named({ labels: {}, annotations: { 'weft.dev/status': JSON.stringify({ version }) } })

t.test('proxies: which replica each is connected to, and what it made of its configuration', async (t) => {
  const { api, run } = await start(t)
  for (const name of ['one', 'two'])
    api.put(`/api/v1/namespaces/weft-system/pods/${name}`, { metadata: named() })
  const pods = ['a', 'b', 'c', 'd']
  for (const name of pods)
    api.put(`/api/v1/namespaces/shop/pods/${name}`, {
      metadata: injected(),
      spec: { serviceAccountName: 'web' },
    })
  const proxy = (pod: string, version: number, rejected = '') => ({
    namespace: 'shop',
    pod,
    version,
    rejected,
  })
  const pages: Record<string, object> = {
    'one:15080/proxy/api/mesh': { release: '0.1.0', version: 7, trustDomain: 'example.org' },
    'one:15080/proxy/api/proxies': { proxies: [proxy('a', 7), proxy('b', 5)] },
    'two:15080/proxy/api/mesh': { release: '0.1.0', version: 3, trustDomain: 'example.org' },
    'two:15080/proxy/api/proxies': { proxies: [proxy('c', 3, 'outbound/1: no such thing')] },
  }
  api.hook = (asked, _body, headers) => {
    const page = /\/weft-system\/pods\/(.+:15080.*)$/.exec(asked)?.[1]
    if (page === undefined) return undefined
    // What comes through an API server has its name in Host: the control plane takes it by this field alone.
    if (headers?.['sec-weft-client'] === undefined) return { status: 403 }
    return { status: pages[page] ? 200 : 503, body: pages[page] }
  }
  const { code, stdout } = await run('proxies', '-n', 'shop', '--json')
  t.equal(code, 1)
  t.match((JSON.parse(stdout) as { proxies: unknown }).proxies, [
    {
      pod: 'a',
      replica: 'one',
      config: 'current',
      identity: 'spiffe://example.org/ns/shop/sa/web',
      version: '0.1.0',
    },
    { pod: 'b', replica: 'one', config: 'behind', took: 5, latest: 7 },
    { pod: 'c', replica: 'two', config: 'refused', rejected: 'outbound/1: no such thing' },
    { pod: 'd', config: 'not connected' },
  ])
  const text = await run('proxies', '-n', 'shop')
  t.match(text.stdout, /^NAMESPACE +POD +SIDECAR[^\n]+\nshop +a +0\.1\.0 +one +current +spiffe/)
  t.match(text.stdout, /behind \(5 of 7\)[\s\S]*shop\/c refused: outbound\/1: no such thing\n$/)
  // Port-forward is tried on a real cluster: this one has none.
  const certs = await run('proxies', '-n', 'shop', '--certs', '--json')
  t.match((JSON.parse(certs.stdout) as { proxies: unknown }).proxies, [
    { pod: 'a', config: 'current', certificate: /shop\/a gives no connection to its port 15000/ },
  ])
  delete pages['two:15080/proxy/api/mesh']
  t.match(await run('proxies', '-n', 'shop'), { code: 1, stdout: /two could not be asked: .*503/ })
})

t.test('certs: what is trusted, what signs, what the webhook shows; never a key', async (t) => {
  const { api, run } = await start(t)
  const root = createRoot('cluster.local', Date.now())
  const pem = root.certificate.toString()
  const own = '/api/v1/namespaces/weft-system'
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  api.put(`${own}/configmaps/weft-ca`, { metadata: named(), data: { 'root-cert.pem': pem } })
  const key = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n'
  api.put(`${own}/secrets/weft-ca`, { metadata: named(), data: { 'issuing.pem': base64(pem + key) } })
  const result = await run('certs', '--json')
  t.equal(result.code, 0)
  const { certificates, unread } = JSON.parse(result.stdout) as { certificates: unknown; unread: unknown }
  t.match(certificates, [
    { use: 'root', serial: root.certificate.serialNumber, expired: false },
    { use: 'issuing CA', expired: false },
  ])
  t.strictSame(unread, ['secrets/weft-injector-tls is not there'])
  t.notMatch(result.stdout, /c2VjcmV0|PRIVATE/)
  api.hook = (asked) => (asked.endsWith('secrets/weft-ca') ? { status: 403 } : undefined)
  t.match(await run('certs'), {
    code: 0,
    stdout: /root .* \(in \d+ d\)[\s\S]*grant verb "get" on resource "secrets"/,
  })
})

t.test('uninstall: commands for what is there, in an order that refuses no pod', async (t) => {
  const { api, run } = await start(t)
  api.put('/api/v1/namespaces/shop', { metadata: named({ labels: { 'weft.dev/inject': 'enabled' } }) })
  const owned = (kind: string, name: string) => ({ metadata: named({ ownerReferences: [{ kind, name }] }) })
  api.put('/api/v1/namespaces/shop/pods/a', owned('ReplicaSet', 'web-api-5d8f'))
  api.put('/api/v1/namespaces/shop/pods/b', owned('StatefulSet', 'db'))
  api.put('/api/v1/namespaces/shop/pods/c', { metadata: named() })
  api.put('/api/v1/namespaces/shop/configmaps/weft-ca', { metadata: named() })
  const trustBundles = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles'
  const labels = { 'app.kubernetes.io/managed-by': 'weft-control-plane' }
  api.put(`${trustBundles}/weft.dev:mesh:weft`, { metadata: named({ labels }) })
  api.hook = (asked) => (asked.startsWith('GET /apis/certificates.k8s.io/v1/') ? { status: 404 } : undefined)
  const { code, stdout } = await run('uninstall')
  t.equal(code, 0)
  const lines = stdout.split('\n').filter((line) => line.startsWith('kubectl') || line.startsWith('helm'))
  const at = (text: string) => {
    const found = lines.findIndex((line) => line.startsWith(text))
    t.ok(found >= 0, text)
    return found
  }
  const order = [
    'kubectl label namespace shop weft.dev/inject-',
    'kubectl delete pod --namespace shop c',
    'kubectl rollout restart --namespace shop deployment/web-api',
    'kubectl rollout restart --namespace shop statefulset/db',
    'kubectl delete mutatingwebhookconfiguration weft-injector',
    'helm uninstall weft --namespace weft-system',
    'kubectl delete configmap --namespace shop weft-ca',
    'kubectl delete clustertrustbundle weft.dev:mesh:weft',
  ].map(at)
  t.strictSame(
    order,
    order.toSorted((a, b) => a - b),
  )
  t.strictSame(api.writes, [], 'it changes nothing')
})

t.test('version: of each control plane, and how many pods have which sidecar', async (t) => {
  const { api, run } = await start(t)
  for (const name of ['one', 'two'])
    api.put(`/api/v1/namespaces/weft-system/pods/${name}`, { metadata: named() })
  for (const [name, version] of Object.entries({ a: '0.1.0', b: '0.0.9', c: '0.1.0' }))
    api.put(`/api/v1/namespaces/shop/pods/${name}`, { metadata: injected(version) })
  api.hook = (asked) => {
    if (/\/pods\/two:/.test(asked)) return { status: 503 }
    return /\/pods\/one:/.test(asked) ? { status: 200, body: { release: '0.2.0', proxies: [] } } : undefined
  }
  const { code, stdout } = await run('version', '--json', '--state-dir', t.testdirName)
  const { client, cluster } = JSON.parse(stdout) as {
    client: { node: string }
    cluster: { controlPlanes: object[]; sidecars: { version: string; pods: number }[] }
  }
  t.equal(client.node, process.version)
  t.match(cluster.controlPlanes, [
    { replica: 'one', version: '0.2.0' },
    { replica: 'two', version: '', error: /503/ },
  ])
  // This API server knows no selectors: pods of the control plane come along.
  t.strictSame(
    cluster.sidecars.filter(({ version }) => version !== 'unknown'),
    [
      { version: '0.1.0', pods: 2 },
      { version: '0.0.9', pods: 1 },
    ],
  )
  t.equal(code, 0)
})

t.test('inject: what a cluster knows of namespaces, but for those of the input', async (t) => {
  const { api, run } = await start(t)
  api.put('/api/v1/namespaces/shop', { metadata: { name: 'shop', labels: { 'weft.dev/inject': 'enabled' } } })
  api.put('/api/v1/namespaces/plain', { metadata: { name: 'plain', labels: {} } })
  const pod = (namespace: string) =>
    `{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ${namespace}}, spec: {containers: [{name: a}]}}\n---\n`
  const changed = '{apiVersion: v1, kind: Namespace, metadata: {name: own}}\n'
  const file = join(t.testdirName, 'pods.yaml')
  writeFileSync(file, ['shop', 'plain', 'none', 'own'].map(pod).join('') + changed)
  const { code, stdout, stderr } = await run('inject', '-f', file, '--json')
  t.strictSame(
    (JSON.parse(stdout) as { results: { reason: string }[] }).results.map(({ reason }) => reason),
    ['namespace-enabled', 'namespace-not-enabled', 'namespace-unknown', 'namespace-not-enabled'],
  )
  t.match(stderr, /^namespace none: it is neither in the input nor readable in the cluster, .*\n$/)
  t.equal(code, 0)
})

function each<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<(readonly [T, R])[]> {
  return Promise.all(items.map(async (item) => [item, await task(item)] as const))
}

t.test('a cluster that does not answer, and flags that are wrong: one line each', async (t) => {
  const run = weft(t, 'http://127.0.0.1:1')
  const commands = [['check'], ['check', '--pre'], ['proxies'], ['certs'], ['uninstall'], ['config', 'web']]
  for (const [command, result] of await each(commands, (one) => run(...one))) {
    t.match(result, { code: 1, stdout: '' }, command.join(' '))
    const why = command[0] === 'config' ? 'gives no connection' : 'ECONNREFUSED'
    t.match(result.stderr, new RegExp(`^weft ${command[0]}: .*${why}.*\\n$`))
    t.notMatch(result.stderr, /secret-token/)
  }
  const wrong = [
    [['check', '--bogus'], /unknown flag --bogus/],
    [['check', 'more'], /"more" is one argument too many/],
    [['proxies', '-n', 'A_b'], /--namespace: "A_b" is no name of a namespace/],
    [['config'], /POD: is required/],
    [['config', 'web', '--certs', '--stats'], /choose one of/],
  ] as const
  for (const [[, stderr], result] of await each(wrong, ([argv]) => run(...argv)))
    t.match(result, { code: 2, stderr })
  const helped = ['check', 'proxies', 'config', 'certs', 'uninstall']
  for (const [command, result] of await each(helped, (one) => run(one, '--help')))
    t.match(result, { code: 0, stdout: new RegExp(`^Usage: weft ${command}`) })
  t.match(await run('check', '--context', 'none'), { code: 1, stderr: /has no context "none"; it has x/ })
})
