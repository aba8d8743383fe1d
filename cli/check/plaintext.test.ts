import t, { type Test } from 'tap'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { policyObjects } from '../../control-plane/policy-objects.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import type { CallRow } from '../../control-plane/serve/telemetry/observed-view.ts'
import { meshPolicy, payObjects } from '../policy/testing/pay-pod.ts'
import { runChecks } from './finding.ts'
import { plaintext } from './plaintext.ts'
import { sessionAt } from './testing/session.ts'

const NOW = Date.parse('2026-05-02T12:00:00Z')
const FIRST = Date.parse('2026-05-02T03:04:05Z')
const DAY = 86_400_000

function row(call: Partial<CallRow> = {}): CallRow {
  return {
    source: '',
    address: '10.0.0.7',
    caller: 'job-1.batch',
    port: 8080,
    protocol: 'http',
    method: 'GET',
    path: '/',
    outcome: 'served',
    count: 2,
    first: FIRST,
    last: NOW,
    pods: { 'pay-1': call.count ?? 2 },
    ...call,
  }
}

/** What the check finds where replicas saw these calls of payments/pay, with what is in `manifests` in force. */
async function found(
  t: Test,
  replicas: Readonly<Record<string, readonly CallRow[] | undefined>>,
  manifests = '',
) {
  const api = await FakeApi.start(t)
  const objects = policyObjects(
    applyChanges(
      EMPTY_SNAPSHOT,
      payObjects(manifests).map((object) => ({ op: 'put', object })),
    ),
  )
  for (const name of Object.keys(replicas))
    api.put(`/api/v1/namespaces/weft-system/pods/${name}`, { metadata: { name: '' } })
  const queries: string[] = []
  api.hook = (asked) => {
    const [, replica = '', page, query = ''] =
      /\/pods\/(\w+):15080\/proxy\/api\/([^?]+)\??(.*)$/.exec(asked) ?? []
    if (page === undefined) return undefined
    const calls = replicas[replica]
    if (!calls) return { status: 503 }
    if (page === 'mesh') return { status: 200, body: { trustDomain: 'cluster.local' } }
    if (page === 'authorization/objects') return { status: 200, body: { objects } }
    queries.push(query)
    const pods = [{ name: 'pay-1', identity: '', labels: {}, services: [] }]
    const watched = [{ pod: 'pay-1', since: 0, reported: NOW, restarts: 0, others: calls.length > 4 ? 3 : 0 }]
    const workloads = [{ namespace: 'payments', name: 'pay', pods, watched, ports: [], calls }]
    const silent = Object.keys(replicas).filter((name) => replicas[name] === undefined)
    const coverage = {
      answered: Object.keys(replicas).length - silent.length,
      missing: silent.map((name) => ({ replica: name, reason: 'it hangs' })),
    }
    const view = { now: NOW, since: NOW - DAY, evicted: 0, workloads, withoutSidecar: [] }
    return { status: 200, body: { ...view, coverage } }
  }
  const { json, good } = await runChecks([plaintext], sessionAt(api.connect(t)))
  t.ok(good, 'nothing fails for it')
  return (json as { findings: readonly { status: string; message: string }[] }).findings
}

const peers = (spec: string) => `apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { namespace: payments, name: pay }
spec: ${spec}
`

t.test('who calls in plaintext, one finding for each caller of a port', async (t) => {
  const calls = [
    row(),
    row({ path: '/other', count: 5, first: FIRST + 1000 }),
    row({ port: 5432, protocol: 'tcp', address: '192.0.2.1', caller: '', count: 1, outcome: 'unanswered' }),
    row({ source: 'spiffe://cluster.local/ns/shop/sa/web', address: '' }),
    row({ address: '10.0.0.8', outcome: 'refused' }),
  ]
  const told = await found(t, { one: calls, two: undefined })
  t.match(told.at(-1), { status: 'unknown', message: /^two may know of more callers: / })
  t.strictSame(told.slice(0, -1), [
    {
      check: 'plaintext',
      status: 'warning',
      message:
        'job-1.batch (10.0.0.7) calls payments/pay:8080 in plaintext, 7 calls since 2026-05-02T03:04:05Z: it would be refused once ' +
        'payments is STRICT; give it a sidecar, or that port PERMISSIVE by portLevelMtls',
    },
    {
      check: 'plaintext',
      status: 'warning',
      message:
        '192.0.2.1 calls payments/pay:5432 in plaintext, 1 call since 2026-05-02T03:04:05Z: it would be refused once ' +
        'payments is STRICT; give it a sidecar, or that port PERMISSIVE by portLevelMtls',
    },
    {
      check: 'plaintext',
      status: 'unknown',
      message: '3 calls found no room in the sidecars: who made them is not known',
    },
  ])
  t.match(await found(t, { one: [], two: undefined }), [
    { status: 'unknown', message: /^two may know of more/ },
  ])
})

t.test('ports that are STRICT already have nobody left to lose', async (t) => {
  const calls = [row(), row({ port: 5432, protocol: 'tcp' })]
  const ports = async (manifests: string) =>
    (await found(t, { one: calls }, manifests))
      .filter(({ status }) => status === 'warning')
      .map(({ message }) => /pay:(\d+)/.exec(message)?.[1])
  t.strictSame(await ports(''), ['8080', '5432'])
  t.strictSame(await ports(meshPolicy('{ mtls: { mode: STRICT } }')), [])
  t.strictSame(await ports(peers('{ mtls: { mode: STRICT } }')), [])
  const selector = '{ matchLabels: { app: pay } }'
  const excepted = peers(
    `{ selector: ${selector}, mtls: { mode: STRICT }, portLevelMtls: { 5432: { mode: PERMISSIVE } } }`,
  )
  t.strictSame(await ports(excepted), ['5432'])
  t.match(await found(t, { one: calls }, meshPolicy('{ mtls: { mode: STRICT } }')), [
    {
      status: 'ok',
      message: 'nobody was seen to call in plaintext whom STRICT would refuse, at 1 workload in 24 h',
    },
  ])
})

t.test('a mesh that cannot be asked is not known', async (t) => {
  t.match(await found(t, {}), [
    { status: 'unknown', message: /there is no control plane in namespace weft-system/ },
  ])
  t.match(await found(t, { one: undefined }), [
    { status: 'unknown', message: /no control plane answers: one: / },
  ])
})
