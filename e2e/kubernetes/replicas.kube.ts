import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { certificatesPem, parseTrustBundle } from '../../certs/trust-bundle.ts'
import { silentLogger } from '../../core/log.ts'
import { openCaSecret } from '../../control-plane/kubernetes/ca/ca-secret.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { findObject } from '../../control-plane/kubernetes/find-object.ts'
import type { KubernetesObject } from '../../control-plane/kubernetes/follow.ts'
import type { LiveEntry } from '../../control-plane/publish/status-entries.ts'
import { startCluster, type KubernetesCluster } from './cluster/cluster.ts'
import { startReplica, type Replica } from './testing/replica.ts'

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')
const NAMESPACE = 'weft-system'
const POLL_MS = 50
const namespaced = (group: string, plural: string, namespace = NAMESPACE) =>
  `/${group}/namespaces/${namespace}/${plural}`
const SECRETS = namespaced('api/v1', 'secrets')
const LEASES = namespaced('apis/coordination.k8s.io/v1', 'leases')
const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
const ROUTES = namespaced('apis/gateway.networking.k8s.io/v1', 'httproutes', 'shop')
const configMaps = (namespace: string) => namespaced('api/v1', 'configmaps', namespace)

const WEBHOOK = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: 'weft-injector' },
  webhooks: ['namespace.weft-injector.weft.dev', 'pod.weft-injector.weft.dev'].map((name) => ({
    name,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    clientConfig: { service: { name: 'weft-injector', namespace: NAMESPACE, path: '/mutate' } },
    rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
    objectSelector: { matchLabels: { 'weft.dev/inject': 'enabled' } },
  })),
}

const MESH = `
apiVersion: v1
kind: Namespace
metadata: { name: weft-system }
---
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
`
const route = (port: number, parent = 'web') => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec: { parentRefs: [{ group: '', kind: Service, name: ${parent} }], rules: [{ backendRefs: [{ name: web, port: ${port} }] }] }
`

interface World {
  readonly cluster: KubernetesCluster
  readonly apply: (text: string) => Promise<unknown>
  /** Resolves with the object once it is as wanted; undefined counts as an object, too. */
  readonly until: (
    collection: string,
    name: string,
    holds: (object: KubernetesObject | undefined) => boolean,
  ) => Promise<KubernetesObject | undefined>
  readonly find: (collection: string, name: string) => Promise<KubernetesObject | undefined>
  readonly connection: Awaited<ReturnType<typeof openConnection>>
}

async function world(t: Test): Promise<World> {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  await cluster.kubectl(['apply', '--server-side', '-f', cluster.programs.gatewayApi, '-f', CRDS])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  const apply = (text: string) => cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: text })
  await apply(MESH)
  await apply(JSON.stringify(WEBHOOK))
  const connection = await openConnection({ kubeconfig: cluster.kubeconfig })
  t.teardown(() => connection.close())
  const find = (collection: string, name: string) => findObject(connection, collection, name)
  const until: World['until'] = async (collection, name, holds) => {
    for (;;) {
      const found = await find(collection, name)
      if (holds(found)) return found
      await delay(POLL_MS)
    }
  }
  return { cluster, apply, find, until, connection }
}

const holderOf = (lease: KubernetesObject | undefined) =>
  (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity ?? ''
const rootsIn = (bundle: KubernetesObject | undefined) =>
  (bundle?.['data'] as Record<string, string> | undefined)?.['root-cert.pem'] ?? ''
const caBundles = (configuration: KubernetesObject | undefined) =>
  ((configuration?.['webhooks'] ?? []) as { clientConfig: { caBundle?: string } }[]).map(({ clientConfig }) =>
    Buffer.from(clientConfig.caBundle ?? '', 'base64').toString(),
  )
const parentsOf = (route: KubernetesObject | undefined) =>
  ((route?.['status'] as { parents?: LiveEntry[] } | undefined)?.parents ?? []) as LiveEntry[]
const leads = (replica: Replica) => replica.log.some(({ message }) => message.startsWith('leading'))

t.test(
  'replicas share one CA and one Lease; what is right is not written again by who leads next',
  async (t) => {
    const { cluster, apply, find, until, connection } = await world(t)
    await apply(route(80))
    const replicas = await Promise.all(Array.from({ length: 3 }, () => startReplica(t, cluster.kubeconfig)))
    const lease = await until(LEASES, 'weft-control-plane-leader', (one) => holderOf(one) !== '')
    t.match(lease?.['spec'], { leaseDurationSeconds: 15, leaseTransitions: 0 })

    const bundle = await until(configMaps('shop'), 'weft-ca', (one) => rootsIn(one) !== '')
    const { roots } = parseTrustBundle(rootsIn(bundle), 'shop')
    t.equal(roots.length, 1)
    const webhook = await until(WEBHOOKS, 'weft-injector', (one) => caBundles(one).every((pem) => pem !== ''))
    t.strictSame(caBundles(webhook), [certificatesPem(roots), certificatesPem(roots)])
    await until(SECRETS, 'weft-injector-tls', (one) => one?.['type'] === 'kubernetes.io/tls')
    await until(ROUTES, 'web', (one) => parentsOf(one).length === 1)
    await until(configMaps(NAMESPACE), 'weft-ca', (one) => rootsIn(one) === rootsIn(bundle))
    t.equal(await find(configMaps('plain'), 'weft-ca'), undefined)
    t.equal(replicas.filter(leads).length, 1)

    const written: readonly (readonly [string, string])[] = [
      [SECRETS, 'weft-ca'],
      [SECRETS, 'weft-injector-tls'],
      [configMaps('shop'), 'weft-ca'],
      [configMaps(NAMESPACE), 'weft-ca'],
      [WEBHOOKS, 'weft-injector'],
      [ROUTES, 'web'],
    ]
    const versions = async () => {
      const found = await Promise.all(written.map(([collection, name]) => find(collection, name)))
      return found.map((one) => `${one?.kind ?? ''} ${one?.metadata.resourceVersion}`)
    }
    const before = await versions()
    const first = replicas.find(leads)
    if (!first) return
    const rest = replicas.filter((one) => one !== first)
    await first.end('SIGKILL')
    const killed = performance.now()
    const next = await Promise.race(rest.map(async (one) => (await one.said(/^leading/)) && one))
    t.comment(`another leads ${((performance.now() - killed) / 1000).toFixed(1)} s after its death`)
    // A change that only the new leader can have made: by then it has looked at all else.
    await apply(
      '{apiVersion: v1, kind: Namespace, metadata: {name: late, labels: {weft.dev/inject: enabled}}}',
    )
    await until(configMaps('late'), 'weft-ca', (one) => rootsIn(one) === rootsIn(bundle))
    await apply(route(81))
    await until(
      ROUTES,
      'web',
      (one) => parentsOf(one)[0]?.conditions?.some(({ status }) => status === 'False') ?? false,
    )
    const after = await versions()
    t.strictSame(after.slice(0, 5), before.slice(0, 5), 'nothing was written that was right')

    // Told to end, it hands over at once.
    const ended = next.end()
    const last = rest.find((one) => one !== next)
    await last?.said(/^leading/)
    t.equal(await ended, 0)
    t.ok(!next.log.some(({ level }) => level === 'error'))
    const final = await find(LEASES, 'weft-control-plane-leader')
    t.match(final?.['spec'], { leaseTransitions: 2 })

    // Rotated by somebody else: every replica that is left follows, and what they publish with it.
    const ca = await openCaSecret({
      connection,
      namespace: NAMESPACE,
      name: 'weft-ca',
      trustDomain: 'cluster.local',
      dnsNames: [],
      log: silentLogger,
    })
    t.strictSame(
      ca.authority.value.bundle.roots.map(({ fingerprint256 }) => fingerprint256),
      roots.map(({ fingerprint256 }) => fingerprint256),
    )
    const everywhere = async (pem: string) => {
      for (const namespace of ['shop', 'late', NAMESPACE])
        await until(configMaps(namespace), 'weft-ca', (one) => rootsIn(one) === pem)
      await until(WEBHOOKS, 'weft-injector', (one) => caBundles(one).every((each) => each === pem))
    }
    await ca.prepareRoot()
    t.equal(ca.authority.value.bundle.roots.length, 2)
    await everywhere(ca.authority.value.bundle.pem)
    const serving = await find(SECRETS, 'weft-injector-tls')
    await ca.promoteRoot()
    await until(
      SECRETS,
      'weft-injector-tls',
      (one) => one?.metadata.resourceVersion !== serving?.metadata.resourceVersion,
    )
    await ca.retireRoots()
    t.equal(ca.authority.value.bundle.roots.length, 1)
    await everywhere(ca.authority.value.bundle.pem)
  },
)

t.test(
  "a route's status is ours alone to write, once for each change, beside other controllers'",
  async (t) => {
    const { cluster, apply, find, until } = await world(t)
    await startReplica(t, cluster.kubeconfig)
    await apply(route(80))
    const first = await until(ROUTES, 'web', (one) => parentsOf(one).length === 1)
    t.match(parentsOf(first), [
      {
        controllerName: 'weft.dev/control-plane',
        parentRef: { group: '', kind: 'Service', namespace: 'shop', name: 'web' },
        conditions: [
          { type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 1 },
          { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', observedGeneration: 1 },
        ],
      },
    ])
    const managed = first?.metadata['managedFields'] as {
      manager: string
      operation: string
      subresource?: string
    }[]
    t.match(
      managed.filter(({ subresource }) => subresource === 'status'),
      [{ manager: 'weft-control-plane', operation: 'Apply' }],
    )

    const foreign = {
      controllerName: 'example.com/gateway',
      parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' },
      conditions: [
        {
          type: 'Accepted',
          status: 'True',
          reason: 'Accepted',
          message: '',
          lastTransitionTime: '2026-01-01T00:00:00Z',
          observedGeneration: 1,
        },
      ],
    }
    const other = async (parents: unknown[]) => {
      const patch = JSON.stringify({ status: { parents } })
      const args = [
        'patch',
        'httproute',
        'web',
        '-n',
        'shop',
        '--subresource=status',
        '--type=merge',
        '-p',
        patch,
      ]
      await cluster.kubectl(args)
    }
    await other([foreign, ...parentsOf(first)])
    await apply(route(81))
    const second = await until(ROUTES, 'web', (one) => parentsOf(one)[1]?.conditions?.[1]?.status === 'False')
    t.strictSame(parentsOf(second)[0], foreign)
    const [accepted, resolved] = parentsOf(second)[1]?.conditions ?? []
    t.match(accepted, {
      observedGeneration: 2,
      lastTransitionTime: parentsOf(first)[0]?.conditions?.[0]?.lastTransitionTime ?? '',
    })
    t.match(resolved, { status: 'False', reason: 'BackendNotFound', observedGeneration: 2 })

    // What somebody takes away comes back; one write is enough for that.
    await other([foreign])
    const third = await until(ROUTES, 'web', (one) => parentsOf(one).length === 2)
    t.strictSame(parentsOf(third)[0], foreign)
    await apply(
      '{apiVersion: v1, kind: Namespace, metadata: {name: late, labels: {weft.dev/inject: enabled}}}',
    )
    await until(configMaps('late'), 'weft-ca', (one) => rootsIn(one) !== '')
    t.equal((await find(ROUTES, 'web'))?.metadata.resourceVersion, third?.metadata.resourceVersion)

    const gateway = `{ name: gateway }`
    await apply(route(80).replace("{ group: '', kind: Service, name: web }", gateway))
    const fourth = await until(ROUTES, 'web', (one) => parentsOf(one).length === 1)
    t.strictSame(parentsOf(fourth), [foreign], 'it names our Service no longer')
  },
)

t.test('bundles and caBundle come back, and a namespace that ends is no error', async (t) => {
  const { cluster, apply, until } = await world(t)
  const replica = await startReplica(t, cluster.kubeconfig)
  const bundle = await until(configMaps('shop'), 'weft-ca', (one) => rootsIn(one) !== '')
  const right = (one: KubernetesObject | undefined) => rootsIn(one) === rootsIn(bundle)
  await cluster.kubectl(['delete', 'configmap', 'weft-ca', '-n', 'shop'])
  await until(configMaps('shop'), 'weft-ca', right)
  await cluster.kubectl([
    'patch',
    'configmap',
    'weft-ca',
    '-n',
    'shop',
    '-p',
    '{"data":{"root-cert.pem":"x"}}',
  ])
  await until(configMaps('shop'), 'weft-ca', right)
  await cluster.kubectl(['label', 'namespace', 'plain', 'weft.dev/inject=enabled'])
  await until(configMaps('plain'), 'weft-ca', right)
  await cluster.kubectl(['delete', 'namespace', 'plain'])
  await cluster.kubectl(['delete', 'secret', 'weft-injector-tls', '-n', NAMESPACE])
  await until(SECRETS, 'weft-injector-tls', (one) => one !== undefined)
  // As a manifest without a caBundle that replaces it.
  await cluster.kubectl(['replace', '-f', '-'], { stdin: JSON.stringify(WEBHOOK) })
  await until(WEBHOOKS, 'weft-injector', (one) => caBundles(one).every((pem) => pem === rootsIn(bundle)))
  await cluster.kubectl(['delete', 'secret', 'weft-ca', '-n', NAMESPACE])
  await until(SECRETS, 'weft-ca', (one) => one !== undefined)
  await apply(
    '{apiVersion: v1, kind: Namespace, metadata: {name: plain, labels: {weft.dev/inject: enabled}}}',
  )
  await until(configMaps('plain'), 'weft-ca', right)
  t.strictSame(
    replica.log.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message),
    ['the Secret of the CA was gone: it is written again'],
  )
})
