import t from 'tap'
import { policyObjects } from '../../control-plane/policy-objects.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import type { CallRow, ObservedView } from '../../control-plane/serve/telemetry/observed-view.ts'
import { meshPolicy, payObjects } from '../policy/testing/pay-pod.ts'
import { changedMesh } from './changed-mesh.ts'
import { replay } from './replay.ts'

const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const OPTIONS = { trustDomain: 'cluster.local' }
const DENY = meshPolicy('{ authorization: { default: Deny } }')

function row(call: Partial<CallRow> = {}): CallRow {
  return {
    source: WEB,
    address: '',
    caller: '',
    port: 8080,
    protocol: 'http',
    method: 'POST',
    path: '/charge',
    outcome: 'served',
    count: 10,
    first: 0,
    last: 1,
    pods: { 'pay-1': 10 },
    ...call,
  }
}

function view(calls: readonly CallRow[], name = 'pay-1'): ObservedView {
  const pods = [{ name, identity: '', labels: {}, services: [] }]
  const workload = { namespace: 'payments', name: 'pay', pods, watched: [], ports: [], calls }
  return { now: 1, since: 0, evicted: 0, workloads: [workload], withoutSidecar: [] }
}

function policy(spec: string, name = 'p'): string {
  return `apiVersion: weft.dev/v1alpha1
kind: AuthorizationPolicy
metadata: { namespace: payments, name: ${name} }
spec: ${spec}
`
}

/** As control planes tell them. */
function overTheWire(objects: readonly MeshObject[]): readonly MeshObject[] {
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map((object) => ({ op: 'put', object })),
  )
  return JSON.parse(JSON.stringify(policyObjects(snapshot))) as readonly MeshObject[]
}

/** `CHANGE CALL` of what changes. */
function changes(calls: readonly CallRow[], before: string, after: string): string[] {
  const { before: was, after: is } = changedMesh(
    overTheWire(payObjects(before)),
    [{ origin: 'new.yaml', text: after }],
    OPTIONS,
  )
  return replay(view(calls), was, is).changed.map(
    ({ change, call, because }) => `${change} ${call.method} ${call.path}: ${because}`,
  )
}

t.test('who would newly be refused or let in', async (t) => {
  const allowWeb = policy(
    `{ rules: [{ from: [{ source: { serviceAccounts: [shop/web] } }], to: [{ operation: { methods: [POST], paths: ['/charge', '/users/{*}/cards'] } }] }] }`,
  )
  t.same(changes([row()], '', DENY), ['refused POST /charge: no rule allows it'])
  t.same(changes([row()], '', `${DENY}---\n${allowWeb}`), [])
  t.match(changes([row({ method: 'GET' })], '', `${DENY}---\n${allowWeb}`), [
    /^refused GET \/charge: no rule of payments\/p allows it; nearest is payments\/p\/0: .*POST/,
  ])
  t.match(changes([row({ outcome: 'refused' })], DENY, allowWeb), [
    /^let-in POST \/charge: payments\/p\/0 allows it$/,
  ])
  t.same(changes([row({ outcome: 'unanswered' })], '', DENY), [])
  t.same(
    changes([row({ path: '/users/{*}/cards' })], '', allowWeb),
    [],
    'a template of a policy and one that was learned',
  )
  t.match(changes([row({ path: '/users/{*}' })], '', allowWeb), [/^refused/])
})

t.test('what is not recorded is not guessed', async (t) => {
  const deny = (what: string) => policy(`{ action: DENY, rules: [${what}] }`)
  t.match(changes([row()], '', deny(`{ when: [{ key: 'request.headers[x-tenant]', values: [b] }] }`)), [
    /^unclear POST \/charge: .*x-tenant/,
  ])
  t.match(changes([row()], '', deny(`{ to: [{ operation: { hosts: [pay.example] } }] }`)), [/^unclear/])
  t.match(changes([row()], '', deny(`{ from: [{ source: { ipBlocks: [10.1.0.0/16] } }] }`)), [/^unclear/])
  t.same(
    changes(
      [row({ source: '', address: '10.2.0.1' })],
      '',
      deny(`{ from: [{ source: { ipBlocks: [10.1.0.0/16] } }] }`),
    ),
    [],
  )
  t.match(
    changes([row({ path: '/users/{*}' })], '', deny(`{ to: [{ operation: { paths: ['/users/root'] } }] }`)),
    [/^unclear POST \/users/],
  )
  t.same(
    changes([row({ path: '/users/{*}' })], '', deny(`{ to: [{ operation: { paths: ['/admin/*'] } }] }`)),
    [],
  )
  t.match(
    changes([row({ path: '/users/{*}' })], '', deny(`{ to: [{ operation: { paths: ['/users/*'] } }] }`)),
    [/^refused POST \/users/],
  )
})

t.test('replicas that share an identity are not the pod itself', async (t) => {
  const peer = row({ source: 'spiffe://cluster.local/ns/payments/sa/pay' })
  t.match(changes([peer], '', DENY), [/^refused/])
})

t.test('opaque connections, plaintext and the modes of mutual TLS', async (t) => {
  const tcp = row({ protocol: 'tcp', method: '', path: '', port: 5432 })
  const allow = policy(`{ rules: [{ to: [{ operation: { ports: [5432] } }] }] }`)
  t.same(changes([tcp], '', `${DENY}---\n${allow}`), [])
  t.match(changes([{ ...tcp, port: 9090 }], '', `${DENY}---\n${allow}`), [/^refused/])
  const plain = row({ source: '', address: '10.2.0.1' })
  t.match(changes([row(), plain], '', meshPolicy('{ mtls: { mode: STRICT } }')), [
    /^refused POST \/charge: port 8080 takes mutual TLS alone: STRICT/,
  ])
})

t.test('what is applied, and what cannot be', async (t) => {
  const objects = overTheWire(payObjects(''))
  const text = `${DENY}---\napiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ port: 80 }] }\n`
  t.match(changedMesh(objects, [{ origin: 'a', text }], OPTIONS), {
    applied: ['MeshPolicy weft-system/default'],
    ignored: ['Service default/a'],
  })
  t.throws(
    () => changedMesh(objects, [{ origin: 'new.yaml', text: policy('{ rules: [{ form: [] }] }') }], OPTIONS),
    /new\.yaml.*form/,
  )
  const { before, after } = changedMesh(objects, [{ origin: 'a', text: DENY }], OPTIONS)
  t.match(replay(view([row({ pods: { gone: 1 } })], 'gone'), before, after), {
    changed: [],
    gone: 1,
    kinds: 0,
  })
  t.match(replay(view([row({ pods: { gone: 1 } })]), before, after), { gone: 0, kinds: 1, calls: 10 })
})
