import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { parseManifests } from '../parse-manifests.ts'

const PUBLIC = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const PRIVATE = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const SHORT = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const jwks = JSON.stringify({ keys: [PUBLIC] })
const rule = (more: object = {}) => ({ jwtRules: [{ issuer: 'staff', jwks, ...more }] })
const keys = (...all: object[]) => rule({ jwks: JSON.stringify({ keys: all }) })
const selector = { matchLabels: { app: 'web' } }

function read(spec: unknown) {
  const metadata = { name: 'users', namespace: 'shop' }
  return parseManifests(
    'policy.yaml',
    JSON.stringify({ apiVersion: 'weft.dev/v1alpha1', kind: 'RequestAuthentication', metadata, spec }),
  )
}

t.test('what is wrong is refused by its field', (t) => {
  const wrong: readonly (readonly [spec: unknown, message: RegExp])[] = [
    [undefined, /^spec is required/],
    [{}, /^spec\.jwtRules is required/],
    [{ jwtRules: [] }, /^spec\.jwtRules is empty/],
    [
      { jwtRules: Array.from({ length: 17 }, (_, at) => ({ issuer: `i${at}`, jwks })) },
      /jwtRules has 17 items; at most 16/,
    ],
    [{ jwtRules: [{ jwks }] }, /^spec\.jwtRules\[0\]\.issuer is required/],
    [{ jwtRules: [{ issuer: 'a\nb', jwks }] }, /\[0\]\.issuer must be printable/],
    [
      {
        jwtRules: [
          { issuer: 'a', jwks },
          { issuer: 'a', jwks },
        ],
      },
      /jwtRules\[1\]\.issuer names a a second time/,
    ],
    [{ ...rule(), targetRefs: [] }, /^spec\.targetRefs is empty/],
    [
      { ...rule(), targetRefs: [{ kind: 'HTTPRoute', name: 'a' }] },
      /targetRefs\[0\]\.kind must be one of Service, Namespace/,
    ],
    [
      { ...rule(), targetRefs: [{ kind: 'Service', name: 'a' }], selector },
      /targetRefs does not go with selector/,
    ],
    [{ ...rule(), selector: {} }, /selector\.matchLabels needs a label/],
    [rule({ audiences: [] }), /audiences is empty/],
    [rule({ audience: ['a'] }), /audience is not a field/],
    [rule({ audiences: [''] }), /audiences\[0\] must be printable/],
    [rule({ jwks: undefined }), /jwks is needed, or jwksUri: the issuer is no URL/],
    [rule({ jwksUri: 'https://a.example/' }), /jwks does not go with jwksUri/],
    [rule({ jwks: undefined, jwksUri: 'ftp://a.example/' }), /jwksUri must be a URL/],
    [rule({ jwks: undefined, jwksUri: 'https://user:pass@a.example/' }), /jwksUri must hold no user/],
    [rule({ timeout: '1s' }), /timeout does not go with jwks/],
    [
      rule({ jwks: undefined, jwksUri: 'https://a.example/', timeout: '31s' }),
      /timeout must be a duration from 100ms to 30s/,
    ],
    [rule({ jwks: '{' }), /jwks must be a JWK Set/],
    [rule({ jwks: '{"keys":[]}' }), /jwks holds no key for signatures/],
    [keys(PRIVATE), /jwks has in keys\[0\] what holds the secret member "d"/],
    [keys(PUBLIC, { kty: 'oct', k: 'AA' }), /keys\[1\] what holds the secret member "k"/],
    [keys(SHORT), /has 1024 bits; RSA keys need 2048/],
    [keys({ ...PUBLIC, crv: 'secp256k1' }), /is of a curve that is not known here/],
    [keys({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }), /its members do not fit together/],
    [rule({ fromHeaders: [] }), /fromHeaders is empty/],
    [rule({ fromHeaders: [{ name: 'a b' }] }), /fromHeaders\[0\]\.name must be an HTTP field name/],
    [rule({ fromHeaders: [{ prefix: 'a' }] }), /fromHeaders\[0\]\.name is required/],
    [rule({ fromParams: ['a&b'] }), /fromParams\[0\] must be the name of a query parameter/],
    [rule({ fromCookies: ['a=b'] }), /fromCookies\[0\] must be the name of a cookie/],
    [rule({ forwardOriginalToken: 'yes' }), /forwardOriginalToken must be true or false/],
    [
      rule({ outputPayloadToHeader: 'X-Forwarded-Client-Cert' }),
      /outputPayloadToHeader is written by proxies/,
    ],
    [rule({ outputPayloadToHeader: 'Authorization' }), /outputPayloadToHeader Authorization holds the token/],
    [rule({ outputClaimToHeaders: [{ header: 'x-a' }] }), /outputClaimToHeaders\[0\]\.claim is required/],
    [
      rule({
        outputClaimToHeaders: [
          { header: 'x-a', claim: 'a' },
          { header: 'X-A', claim: 'b' },
        ],
      }),
      /outputClaimToHeaders\[1\]\.header X-A holds the token, or another claim/,
    ],
    [rule({ outputClaimToHeaders: [{ header: 'x-a', claim: 'a..b' }] }), /claim must be the name of a claim/],
    [{ ...rule(), selector: null }, /selector is there with nothing in it/],
  ]
  for (const [spec, message] of wrong) {
    const { objects, errors } = read(spec)
    t.match(
      errors.map(({ field, message: text }) => `${field} ${text}`).join('\n'),
      message,
      JSON.stringify(spec)?.slice(0, 90),
    )
    t.same(objects, [], 'no part of it is taken')
  }
  t.end()
})

t.test('what it takes is taken, by Istio’s names', (t) => {
  const { objects, errors } = read({
    selector,
    jwtRules: [
      {
        issuer: 'https://a.example',
        audiences: ['shop'],
        jwksUri: 'https://a.example/keys',
        timeout: '1s',
        fromHeaders: [{ name: 'X-Token', prefix: 'Jwt ' }],
        fromParams: ['t'],
        fromCookies: ['t'],
        forwardOriginalToken: true,
        outputPayloadToHeader: 'x-payload',
        outputClaimToHeaders: [{ header: 'x-user', claim: 'a.b' }],
      },
      { issuer: 'https://b.example' },
      { issuer: 'c', jwks },
    ],
  })
  t.same(errors, [])
  t.match(objects[0]?.object, {
    targetRefs: [],
    selector: { app: 'web' },
    rules: [
      {
        issuer: 'https://a.example',
        keys: { kind: 'uri', url: 'https://a.example/keys', timeoutMs: 1000 },
        fromHeaders: [{ name: 'X-Token', prefix: 'Jwt ' }],
        forward: true,
        payloadHeader: 'x-payload',
        claimHeaders: [{ header: 'x-user', claim: 'a.b' }],
      },
      { keys: { kind: 'issuer', url: 'https://b.example', timeoutMs: 5000 }, audiences: [], forward: false },
      { keys: { kind: 'inline', text: /^\{"keys":\[\{"kty":"EC"/ } },
    ],
  })
  t.end()
})
