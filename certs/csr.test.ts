import { generateKeyPairSync, sign } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { WeftError } from '../core/errors.ts'
import { distinguishedName } from './certificate.ts'
import { createCsr } from './csr.ts'
import { LARGEST_CSR_BYTES, verifyCsr } from './csr-verify.ts'
import { bits, explicit, fromDer, items, oid, sequence, set, Tag, toDer, type Asn1 } from './der.ts'
import { basicConstraints, extensionList, keyUsage, subjectAltName } from './extensions.ts'
import { generateKey } from './key.ts'
import { Oid } from './oids.ts'

const ID = 'spiffe://cluster.local/ns/shop/sa/web'
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

t.test('a request comes back as it was made', async (t) => {
  const key = generateKey()
  const plain = verifyCsr(createCsr(key))
  t.equal(plain.subject, '')
  t.same(plain.names, { uris: [], dns: [], others: [] })
  t.equal(plain.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  const subject = distinguishedName([
    [Oid.organizationName, 'Ö'],
    [Oid.commonName, 'web'],
  ])
  const named = verifyCsr(createCsr(key, { uri: [ID], dns: ['a.b'], subject }))
  t.equal(named.subject, 'O=Ö, CN=web')
  t.same(named.names, { uris: [ID], dns: ['a.b'], others: [] })
})

t.test('requests that openssl makes', async (t) => {
  if (!hasOpenssl) return t.comment('skipped: the openssl command is not installed')
  const make = (...args: string[]) =>
    spawnSync(
      'openssl',
      ['req', '-new', '-nodes', '-batch', '-keyout', '/dev/null', '-outform', 'DER', ...args],
      { maxBuffer: 1e6 },
    ).stdout
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const names = verifyCsr(
    make(...ec, '-subj', '/CN=x', '-addext', `subjectAltName=URI:${ID},IP:10.0.0.1,email:a@b,DNS:c`),
  )
  t.equal(names.subject, 'CN=x')
  t.same(names.names, { uris: [ID], dns: ['c'], others: ['IP 10.0.0.1', 'email'] })
  t.ok(verifyCsr(make('-newkey', 'rsa:2048', '-subj', '/CN=x')))
  t.ok(verifyCsr(make('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384', '-subj', '/')))
  const refused = (code: string, message: RegExp, ...args: string[]) =>
    t.throws(
      () => verifyCsr(make('-subj', '/CN=x', ...args)),
      { code: `csr.${code}`, message },
      args.join(' '),
    )
  refused('weak_key', /RSA key of 1024 bits is too weak/, '-newkey', 'rsa:1024')
  refused('weak_key', /secp521r1 is not accepted/, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-521')
  refused('weak_key', /secp256k1 is not accepted/, '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1')
  refused('weak_key', /spells its curve out/, ...ec, '-pkeyopt', 'ec_param_enc:explicit')
  refused('weak_key', /ed25519 are not accepted/, '-newkey', 'ed25519')
  refused('signature', /1\.2\.840\.113549\.1\.1\.5 is not accepted/, '-newkey', 'rsa:2048', '-sha1')
  refused('ca_requested', /only leaves/, ...ec, '-addext', 'basicConstraints=critical,CA:TRUE')
})

t.test('a request that asks to certify others is refused', async (t) => {
  for (const extension of [basicConstraints(0), keyUsage('certSign')]) {
    t.throws(() => verifyCsr(createCsr(generateKey(), { extensions: [extension] })), {
      code: 'csr.ca_requested',
    })
  }
  t.ok(
    verifyCsr(
      createCsr(generateKey(), { extensions: [basicConstraints(undefined), keyUsage('digitalSignature')] }),
    ),
  )
})

t.test('the signature must be of the key in the request', async (t) => {
  const [info, algorithm] = items(
    fromDer(createCsr(generateKey(), { uri: [ID] }), 'CSR'),
    Tag.SEQUENCE,
    'CSR',
  )
  const foreign = sign('sha256', toDer(info as Asn1), generateKey())
  const stolen = toDer(sequence(info as Asn1, algorithm as Asn1, bits(foreign)))
  t.throws(() => verifyCsr(stolen), { code: 'csr.signature', message: /does not match/ })
  const rsa = sequence(info as Asn1, sequence(oid(Oid.sha256WithRsa)), bits(foreign))
  t.throws(() => verifyCsr(toDer(rsa)), { code: 'csr.signature', message: /is not accepted/ })
})

t.test('what can be read in two ways is refused', async (t) => {
  const key = generateKey()
  const names = () => subjectAltName({ uri: [ID] }, true)
  const signed = (attributes: Asn1) => {
    const [info] = items(fromDer(createCsr(key), 'CSR'), Tag.SEQUENCE, 'CSR')
    const parts = items(info, Tag.SEQUENCE, 'info').slice(0, 3)
    const own = sequence(...parts, attributes)
    return toDer(sequence(own, sequence(oid(Oid.ecdsaWithSha256)), bits(sign('sha256', toDer(own), key))))
  }
  const request = (...lists: Asn1[]) => sequence(oid(Oid.extensionRequest), set(...lists))
  t.ok(verifyCsr(signed(explicit(0, request(extensionList(names()))))))
  const twice = [
    explicit(0, request(extensionList(names())), request(extensionList(names()))),
    explicit(0, request(extensionList(names()), extensionList(names()))),
    explicit(0, request(extensionList(names(), names()))),
  ]
  for (const attributes of twice) t.throws(() => verifyCsr(signed(attributes)), { code: 'csr.malformed' })
})

t.test('bytes that are no request are refused, whatever they are', async (t) => {
  const good = createCsr(generateKey(), { uri: [ID] })
  t.throws(() => verifyCsr(Buffer.alloc(0)), { code: 'csr.malformed' })
  t.throws(() => verifyCsr(Buffer.alloc(LARGEST_CSR_BYTES + 1)), { code: 'csr.too_large' })
  t.throws(() => verifyCsr(Buffer.concat([good, Buffer.of(0)])), { code: 'csr.malformed' })
  t.throws(
    () => verifyCsr(Buffer.alloc(LARGEST_CSR_BYTES, Buffer.of(0x30, 0x80))),
    { code: 'csr.malformed' },
    'nesting',
  )
  const named = (bytes: Uint8Array) => {
    try {
      verifyCsr(bytes)
      return false
    } catch (error) {
      return error instanceof WeftError && error.code.startsWith('csr.')
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), named))
  const flipped = fc.record({ at: fc.nat(good.length - 1), mask: fc.integer({ min: 1, max: 255 }) })
  fc.assert(
    fc.property(flipped, ({ at, mask }) => {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] as number) ^ mask
      return named(bytes)
    }),
    { numRuns: 500 },
  )
  fc.assert(fc.property(fc.nat(good.length - 1), (end) => named(good.subarray(0, end))))
})

t.test('a weak key is refused although its request is in order', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' })
  t.throws(() => verifyCsr(createCsr(privateKey)), { code: 'csr.weak_key' })
})
