import t from 'tap'
import { parseManifests } from '../parse-manifests.ts'

const WEB = 'spiffe://cluster.local/ns/shop/sa/web'

function read(spec: unknown) {
  const metadata = { name: 'web', namespace: 'weft-system' }
  return parseManifests(
    'revocation.yaml',
    JSON.stringify({ apiVersion: 'weft.dev/v1alpha1', kind: 'IdentityRevocation', metadata, spec }),
  )
}

t.test('what could revoke nothing, or another than was meant, is refused', (t) => {
  const wrong: readonly (readonly [spec: unknown, message: RegExp])[] = [
    [undefined, /spec needs identities or certificates/],
    [{}, /spec needs identities or certificates/],
    [{ identities: [] }, /spec\.identities is empty/],
    [{ certificates: [] }, /spec\.certificates is empty/],
    [{ identities: ['shop/web'] }, /spec\.identities\[0\] .*must begin with spiffe:\/\//],
    [{ identities: [WEB, 'spiffe://cluster.local'] }, /spec\.identities\[1\] names a trust domain/],
    [{ identities: [`${WEB}/`] }, /spec\.identities\[0\] .*ends in a slash/],
    [{ certificates: [{}] }, /spec\.certificates\[0\] needs serial or sha256/],
    [{ certificates: [{ serial: '1', sha256: 'a'.repeat(64) }] }, /needs serial or sha256, one of the two/],
    [{ certificates: [{ serial: 'xyz' }] }, /certificates\[0\]\.serial must be at most 20 octets/],
    [{ certificates: [{ serial: '0'.repeat(41) }] }, /serial must be/],
    [{ certificates: [{ sha256: 'ab' }] }, /sha256 must be 32 octets/],
    [{ certificates: [{ serail: '1' }] }, /serial or sha256|serail is not a field/],
    [{ identities: [WEB], reason: 'a\nb' }, /spec\.reason must be one line/],
    [{ identities: [WEB], resaon: 'a' }, /spec\.resaon is not a field/],
    [{ identities: Array.from({ length: 1025 }, () => WEB) }, /spec\.identities has 1025 items/],
  ]
  for (const [spec, message] of wrong) {
    const { objects, errors } = read(spec)
    t.match(`${errors[0]?.field} ${errors[0]?.message}`, message, JSON.stringify(spec)?.slice(0, 80))
    t.same(objects, [], 'no part of it is taken')
  }
  t.end()
})

t.test('certificates are named as tools print them', (t) => {
  const sha256 = Array.from({ length: 32 }, () => 'AB').join(':')
  const certificates = [{ serial: '0A:1f' }, { serial: '000A1F' }, { sha256 }]
  const { objects, errors } = read({ identities: [WEB], certificates, reason: 'its node was broken into' })
  t.same(errors, [])
  t.match(objects[0]?.object, {
    identities: [WEB],
    certificates: [{ serial: 'a1f' }, { serial: 'a1f' }, { sha256: 'ab'.repeat(32) }],
    reason: 'its node was broken into',
  })
  t.end()
})
