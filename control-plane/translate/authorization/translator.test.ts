import t from 'tap'
import { rulesFor } from '../../model/authorization.ts'
import type { Mesh } from '../../model/mesh.ts'
import { touchedBetween } from '../../model/touched.ts'
import { Fields } from '../../registry/fields.ts'
import { readAuthorizationPolicy } from '../../registry/kinds/authorization-policy/read.ts'
import { MemorySource } from '../../registry/memory-source.ts'
import { Translator } from '../translate.ts'
import { written } from './testing/written-rules.ts'

const pod = (name: string, { namespace = 'shop', address = 1, port = 'http' } = {}): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      serviceAccountName: name,
      initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }],
      containers: [{ name: 'app', ports: [{ name: port, containerPort: 8080 }] }],
    },
    status: { podIP: `10.0.0.${address}` },
  })
const object = (kind: string, name: string, spec: object, namespace = 'shop') => ({
  apiVersion: 'weft.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
})
const policy = (name: string, spec: object, namespace?: string): string =>
  JSON.stringify(object('AuthorizationPolicy', name, spec, namespace))
const from = (...namespaces: string[]): object => ({ rules: [{ from: [{ source: { namespaces } }] }] })
const selecting = (app: string): object => ({ selector: { matchLabels: { app } } })

function world(...texts: readonly string[]) {
  const source = MemorySource.of(pod('pay', { address: 1 }), pod('web', { address: 2 }), ...texts)
  const translator = new Translator({ trustDomain: 'cluster.local' })
  return { source, translate: () => translator.translate(source.snapshot.value) }
}

const rulesAt = (mesh: Mesh, key: string, port: number | undefined = 8080) =>
  written(rulesFor(mesh, { key }, port).http)
const namesAt = (mesh: Mesh, key: string): Readonly<Record<string, readonly string[]>> =>
  Object.fromEntries(
    Object.entries(rulesAt(mesh, key)).map(([stage, rules]) => [
      stage,
      rules.map((rule) => rule.slice(0, rule.indexOf(':'))),
    ]),
  )

t.test('without policies nothing is asked, and nothing is kept for it', (t) => {
  const mesh = world().translate()
  t.equal(mesh.authorization.workloads.size, 0)
  t.same(rulesAt(mesh, 'shop/pay'), {})
  t.end()
})

t.test('a change touches the pods that it is for, and leaves the others as they are', (t) => {
  const { source, translate } = world(policy('pay', { ...selecting('pay'), ...from('shop') }))
  source.put(policy('web', { ...selecting('web'), ...from('shop') }))
  const before = translate()
  source.put(policy('pay', { ...selecting('pay'), ...from('ops') }))
  const now = translate()
  t.same([...touchedBetween(before, now)], ['shop/pay'])
  t.equal(now.authorization.workloads.get('shop/web'), before.authorization.workloads.get('shop/web'))
  source.put(policy('pay', { ...selecting('pay'), ...from('ops') }))
  const same = translate()
  t.equal(same.authorization, now.authorization, 'a policy that says the same is no change')
  t.equal(same.policyStatus, now.policyStatus)
  source.apply([{ op: 'delete', kind: 'AuthorizationPolicy', key: 'shop/pay' }])
  t.same([...touchedBetween(same, translate())], ['shop/pay'])
  t.end()
})

t.test('what MeshPolicy tells sidecars touches all of them', (t) => {
  const { source, translate } = world()
  const mesh = (authorization: object) =>
    JSON.stringify(object('MeshPolicy', 'default', { authorization }, 'weft-system'))
  source.put(mesh({}))
  const before = translate()
  source.put(mesh({ openConnections: '1s' }))
  const now = translate()
  t.same([...touchedBetween(before, now)], ['shop/pay', 'shop/web'])
  source.put(mesh({ openConnections: '1s', dryRunNamespaces: ['shop'] }))
  t.same([...touchedBetween(now, translate())], [], 'what changes no rule touches nobody')
  t.end()
})

t.test('what is tried out is asked with all that is in force, once any of it is', (t) => {
  const { source, translate } = world(
    policy('allow', from('shop')),
    policy('tried', { mode: 'DryRun', ...from('ops') }),
    policy('deny', { action: 'DENY', ...from('evil') }),
  )
  t.same(namesAt(translate(), 'shop/pay'), {
    DENY: ['shop/deny/0'],
    ALLOW: ['shop/allow/0', 'mesh/self'],
    'ALLOW dry': ['shop/allow/0', 'shop/tried/0', 'mesh/self'],
  })
  source.apply([{ op: 'delete', kind: 'AuthorizationPolicy', key: 'shop/allow' }])
  t.same(
    namesAt(translate(), 'shop/pay'),
    {
      DENY: ['shop/deny/0'],
      'ALLOW dry': ['shop/tried/0', 'mesh/self'],
    },
    'a port that only a trial covers refuses nobody',
  )
  t.end()
})

t.test('one that cannot be read refuses everything to those whom it is for', (t) => {
  const { source, translate } = world(policy('web', { ...selecting('web'), ...from('shop') }))
  const wrong = object('AuthorizationPolicy', 'wrong', { ...selecting('pay'), rules: [{ form: [] }] })
  source.apply([{ op: 'put', object: readAuthorizationPolicy(new Fields(wrong, [], [])) }])
  const mesh = translate()
  t.same(rulesAt(mesh, 'shop/pay'), {
    DENY: [
      'shop/wrong/0: any from not (identity exact "spiffe://cluster.local/ns/shop/sa/pay" and source-ip 10.0.0.1/32)',
    ],
  })
  t.same(namesAt(mesh, 'shop/web'), { ALLOW: ['shop/web/0', 'mesh/self'] })
  t.match(
    mesh.policyStatus.find(({ name }) => name === 'wrong'),
    { ancestors: [{ conditions: [{ status: 'False', reason: 'Invalid', message: /refused everything/ }] }] },
  )
  t.end()
})

t.test(
  'the mode of a port: selectors before the namespace before MeshPolicy, a port before its policy',
  (t) => {
    const { source, translate } = world()
    const said = () => {
      const { mtls, ports = [] } = translate().workloads.get('shop/pay') ?? {}
      const own = ports.find(({ port }) => port === 8080)?.mtls
      return [mtls, own].map((one) => one && `${one.value} ${one.from}`.trim())
    }
    t.same(said(), ['PERMISSIVE', undefined])
    const mesh = (spec: object) => JSON.stringify(object('MeshPolicy', 'default', spec, 'weft-system'))
    const peers = (name: string, spec: object) => JSON.stringify(object('PeerAuthentication', name, spec))
    const strict = { mtls: { mode: 'STRICT' } }
    const open = { mtls: { mode: 'PERMISSIVE' } }
    source.put(mesh(strict))
    t.same(said(), ['STRICT MeshPolicy', undefined])
    source.put(mesh({ ...strict, namespaces: [{ name: 'shop', ...open }] }))
    t.same(said(), ['PERMISSIVE MeshPolicy, namespaces', undefined])
    source.put(peers('wide', strict))
    t.same(said(), ['STRICT PeerAuthentication shop/wide', undefined])
    source.put(peers('ports', { ...selecting('pay'), portLevelMtls: { 8080: { mode: 'PERMISSIVE' } } }))
    t.same(said(), ['STRICT PeerAuthentication shop/wide', 'PERMISSIVE PeerAuthentication shop/ports'])
    source.put(peers('pods', { ...selecting('pay'), ...open }))
    t.same(said(), ['PERMISSIVE PeerAuthentication shop/pods', 'PERMISSIVE PeerAuthentication shop/pods'])
    source.put(peers('strict', { ...selecting('pay'), ...strict }))
    t.same(
      said(),
      ['STRICT PeerAuthentication shop/strict', 'STRICT PeerAuthentication shop/strict'],
      'of several the strict one counts, for a port, too',
    )
    t.end()
  },
)
