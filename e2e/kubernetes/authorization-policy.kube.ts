import { join } from 'node:path'
import t from 'tap'
import { writePolicyStatus } from '../../control-plane/publish/policy-status-writer.ts'
import type { LiveEntry } from '../../control-plane/publish/status-entries.ts'
import {
  policyText,
  READ_ONLY,
  REFUSED,
  TAKEN,
} from '../../control-plane/registry/kinds/authorization-policy/testing/specs.ts'
import { startCluster } from './cluster/cluster.ts'
import { writtenStatus } from './testing/written-status.ts'

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')
const GROUP = '/apis/weft.dev/v1alpha1/namespaces'

interface PolicyStatus {
  readonly ancestors: readonly LiveEntry[]
}

const meshPolicy = (spec: unknown, namespace = 'weft-system', name = 'default') =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'MeshPolicy',
    metadata: { name, namespace },
    spec,
  })

const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
t.teardown(() => cluster.stop())
await cluster.kubectl([
  'apply',
  '--server-side',
  '--filename',
  cluster.programs.gatewayApi,
  '--filename',
  CRDS,
])
await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
await cluster.kubectl(['create', 'namespace', 'weft-system'])

const create = (text: string) =>
  cluster.kubectl(['create', '--dry-run=server', '--filename', '-'], { stdin: text })

t.test('the API server takes and refuses an AuthorizationPolicy as the control plane does', async (t) => {
  for (const [name, spec] of Object.entries(TAKEN)) t.match(await create(policyText(spec)), /created/, name)
  for (const [spec, , message] of REFUSED)
    await t.rejects(create(policyText(spec)), { message }, JSON.stringify(spec) ?? 'no spec')
  // What only the control plane sees it must be able to see.
  for (const [spec] of READ_ONLY) t.match(await create(policyText(spec)), /created/, JSON.stringify(spec))
})

t.test('and a MeshPolicy', async (t) => {
  for (const spec of [
    {},
    {
      mtls: { mode: 'STRICT' },
      authorization: { default: 'Deny', audit: 'None', dryRunNamespaces: ['shop'], openConnections: '1m' },
      namespaces: [{ name: 'legacy', mtls: { mode: 'PERMISSIVE' }, authorization: { default: 'Allow' } }],
    },
  ])
    t.match(await create(meshPolicy(spec)), /created/)
  const twice = [1, 2].map(() => ({ name: 'a', mtls: { mode: 'STRICT' } }))
  for (const [spec, message] of [
    [{ mtls: {} }, /spec\.mtls\.mode: Required value/],
    [{ authorization: { default: 'deny' } }, /authorization\.default: Unsupported/],
    [{ authorization: { dryRunNamespaces: [] } }, /dryRunNamespaces: .*at least 1/],
    [{ authorization: { openConnections: '2h' } }, /must be from 100ms to 1h/],
    [{ authorisation: {} }, /unknown field "spec\.authorisation"/],
    [{ namespaces: [{ name: 'a' }] }, /mtls or authorization must be there/],
    [{ namespaces: twice }, /each namespace must be named once/],
  ] as const)
    await t.rejects(create(meshPolicy(spec)), { message }, JSON.stringify(spec))
})

t.test('what became of them stands in their status', async (t) => {
  const status = await writtenStatus(t, cluster, [writePolicyStatus])
  const conditions = async (path: string, name: string, reason: string) => {
    const { ancestors } = await status<PolicyStatus>(path, name, ({ ancestors: all = [] }) =>
      all.some((one) => one.conditions?.some((condition) => condition.reason === reason)),
    )
    return ancestors?.[0]
  }
  const apply = (text: string) =>
    cluster.kubectl(['apply', '--server-side', '--filename', '-'], { stdin: text })
  const policies = `${GROUP}/default/authorizationpolicies`
  await apply(policyText({ rules: [{}], selector: { matchLabels: { app: 'web' } } }, 'nobody'))
  t.match(await conditions(policies, 'nobody', 'NothingSelected'), {
    ancestorRef: { group: '', kind: 'Namespace', name: 'default' },
    controllerName: 'weft.dev/control-plane',
    conditions: [{ type: 'Accepted', status: 'True', observedGeneration: 1 }],
  })
  await apply(policyText({ rules: [{}], targetRefs: [{ kind: 'Service', name: 'gone' }] }, 'gone'))
  t.match(await conditions(policies, 'gone', 'TargetNotFound'), {
    ancestorRef: { group: '', kind: 'Service', namespace: 'default', name: 'gone' },
    conditions: [{ type: 'Accepted', status: 'False' }],
  })
  const [unseen] = READ_ONLY
  await apply(policyText(unseen?.[0], 'unreadable'))
  t.match(await conditions(policies, 'unreadable', 'Invalid'), {
    conditions: [{ type: 'Accepted', status: 'False', message: /cannot be read: .*is refused everything/ }],
  })
  await apply(meshPolicy({}))
  t.match(await conditions(`${GROUP}/weft-system/meshpolicies`, 'default', 'Accepted'), {
    conditions: [{ type: 'Accepted', status: 'True' }],
  })
  await apply(meshPolicy({}, 'default'))
  t.match(await conditions(`${GROUP}/default/meshpolicies`, 'default', 'Invalid'), {
    conditions: [{ type: 'Accepted', status: 'False', message: /weft-system\/default/ }],
  })
  const table = await cluster.kubectl(['get', 'authz', '--output=wide'])
  t.match(table, /NAME +ACTION +MODE +ACCEPTED +REASON +AGE/)
  t.match(table, /gone +False +TargetNotFound/)
})
