import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ENVOY } from '../../control-plane/xds/client-takes.ts'
import { CODECS } from '../../control-plane/xds/resource.ts'
import { readable } from '../../core/xds/readable.ts'
import {
  ecKey,
  edKey,
  rsaKey,
  signed,
  type Claims,
  type IssuerKey,
} from '../../proxy/steps/testing/tokens.ts'
import { newRoot, secretsFor } from '../../proxy/testing/mesh-identity.ts'
import { EnvoyProcess, findEnvoy } from '../pair/testing/envoy-process.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses } from './addresses-of-world.ts'
import { Application } from './application.ts'
import { callOn, plainConnection, type Place } from './calling.ts'
import { bootstrap } from './envoy-bootstrap.ts'
import { viewOf } from './pure.ts'
import { callOf } from './scene.ts'
import { CAPTURED, ServingSidecar } from './serving-sidecar.ts'
import { PODS } from './world.ts'
import { allow, from, type WrittenObject } from './written.ts'

// One RequestAuthentication, and a policy that asks for its tokens, by a sidecar and by a real Envoy: the same verdicts.

const { binary, skip } = findEnvoy()
const APPLICATION = 8999
const ISSUER = 'https://issuer.example'
const NOW_S = Math.floor(Date.now() / 1000)

const RSA = rsaKey('rsa')
const EC = ecKey('ec')
const P384 = ecKey('p384', 'P-384')
const ED = edKey('ed')
const STRANGER = rsaKey('rsa')
const CLAIMS = { iss: ISSUER, sub: 'alice', aud: 'shop', exp: NOW_S + 3600 }

const token = (claims: Claims = {}, header: Claims = {}, key: IssuerKey = RSA): string =>
  signed(key, { ...CLAIMS, ...claims }, header)
const text = (value: string): string => Buffer.from(value).toString('base64url')
const [HEAD = '', PAYLOAD = '', SIGNATURE = ''] = token().split('.')

/** What is shown, and the status: 200 by a token, 403 without one, 401 by a bad one. */
const TABLE: readonly (readonly [what: string, shown: string, status: number])[] = [
  ['RS256', token(), 200],
  ['RS384', token({}, { alg: 'RS384' }), 200],
  ['RS512', token({}, { alg: 'RS512' }), 200],
  ['PS256', token({}, { alg: 'PS256' }), 200],
  ['PS512', token({}, { alg: 'PS512' }), 200],
  ['ES256', token({}, { alg: 'ES256' }, EC), 200],
  ['ES384', token({}, { alg: 'ES384' }, P384), 200],
  ['EdDSA', token({}, { alg: 'EdDSA' }, ED), 200],
  ['without a kid', token({}, { kid: undefined }), 200],
  ['of two audiences', token({ aud: ['other', 'shop'] }), 200],
  ['without an end', token({ exp: undefined }), 200],
  ['a minute late', token({ exp: NOW_S - 5 }), 200],
  ['none', '', 403],
  ['expired', token({ exp: NOW_S - 3600 }), 401],
  ['not yet', token({ nbf: NOW_S + 3600 }), 401],
  ['another audience', token({ aud: 'other' }), 401],
  ['no audience', token({ aud: undefined }), 401],
  ['another issuer', token({ iss: 'https://other.example' }), 401],
  ['no issuer', token({ iss: undefined }), 401],
  ['a stranger by the same kid', token({}, {}, STRANGER), 401],
  ['a stranger without kid', token({}, { kid: undefined }, STRANGER), 401],
  ['a kid that nobody has', token({}, { kid: 'other' }), 401],
  ['a key of its own', token({}, { jwk: STRANGER.jwk }, STRANGER), 401],
  ['alg none', `${text('{"alg":"none"}')}.${PAYLOAD}.`, 401],
  ['alg none, signed', `${text('{"alg":"none"}')}.${PAYLOAD}.${SIGNATURE}`, 401],
  ['HMAC by the public key', token({}, { alg: 'HS256' }), 401],
  ['another alg than was signed', `${text('{"alg":"RS512","kid":"rsa"}')}.${PAYLOAD}.${SIGNATURE}`, 401],
  ['changed claims', `${HEAD}.${text(JSON.stringify({ ...CLAIMS, sub: 'root' }))}.${SIGNATURE}`, 401],
  ['no signature', `${HEAD}.${PAYLOAD}.`, 401],
  ['two parts', `${HEAD}.${PAYLOAD}`, 401],
  ['four parts', `${HEAD}.${PAYLOAD}.${SIGNATURE}.x`, 401],
  ['an opaque one', 'deadbeef', 401],
  ['a header that is no JSON', `${text('alg')}.${PAYLOAD}.${SIGNATURE}`, 401],
  ['claims that are no JSON', signed(RSA, '{'), 401],
  ['claims that are a list', signed(RSA, '[]'), 401],
]

/** Envoy says 403 of a token that is for others. */
const FORBIDDEN_BY_ENVOY = new Set(['another audience', 'no audience'])

const OBJECTS: readonly WrittenObject[] = [allow('users', [from({ requestPrincipals: [`${ISSUER}/*`] })])]
const AUTHENTICATION = {
  apiVersion: 'weft.dev/v1alpha1',
  kind: 'RequestAuthentication',
  metadata: { name: 'users', namespace: 'payments' },
  spec: {
    jwtRules: [
      {
        issuer: ISSUER,
        audiences: ['shop'],
        jwks: JSON.stringify({ keys: [RSA, EC, P384, ED].map(({ jwk }) => jwk) }),
      },
    ],
  },
}

inOwnNamespace(t, import.meta.filename, () => {
  const pay = PODS['pay']
  if (!pay) throw new Error('world.ts has no pod pay')
  const view = viewOf(OBJECTS, [AUTHENTICATION])
  const root = newRoot()
  t.before(() => addAddresses())

  async function verdicts(t: Test, place: Place, forbidden = new Set<string>()): Promise<void> {
    for (const [what, shown, status] of TABLE) {
      const headers = shown === '' ? [] : [`authorization: Bearer ${shown}`]
      const answer = await callOn(await plainConnection(place), callOf('', { headers }))
      t.equal(answer.status, forbidden.has(what) ? 403 : status, what)
    }
  }

  /** Envoy is ready a moment before a listener from a file takes connections. */
  async function listening(place: Place): Promise<void> {
    for (;;) {
      try {
        return void (await plainConnection(place)).destroy()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  }

  t.test('by a sidecar', async (t) => {
    await Application.listen(t, pay.address, pay.ports)
    const sidecar = await ServingSidecar.start(t, root, pay)
    sidecar.follow(view)
    await verdicts(t, { host: pay.address, port: 8080 + CAPTURED })
  })

  t.test('by Envoy', { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'weft-envoy-tokens-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    await Application.listen(t, '127.0.0.1', [APPLICATION])
    const { namespace, name } = pay
    const resource = view.resource('listener', 'inbound', { namespace, pod: name, takes: ENVOY })
    if (!resource) throw new Error('there is no listener')
    const { bindToPort: _, ...listener } = readable(CODECS.listener, resource.message)
    const place = { host: '10.1.200.1', port: 8080 }
    const file = join(folder, 'listeners.json')
    const written = {
      '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
      ...listener,
      address: { socketAddress: { address: place.host, portValue: place.port } },
    }
    writeFileSync(file, JSON.stringify({ version_info: '1', resources: [written] }))
    const own = secretsFor(root, 'spiffe://cluster.local/ns/payments/sa/pay')
    const envoy = await EnvoyProcess.start(binary, 'envoy', folder, bootstrap(file, own, APPLICATION))
    t.teardown(() => envoy.stop())
    await listening(place)
    await verdicts(t, place, FORBIDDEN_BY_ENVOY)
  })
})
