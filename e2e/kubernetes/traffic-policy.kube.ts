import { join } from 'node:path'
import t from 'tap'
import { writePolicyStatus } from '../../control-plane/publish/policy-status-writer.ts'
import type { LiveEntry } from '../../control-plane/publish/status-entries.ts'
import {
  policyText,
  REFUSED,
  TAKEN,
} from '../../control-plane/registry/kinds/traffic-policy/testing/specs.ts'
import { startCluster } from './cluster/cluster.ts'
import { writtenStatus } from './testing/written-status.ts'

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')
const POLICIES = '/apis/weft.dev/v1alpha1/namespaces/default/trafficpolicies'

interface PolicyStatus {
  readonly ancestors: readonly LiveEntry[]
}

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

t.test('the API server takes and refuses a TrafficPolicy as the control plane does', async (t) => {
  const create = (text: string) =>
    cluster.kubectl(['create', '--dry-run=server', '--filename', '-'], { stdin: text })
  for (const [name, spec] of Object.entries(TAKEN)) t.match(await create(policyText(spec)), /created/, name)
  for (const [spec, , message] of REFUSED)
    await t.rejects(create(policyText(spec)), { message }, JSON.stringify(spec) ?? 'no spec')
})

t.test('what became of a policy stands in its status', async (t) => {
  const status = await writtenStatus(t, cluster, [writePolicyStatus])
  const ancestors = async (name: string, holds: (all: readonly LiveEntry[]) => boolean) => {
    const written = await status<PolicyStatus>(POLICIES, name, ({ ancestors: all = [] }) => holds(all))
    return written.ancestors ?? []
  }
  const apply = (text: string) =>
    cluster.kubectl(['apply', '--server-side', '--filename', '-'], { stdin: text })
  const random = { loadBalancing: { type: 'Random' } }
  const targets = (...names: string[]) => names.map((name) => ({ kind: 'Service', name }))
  await apply(policyText({ targetRefs: targets('web', 'gone'), ...random }, 'first'))
  const [missing] = await ancestors('first', (all) => all.length === 2)
  t.match(missing, {
    ancestorRef: { group: '', kind: 'Service', namespace: 'default', name: 'web' },
    controllerName: 'weft.dev/control-plane',
    conditions: [{ type: 'Accepted', status: 'False', reason: 'TargetNotFound', observedGeneration: 1 }],
  })
  await apply(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    }),
  )
  await ancestors('first', ([web]) => web?.conditions?.[0]?.reason === 'Accepted')
  await apply(policyText({ targetRefs: targets('web'), ...random }, 'second'))
  const [second] = await ancestors('second', (all) => all.length === 1)
  t.match(second?.conditions, [
    { status: 'False', reason: 'Conflicted', message: /TrafficPolicy default\/first says loadBalancing/ },
  ])
  await apply(policyText({ targetRefs: targets('gone'), ...random }, 'first'))
  await ancestors('second', ([web]) => web?.conditions?.[0]?.reason === 'Accepted')
  const [gone, ...more] = await ancestors('first', ([one]) => one?.conditions?.[0]?.observedGeneration === 2)
  t.match(gone, { ancestorRef: { name: 'gone' }, conditions: [{ reason: 'TargetNotFound' }] })
  t.same(more, [], 'the target before is gone')
  const table = await cluster.kubectl(['get', 'traffic', '--output=wide'])
  t.match(table, /NAME +TARGET +ACCEPTED +REASON +AGE/)
  t.match(table, /second +web +True +Accepted/)
  t.match(table, /first +gone +False +TargetNotFound/)
})
