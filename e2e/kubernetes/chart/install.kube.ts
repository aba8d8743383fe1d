import t from 'tap'
import { startCluster, type KubernetesCluster } from '../cluster/cluster.ts'
import { runCommand } from '../../../local/node/run-command.ts'
import { CHART, NAMESPACE, openHelm, RELEASE, type Helm } from './helm.ts'
import { MANIFESTS } from './manifests.ts'
import type { Rendered } from './rendered.ts'
import { VALUE_SETS } from './value-sets.ts'

const CONTROL_PLANE = `system:serviceaccount:${NAMESPACE}:weft-control-plane`
const CA_BUNDLE = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64')
const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' }

const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
t.teardown(() => cluster.stop())
const helm = await openHelm((line) => t.comment(line), cluster.kubeconfig)
t.teardown(() => helm.close())
await cluster.kubectl(['apply', '--server-side', '--filename', cluster.programs.gatewayApi])

const namespace = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  apply(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } })
await namespace(NAMESPACE, RESTRICTED)

t.test('the API server takes every object of every set of values', async (t) => {
  for (const [name, values] of Object.entries({ default: {}, ...VALUE_SETS })) {
    const said = await cluster.kubectl(
      ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--filename', '-'],
      { stdin: await helm.template(values, '--include-crds') },
    )
    t.match(said, /deployment\.apps\/weft-control-plane serverside-applied/, name)
  }
})

t.test('install, upgrade, roll back and uninstall lose nothing that the mesh wrote', async (t) => {
  await release(helm, 'install')
  t.match(await podsOf('weft-control-plane', 2), 'Pending', 'its pods meet Pod Security `restricted`')
  await podsOf('weft-injector', 2)

  await writeCaBundle()
  await cluster.kubectl([
    'create',
    'secret',
    'generic',
    'weft-ca',
    '-n',
    NAMESPACE,
    '--from-literal=ca.key=x',
  ])
  const before = await written()
  t.same(before.caBundles, [CA_BUNDLE, CA_BUNDLE])

  await release(helm, 'upgrade', VALUE_SETS['company'])
  const upgraded = await written()
  t.same(upgraded.caBundles, before.caBundles, 'an upgrade keeps the caBundle')
  t.equal(upgraded.secret, before.secret, "and the CA's secret")
  t.match(upgraded.webhook.metadata.labels, { 'example.com/team': 'platform' }, 'and changes the rest')
  t.ok(upgraded.webhook.webhooks[0].namespaceSelector.matchExpressions[1].values.includes('builds'))

  await release(helm, 'upgrade', VALUE_SETS['small'])
  t.match((await written()).webhook.webhooks, [{ failurePolicy: 'Ignore' }, { failurePolicy: 'Ignore' }])
  await helm.run(['rollback', RELEASE, '1', '--namespace', NAMESPACE])
  const back = await written()
  t.same(back.caBundles, before.caBundles, 'a rollback keeps the caBundle')
  t.equal(back.secret, before.secret)
  t.match(back.webhook.webhooks, [{ failurePolicy: 'Fail' }, { failurePolicy: 'Fail' }])
  t.equal((await get('deployment', 'weft-control-plane')).spec.replicas, 2)

  await helm.run(['uninstall', RELEASE, '--namespace', NAMESPACE, '--wait'])
  t.equal((await get('secret', 'weft-ca')).metadata.uid, before.secret, 'the CA outlives the release')
  const left = await cluster.kubectl(['get', 'mutatingwebhookconfigurations,clusterroles', '--output=name'])
  t.notMatch(left, 'weft', 'what is cluster-wide is gone: no pod waits for a webhook that nobody serves')
  t.match(await cluster.kubectl(['get', 'crds', '--output=name']), 'peerauthentications.weft.dev')
  await cluster.kubectl(['delete', 'secret', 'weft-ca', '-n', NAMESPACE])
})

t.test('the manifests for kubectl go in by one command, and again without a change', async (t) => {
  await cluster.kubectl(['delete', 'namespace', NAMESPACE, '--wait'])
  const once = () => cluster.kubectl(['apply', '--server-side', '--filename', MANIFESTS])
  await once()
  await podsOf('weft-control-plane', 2)
  await writeCaBundle()
  const { webhook } = await written()
  await once()
  t.same((await written()).webhook, webhook, 'also the caBundle stays')
})

t.test('the webhook is asked about pods of the mesh, and about no others', async (t) => {
  // Nobody serves it here: who is asked for is refused.
  await namespace('meshed', { 'weft.dev/inject': 'enabled' })
  await namespace('plain')
  await namespace('never', { 'weft.dev/inject': 'disabled' })
  await apply(cluster, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'kube-public', labels: { 'weft.dev/inject': 'enabled' } },
  })
  const asked: readonly (readonly [where: string, label: string | undefined, asked: boolean])[] = [
    ['meshed', undefined, true],
    ['meshed', 'enabled', true],
    ['meshed', 'disabled', false],
    ['plain', undefined, false],
    ['plain', 'enabled', true],
    ['plain', 'disabled', false],
    ['never', undefined, false],
    ['never', 'enabled', true],
    ['kube-public', undefined, false],
    ['kube-public', 'enabled', false],
    ['kube-system', 'enabled', false],
    [NAMESPACE, 'enabled', false],
  ]
  for (const [where, label, expected] of asked) {
    const name = `${where}, ${label ?? 'no label'}`
    const creating = createPod(where, label)
    if (expected) await t.rejects(creating, /failed calling webhook "(namespace|pod)\.weft-injector/, name)
    else t.match(await creating, /created/, name)
  }
})

t.test('whoever labels a namespace hears what will not work, and is not kept from it', async (t) => {
  const label = async (name: string, value: string) => {
    const args = ['label', '--overwrite', 'namespace', name, `weft.dev/inject=${value}`]
    const { code, stderr } = await runCommand(cluster.kubectlArgv(args))
    t.equal(code, 0, stderr)
    return stderr
  }
  await namespace('open')
  t.match(await label('open', 'true'), /Warning: .*label weft\.dev\/inject: "true" means nothing/)
  t.match(await label('kube-node-lease', 'enabled'), /Warning: .*never injected/)
  t.equal(await label('open', 'enabled'), '')
  t.equal(await label('open', 'disabled'), '')
})

async function release(its: Helm, verb: 'install' | 'upgrade', values: object = {}): Promise<void> {
  await its.run([verb, RELEASE, CHART, '--namespace', NAMESPACE], values)
}

/** As the control plane does: with its right, its field manager, and nothing but its field. */
async function writeCaBundle(): Promise<void> {
  const { webhooks } = await get('mutatingwebhookconfiguration', 'weft-injector')
  const only = webhooks.map(({ name }: Rendered) => ({ name, clientConfig: { caBundle: CA_BUNDLE } }))
  const what = 'mutatingwebhookconfiguration/weft-injector'
  await cluster.kubectl(['auth', 'can-i', 'patch', what, `--as=${CONTROL_PLANE}`])
  // As admin: kubectl also gets what it patches, for which the control plane has no need and no right.
  await cluster.kubectl([
    ...['patch', what, '--field-manager=weft-control-plane', '--patch', JSON.stringify({ webhooks: only })],
  ])
}

async function written() {
  const webhook = await get('mutatingwebhookconfiguration', 'weft-injector')
  const secret = await cluster.kubectl([
    'get',
    'secret',
    'weft-ca',
    '-n',
    NAMESPACE,
    '--ignore-not-found',
    '-ojson',
  ])
  return {
    webhook,
    caBundles: webhook.webhooks.map(({ clientConfig }: Rendered) => clientConfig.caBundle),
    secret: secret === '' ? undefined : (JSON.parse(secret).metadata.uid as string),
  }
}

async function get(kind: string, name: string): Promise<Rendered> {
  return JSON.parse(await cluster.kubectl(['get', kind, name, '-n', NAMESPACE, '--output=json']))
}

/** Waits until a Deployment has its pods. No scheduler runs here, so that they are pending. */
async function podsOf(name: string, count: number): Promise<string> {
  await cluster.kubectl([
    ...['wait', '-n', NAMESPACE, `deployment/${name}`, '--timeout=60s'],
    `--for=jsonpath={.status.replicas}=${count}`,
  ])
  return cluster.kubectl(['get', 'pods', '-n', NAMESPACE, `--selector=app.kubernetes.io/name=${name}`])
}

function createPod(where: string, label: string | undefined): Promise<string> {
  const metadata = {
    generateName: 'some-',
    namespace: where,
    labels: label === undefined ? {} : { 'weft.dev/inject': label },
  }
  const container = {
    name: 'app',
    image: 'none',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  }
  const securityContext = { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } }
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container], securityContext } }
  return cluster.kubectl(['create', '--filename', '-', '--dry-run=server'], { stdin: JSON.stringify(pod) })
}

async function apply(its: KubernetesCluster, object: object): Promise<void> {
  await its.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], {
    stdin: JSON.stringify(object),
  })
}
