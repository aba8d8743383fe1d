import t from 'tap'
import { parseManifests } from '../parse-manifests.ts'

const text = (spec: unknown): string =>
  JSON.stringify({
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'MeshPolicy',
    metadata: { name: 'default', namespace: 'weft-system' },
    spec,
  })

const read = (spec: unknown) => {
  const { objects, errors } = parseManifests('policy.yaml', text(spec))
  const [found] = objects
  return {
    policy: found?.object.kind === 'MeshPolicy' ? found.object : undefined,
    errors: errors.map(({ field, message }) => `${field} ${message}`),
  }
}

t.test('every field is read', (t) => {
  const { policy, errors } = read({
    mtls: { mode: 'STRICT' },
    authorization: {
      default: 'SameNamespace',
      audit: 'All',
      dryRunNamespaces: ['shop'],
      openConnections: '30s',
    },
    namespaces: [
      { name: 'legacy', mtls: { mode: 'PERMISSIVE' } },
      { name: 'vault', authorization: { default: 'Deny' } },
    ],
  })
  t.same(errors, [])
  t.match(policy, {
    mtls: 'STRICT',
    decision: 'SameNamespace',
    audit: 'All',
    dryRunNamespaces: ['shop'],
    openConnectionsMs: 30_000,
    namespaces: [
      { name: 'legacy', mtls: 'PERMISSIVE', decision: undefined },
      { name: 'vault', mtls: undefined, decision: 'Deny' },
    ],
    unreadable: false,
  })
  t.match(read({}), { errors: [], policy: { mtls: undefined, decision: undefined } })
  t.end()
})

t.test('what is wrong is told at its place, and whatever is not said well is as strict as can be', (t) => {
  for (const [spec, message] of [
    [undefined, /spec is required/],
    [{ mtls: {} }, /spec\.mtls\.mode is required/],
    [{ mtls: { mode: 'strict' } }, /spec\.mtls\.mode must be one of/],
    [{ authorization: { default: 'deny' } }, /authorization\.default must be one of/],
    [{ authorisation: { default: 'Deny' } }, /spec\.authorisation is not a field/],
    [{ authorization: null }, /spec\.authorization is there with nothing in it/],
    [{ authorization: { dryRunNamespaces: [] } }, /dryRunNamespaces is empty/],
    [{ authorization: { dryRunNamespaces: ['*'] } }, /dryRunNamespaces\[0\] must be the name/],
    [{ authorization: { openConnections: '2h' } }, /openConnections must be a duration from 100ms to 1h/],
    [{ namespaces: [{ name: 'a' }] }, /namespaces\[0\] needs mtls or authorization/],
    [{ namespaces: [{ name: 'a', authorization: {} }] }, /authorization\.default is required/],
    [
      { namespaces: [1, 2].map(() => ({ name: 'a', mtls: { mode: 'STRICT' } })) },
      /namespaces\[1\]\.name names namespace a a second time/,
    ],
  ] as const) {
    const { policy, errors } = read(spec)
    t.ok(
      errors.some((error) => message.test(error)),
      `${JSON.stringify(spec)}: ${errors.join('; ')}`,
    )
    t.match(policy, { unreadable: true, mtls: 'STRICT', decision: 'Deny', namespaces: [] })
  }
  const said = read({ mtls: { mode: 'PERMISSIVE' }, authorization: { default: 'Allow' }, newer: 1 })
  t.match(said.policy, { mtls: 'PERMISSIVE', decision: 'Allow' }, 'what is said well stays')
  t.end()
})
