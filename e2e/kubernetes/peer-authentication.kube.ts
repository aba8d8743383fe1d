import { join } from 'node:path'
import t from 'tap'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { startCluster } from './cluster/cluster.ts'

const CRDS = join(import.meta.dirname, '../../deploy/chart/crds')

const policy = (spec: unknown) =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'PeerAuthentication',
    metadata: { name: 'policy', namespace: 'default' },
    spec,
  })
const mtls = { mode: 'STRICT' }
const labelled = (matchLabels: unknown) => ({ selector: { matchLabels }, mtls })

const ported = (portLevelMtls: unknown) => ({ selector: { matchLabels: { app: 'web' } }, portLevelMtls })

const good = {
  'a whole namespace': { mtls: { mode: 'PERMISSIVE' } },
  'some ports': ported({ 8080: { mode: 'PERMISSIVE' }, 65_535: mtls }),
  'some pods': labelled({ app: 'web', 'example.com/tier': 'a_b.c-1', empty: '' }),
}

const wrong: readonly (readonly [name: string, spec: unknown, message: RegExp])[] = [
  ['no spec', undefined, /spec: Required value/],
  ['no mode', { mtls: {} }, /spec\.mtls\.mode: Required value/],
  ['a mode in lower case', { mtls: { mode: 'strict' } }, /spec\.mtls\.mode: .*"STRICT", "PERMISSIVE"/],
  ['a selector without labels', { selector: {}, mtls }, /spec\.selector\.matchLabels: Required value/],
  ['no label', labelled({}), /spec\.selector\.matchLabels: .*at least 1/],
  ['a key that is none', labelled({ 'a b': 'c' }), /each key must be a label's name/],
  ['a value that is none', labelled({ app: 'c d' }), /each value must be a label's value/],
  ['too long a value', labelled({ app: 'x'.repeat(64) }), /spec\.selector\.matchLabels\.app: Too long/],
  ['ports of no pods', { mtls, portLevelMtls: { 8080: mtls } }, /portLevelMtls goes with a selector/],
  ['no port', ported({}), /spec\.portLevelMtls: .*at least 1/],
  ['a port by its name', ported({ http: mtls }), /each key must be a port/],
  ['a port beyond the last', ported({ 65_536: mtls }), /each key must be a port/],
  ['a mode of other meshes', ported({ 8080: { mode: 'UNSET' } }), /portLevelMtls\.8080\.mode: Unsupported/],
  ['neither', { selector: { matchLabels: { app: 'web' } } }, /mtls must be there, or portLevelMtls/],
  // Dropped in silence it would be a policy for the whole namespace.
  [
    'an expression',
    { selector: { matchLabels: { a: 'b' }, matchExpressions: [] }, mtls },
    /unknown field "spec\.selector\.matchExpressions"/,
  ],
]

t.test('the API server refuses a PeerAuthentication that the control plane would not take', async (t) => {
  const cluster = await startCluster({ mode: 'api', onProgress: (line) => t.comment(line) })
  t.teardown(() => cluster.stop())
  await cluster.kubectl(['apply', '--server-side', '--filename', CRDS])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
  const create = (text: string, ...flags: string[]) =>
    cluster.kubectl(['create', '--dry-run=server', '--filename', '-', ...flags], { stdin: text })

  for (const [name, spec] of Object.entries(good)) {
    t.match(await create(policy(spec)), /created/, name)
    t.same(parseManifests('x.yaml', policy(spec)).errors, [], `${name}, by the control plane`)
  }
  for (const [name, spec, message] of wrong) {
    await t.rejects(create(policy(spec)), { message }, name)
    t.not(parseManifests('x.yaml', policy(spec)).errors.length, 0, `${name}, by the control plane`)
  }
  await t.rejects(
    create(policy({ selector: { matchExpressions: [{}] }, mtls }), '--validate=ignore'),
    { message: /matchLabels: Required value/ },
    'a client that asks for no validation does not open a whole namespace by an unknown selector',
  )
  const listed = await cluster.kubectl(['get', 'peerauth,weft', '--all-namespaces', '--ignore-not-found'])
  t.equal(listed, '', 'a short name and a category, and the dry runs left nothing')
})
