import t from 'tap'
import { parseManifests } from '../parse-manifests.ts'

const mtls = { mode: 'STRICT' }
const labelled = (matchLabels: unknown) => ({ selector: { matchLabels }, mtls })
const labels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`label-${at}`, 'x']))

function read(spec: unknown) {
  const metadata = { name: 'policy', namespace: 'shop' }
  return parseManifests(
    'policy.yaml',
    JSON.stringify({ apiVersion: 'weft.dev/v1alpha1', kind: 'PeerAuthentication', metadata, spec }),
  )
}

const ported = (portLevelMtls: unknown) => ({ selector: { matchLabels: { app: 'web' } }, portLevelMtls })

// e2e/kubernetes/peer-authentication.kube.ts asks the API server the same.
t.test('what the API server would refuse is refused in files, too', (t) => {
  const wrong: readonly (readonly [spec: unknown, message: RegExp])[] = [
    [undefined, /spec\.mtls\.mode is required/],
    [{ mtls: {} }, /spec\.mtls\.mode is required/],
    [{ mtls: { mode: 'strict' } }, /spec\.mtls\.mode must be one of STRICT, PERMISSIVE/],
    [{ selector: {}, mtls }, /spec\.selector\.matchLabels needs a label/],
    [labelled({}), /spec\.selector\.matchLabels needs a label/],
    [labelled({ 'a b': 'c' }), /spec\.selector\.matchLabels has the key "a b"/],
    [labelled({ 'a/b/c': 'd' }), /the key "a\/b\/c"/],
    [labelled({ '/b': 'd' }), /the key "\/b"/],
    [labelled({ 'Example.com/b': 'd' }), /the key "Example\.com\/b"/],
    [labelled({ ['x'.repeat(64)]: 'd' }), /the key "x+"/],
    [labelled({ app: 'c d' }), /the value "c d" for app/],
    [labelled({ app: '-c' }), /the value "-c" for app/],
    [labelled({ app: 'x'.repeat(64) }), /the value "x+" for app/],
    [labelled(labels(65)), /has 65 labels; at most 64/],
    [{ mtls, portLevelMtls: { 8080: mtls } }, /spec\.portLevelMtls needs spec\.selector/],
    [ported({}), /spec\.portLevelMtls is empty/],
    [ported({ http: mtls }), /portLevelMtls\.http must be a port from 1 to 65535/],
    [ported({ 65_536: mtls }), /portLevelMtls\.65536 must be a port/],
    [ported({ 8080: {} }), /portLevelMtls\.8080\.mode is required/],
    [ported({ 8080: { mode: 'UNSET' } }), /portLevelMtls\.8080\.mode must be one of/],
    [{ ...ported({ 8080: mtls }), mtls: {} }, /spec\.mtls\.mode is required/],
    [
      { selector: { matchLabels: { a: 'b' }, matchExpressions: [] }, mtls },
      /matchExpressions is not a field/,
    ],
  ]
  for (const [spec, message] of wrong) {
    const { objects, errors } = read(spec)
    t.match(`${errors[0]?.field} ${errors[0]?.message}`, message, JSON.stringify(spec)?.slice(0, 80))
    t.same(objects, [], 'no part of it is taken')
  }
  t.end()
})

t.test('what it takes is taken', (t) => {
  t.match(read({ mtls }).objects[0]?.object, { mode: 'STRICT', selector: undefined })
  const selector = { app: 'web', 'example.com/tier': 'a_b.c-1', empty: '', ['x'.repeat(63)]: 'x'.repeat(63) }
  const { objects, errors } = read(labelled(selector))
  t.same(errors, [])
  t.match(objects[0]?.object, { selector })
  t.same(read(labelled(labels(64))).errors, [])
  const ports = ported({ 8080: { mode: 'PERMISSIVE' }, 65_535: mtls })
  t.match(read(ports).objects[0]?.object, {
    mode: undefined,
    ports: { 8080: 'PERMISSIVE', 65_535: 'STRICT' },
  })
  t.end()
})
