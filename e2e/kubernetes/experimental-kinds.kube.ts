import { join } from 'node:path'
import t from 'tap'
import { writeMeshStatus } from '../../control-plane/publish/mesh-status-writer.ts'
import { writePolicyStatus } from '../../control-plane/publish/policy-status-writer.ts'
import type { LiveEntry } from '../../control-plane/publish/status-entries.ts'
import { SUPPORTED_FEATURES } from '../../control-plane/publish/supported-features.ts'
import { startCluster } from './cluster/cluster.ts'
import { ensureConformance, SUITE_CRDS } from './conformance/programs.ts'
import { writtenStatus } from './testing/written-status.ts'

const GROUP = '/apis/gateway.networking.x-k8s.io/v1alpha1'
const POLICIES = `${GROUP}/namespaces/default/xbackendtrafficpolicies`
const MESHES = `${GROUP}/xmeshes`

interface PolicyStatus {
  readonly ancestors: readonly LiveEntry[]
}

interface MeshStatus {
  readonly conditions: readonly {
    readonly type: string
    readonly status: string
    readonly observedGeneration?: number
  }[]
  readonly supportedFeatures: readonly { readonly name: string }[]
}

const progress = (line: string): void => t.comment(line)
const definitions = join(await ensureConformance('conformance-suite', progress), SUITE_CRDS)
const cluster = await startCluster({ mode: 'api', onProgress: progress })
t.teardown(() => cluster.stop())
await cluster.kubectl(['apply', '--server-side', '--filename', definitions])
await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])

const apply = (...objects: readonly unknown[]): Promise<string> =>
  cluster.kubectl(['apply', '--server-side', '--filename', '-'], {
    stdin: objects.map((one) => JSON.stringify(one)).join('\n---\n'),
  })

const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { ports: [{ port: 80 }] },
})

const policy = (name: string, spec: unknown) => ({
  apiVersion: 'gateway.networking.x-k8s.io/v1alpha1',
  kind: 'XBackendTrafficPolicy',
  metadata: { name, namespace: 'default' },
  spec,
})

t.test('what became of an XBackendTrafficPolicy stands in its status', async (t) => {
  const status = await writtenStatus(t, cluster, [writePolicyStatus])
  const acceptedOf = async (name: string, reason: string) => {
    const { ancestors = [] } = await status<PolicyStatus>(
      POLICIES,
      name,
      ({ ancestors: all = [] }) => all[0]?.conditions?.[0]?.reason === reason,
    )
    t.equal(ancestors[0]?.controllerName, 'weft.dev/control-plane', name)
    return ancestors[0]?.conditions?.[0]
  }
  const targetRefs = [{ group: '', kind: 'Service', name: 'web' }]
  const sessionPersistence = { sessionName: 'web', type: 'Cookie' }
  await apply(service('web'), policy('first', { targetRefs, sessionPersistence }))
  t.match(await acceptedOf('first', 'Accepted'), { status: 'True', observedGeneration: 1 })
  await apply(policy('second', { targetRefs, sessionPersistence }))
  t.match(await acceptedOf('second', 'Conflicted'), { status: 'False', message: /default\/first/ })
  await apply(policy('third', { targetRefs: [{ group: '', kind: 'Service', name: 'gone' }] }))
  t.match(await acceptedOf('third', 'TargetNotFound'), { status: 'False' })
  const budget = { percent: 20, interval: '30s' }
  await apply(service('other'))
  await apply(
    policy('fourth', {
      targetRefs: [{ group: '', kind: 'Service', name: 'other' }],
      retryConstraint: { budget },
    }),
  )
  const refused = await status<PolicyStatus>(
    POLICIES,
    'fourth',
    ({ ancestors: all = [] }) => all[0]?.conditions?.[0]?.status === 'False',
  )
  t.match(refused.ancestors?.[0]?.conditions?.[0]?.message, /^retryConstraint\.budget\.interval: /)
})

t.test('an XMesh of ours says what the mesh does; another one says nothing', async (t) => {
  const status = await writtenStatus(t, cluster, [writeMeshStatus])
  const mesh = (name: string, controllerName: string) => ({
    apiVersion: 'gateway.networking.x-k8s.io/v1alpha1',
    kind: 'XMesh',
    metadata: { name },
    spec: { controllerName },
  })
  await apply(mesh('other', 'example.org/mesh'), mesh('weft', 'weft.dev/control-plane'))
  const ours = await status<MeshStatus>(MESHES, 'weft', ({ supportedFeatures = [] }) => {
    return supportedFeatures.length > 0
  })
  t.same(
    ours.supportedFeatures?.map(({ name }) => name),
    SUPPORTED_FEATURES,
  )
  const accepted = ours.conditions?.find(({ type }) => type === 'Accepted')
  t.match(accepted, { status: 'True', observedGeneration: 1 })
  const other = await status<MeshStatus>(MESHES, 'other', () => true)
  t.notOk(other.supportedFeatures, 'the status of another mesh is not ours')
})
