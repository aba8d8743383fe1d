import { join } from 'node:path'
import t from 'tap'
import { createIssuing, createRoot, DAY } from '../../certs/authority.ts'
import { certificatesPem } from '../../certs/trust-bundle.ts'
import { runCommand } from '../../local/node/run-command.ts'
import { startCluster } from './cluster/cluster.ts'
import { InstalledWebhook, installedObject } from './testing/installed-webhook.ts'

const PROGRAM = join(import.meta.dirname, '../../cli/weft.ts')

interface Report {
  readonly good: boolean
  readonly findings: readonly { readonly check: string; readonly status: string; readonly message: string }[]
}

t.test('the commands at a real API server', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  const apply = (...objects: object[]) =>
    cluster.kubectl(['apply', '--server-side', '--filename', '-'], {
      stdin: objects.map((one) => JSON.stringify(one)).join('\n---\n'),
    })
  const weft = (argv: readonly string[], kubeconfig = cluster.kubeconfig) =>
    runCommand([process.execPath, PROGRAM, ...argv, '--kubeconfig', kubeconfig])
  const check = async (...argv: readonly string[]) => {
    const { code, stdout, stderr } = await weft(['check', '--json', ...argv])
    t.equal(stderr, '')
    const report = JSON.parse(stdout) as Report
    t.equal(code, report.good ? 0 : 1)
    return Object.fromEntries(report.findings.map(({ check: name, ...rest }) => [name, rest]))
  }

  t.test('check --pre: an empty cluster, one that is ready, and who may not install', async (t) => {
    t.match(await check('--pre'), {
      Kubernetes: { status: 'ok', message: /^v1\.\d+/ },
      permissions: { status: 'ok' },
      'Gateway API': { status: 'failed', message: /httproutes and grpcroutes are not defined/ },
      leftovers: { status: 'ok' },
      'Pod Security': { status: 'ok', message: /no namespace is labelled/ },
    })
    await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])
    const labels = { 'weft.dev/inject': 'enabled' }
    const namespace = (name: string, more: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { ...labels, ...more } },
    })
    await apply(namespace('shop'), namespace('strict', { 'pod-security.kubernetes.io/enforce': 'baseline' }))
    for (const name of ['shop', 'strict'])
      await cluster.kubectl(['wait', '--for=create', '-n', name, 'serviceaccount/default', '--timeout=60s'])
    const { stdout } = await weft(['check', '--pre', '--json'])
    const { findings } = JSON.parse(stdout) as Report
    const of = (name: string) => findings.filter((one) => one.check === name)
    t.match(of('Gateway API'), [{ status: 'ok', message: /^v1\./ }])
    t.match(of('Pod Security'), [
      { status: 'ok', message: /namespace shop takes/ },
      {
        status: 'failed',
        message: /namespace strict refuses them: .*PodSecurity "baseline:latest".*weft-init/,
      },
    ])
    t.equal(await cluster.kubectl(['get', 'pods', '-A', '-o', 'name']), '', 'nothing was made')
  })

  t.test('check: what an installation lacks that has only its webhook', async (t) => {
    const root = createRoot('cluster.local', Date.now())
    const webhook = await InstalledWebhook.install(cluster, root)
    t.match(await check('--pre'), { leftovers: { status: 'failed', message: /without an injector/ } })
    await apply(installedObject('Deployment', 'weft-injector'))
    const injector = await webhook.start(15017)
    await webhook.serve(15017)
    const found = await check()
    t.match(found, {
      webhook: { status: 'failed', message: /Secret weft-system\/weft-injector-tls has no certificate/ },
      injection: { status: 'ok' },
      leader: { status: 'failed' },
      roots: { status: 'failed' },
      bundles: { status: 'failed' },
      routes: { status: 'ok' },
      pods: { status: 'ok' },
    })
    t.match(found['deployments']?.status, 'failed')
    const kubernetes = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls' }
    const metadata = { name: 'weft-injector-tls', namespace: 'weft-system' }
    const stringData = webhook.files
    await apply({ ...kubernetes, metadata, stringData })
    t.match(await check(), { webhook: { status: 'ok', message: /which ends in \d+ h/ } })
    t.match(await weft(['certs']), { code: 0, stderr: '', stdout: /^USE[\s\S]*\nwebhook / })
    await injector.stop('KILL')
    t.match(await check(), { injection: { status: 'failed', message: /does not reach the webhook/ } })
  })

  t.test('check: a root and a CA that end within 30 days', async (t) => {
    const begun = Date.now() - 355 * DAY
    const root = createRoot('cluster.local', begun, 365 * DAY)
    const ca = createIssuing(root, 'cluster.local', begun)
    const metadata = { name: 'weft-ca', namespace: 'weft-system' }
    const object = { apiVersion: 'v1', metadata }
    await apply(
      { ...object, kind: 'ConfigMap', data: { 'root-cert.pem': certificatesPem([root.certificate]) } },
      { ...object, kind: 'Secret', stringData: { 'issuing.pem': certificatesPem([ca.certificate]) } },
    )
    t.match(await check(), {
      roots: { status: 'warning', message: /ends in (9|10) d: rotate them/ },
      'issuing CA': { status: 'warning', message: /in Secret weft-system\/weft-ca ends in (9|10) d/ },
    })
    await cluster.kubectl(['delete', 'configmap,secret', 'weft-ca', '-n', 'weft-system'])
  })

  t.test('the others, with nothing there', async (t) => {
    t.match(await weft(['proxies']), { code: 1, stdout: /There is no control plane in weft-system/ })
    t.match(await weft(['uninstall']), { code: 0, stdout: /kubectl label namespace shop weft\.dev\/inject-/ })
    t.match(await weft(['config', 'none', '-n', 'shop']), {
      code: 1,
      stderr: /shop\/none gives no connection/,
    })
  })

  t.test('who may do little is told what is missing, and by which rule', async (t) => {
    await cluster.kubectl(['create', 'serviceaccount', '-n', 'shop', 'guest'])
    const token = (await cluster.kubectl(['create', 'token', '-n', 'shop', 'guest'])).trim()
    const { clusters } = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '-o', 'json'])) as {
      clusters: readonly { name: string }[]
    }
    const name = clusters[0]?.name
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters,
      users: [{ name: 'guest', user: { token } }],
      contexts: [{ name: 'guest', context: { cluster: name, user: 'guest' } }],
      'current-context': 'guest',
    }
    const guest = join(t.testdir({ config: JSON.stringify(config) }), 'config')
    const before = await weft(['check', '--pre', '--json'], guest)
    t.match((JSON.parse(before.stdout) as Report).findings, [
      { check: 'Kubernetes', status: 'ok' },
      {
        check: 'permissions',
        status: 'failed',
        message: /may not create namespaces, .*install as a cluster admin/,
      },
      {
        check: 'Gateway API',
        status: 'unknown',
        message: /grant verb "get" on resource "customresourcedefinitions"/,
      },
    ])
    t.match(await weft(['proxies'], guest), {
      code: 1,
      stderr: /403 Forbidden.*grant verb "list" on resource "pods"/,
    })
  })
})
