import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Metadata, status } from '@grpc/grpc-js'
import { decodeJwt, SignJWT } from 'jose'
import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { authenticate } from './authenticate.ts'
import { kubernetesClaim, subjectOf, TOKEN_ISSUER, type TokenSubject } from './claims.ts'
import { keyId, openTokenIssuer, PUBLIC_KEY_FILE } from './issuer.ts'
import { localTokenVerifier } from './verifier.ts'

const START = Date.UTC(2026, 0, 1)
const WEB: TokenSubject = {
  namespace: 'shop',
  serviceAccount: { name: 'web', uid: randomUUID() },
  pod: { name: 'web-7d4b9-x2x', uid: randomUUID() },
}

async function setUp(directory: string) {
  const clock = new ManualClock(START)
  const issuer = await openTokenIssuer({ directory, clock })
  const verifier = localTokenVerifier({ directory, audience: 'weft', clock })
  const mint = (subject = WEB, audience = 'weft') => issuer.mint(subject, { audience, ttlMs: 60_000 })
  return { clock, issuer, verifier, mint }
}

t.test('a token tells who its holder is, in the form of Kubernetes', async (t) => {
  const { verifier, mint } = await setUp(t.testdir({}))
  const token = await mint()
  t.same(await verifier.verify(token), { namespace: 'shop', serviceAccount: 'web', pod: WEB.pod })
  t.same(decodeJwt(token), {
    iss: TOKEN_ISSUER,
    sub: 'system:serviceaccount:shop:web',
    aud: ['weft'],
    iat: START / 1000,
    nbf: START / 1000,
    exp: START / 1000 + 60,
    'kubernetes.io': { namespace: 'shop', serviceaccount: WEB.serviceAccount, pod: WEB.pod },
  })
  const { pod, ...noPod } = WEB
  t.ok(pod)
  t.equal((await verifier.verify(await mint(noPod))).pod, undefined)
})

t.test('the key survives a restart in a file of mode 0600', async (t) => {
  const directory = t.testdir({})
  const { mint } = await setUp(directory)
  const token = await mint()
  t.equal(statSync(join(directory, 'token-key.pem')).mode & 0o777, 0o600)
  t.equal(statSync(join(directory, PUBLIC_KEY_FILE)).mode & 0o777, 0o644)
  const again = await setUp(directory)
  t.ok(await again.verifier.verify(token))
  t.same(readdirSync(directory).sort(), ['token-key.pem', PUBLIC_KEY_FILE].sort())
  const pem = readFileSync(join(directory, 'token-key.pem'), 'utf8')
  writeFileSync(join(directory, 'token-key.pem'), pem.slice(0, 60))
  await t.rejects(openTokenIssuer({ directory }), {
    code: 'token.key_corrupt',
    message: /token-key\.pem holds no P-256 private key/,
  })
})

t.test('a verifier follows a new key and waits for the first one', async (t) => {
  const directory = t.testdir({})
  const verifier = localTokenVerifier({ directory, audience: 'weft', clock: new ManualClock(START) })
  const elsewhere = await setUp(join(directory, 'other'))
  const foreign = await elsewhere.mint()
  await t.rejects(verifier.verify(foreign), { code: 'token.unavailable' })
  const first = await (await setUp(directory)).mint()
  t.ok(await verifier.verify(first))
  rmSync(join(directory, 'token-key.pem'))
  const second = await (await setUp(directory)).mint()
  t.ok(await verifier.verify(second), 'the new key')
  await t.rejects(verifier.verify(first), { code: 'token.signature' })
})

t.test('every refusal has its own code, and none repeats the token', async (t) => {
  const directory = t.testdir({})
  const { clock, issuer, verifier, mint } = await setUp(directory)
  const refused = async (token: string, code: string, name = code) => {
    const error: unknown = await verifier.verify(token).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!(error instanceof WeftError)) return t.fail(`${name}: no WeftError`)
    t.equal(error.code, `token.${code}`, `${name}: ${error.message}`)
    t.notOk(token.length > 20 && error.message.includes(token.slice(-20)))
  }
  const good = await mint()
  const [header, payload, signature] = good.split('.') as [string, string, string]
  await refused(await mint(WEB, 'vault'), 'audience')
  const other = await openTokenIssuer({ directory: join(directory, 'other'), clock })
  await refused(await other.mint(WEB, { audience: 'weft', ttlMs: 60_000 }), 'signature', 'foreign key')
  const edited = Buffer.from(
    JSON.stringify({ ...decodeJwt(good), sub: subjectOf('shop', 'admin') }),
  ).toString('base64url')
  await refused(`${header}.${edited}.${signature}`, 'signature', 'edited claims')
  await refused(`${header}.${payload}.`, 'signature', 'no signature')
  for (const text of ['', 'x', 'a.b.c', `${header}.${payload}`, 'x'.repeat(20_000)]) {
    await refused(text, 'malformed', text.slice(0, 10))
  }
  const kid = await keyId(issuer.publicKey)
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  await refused(`${part({ alg: 'none', kid })}.${payload}.`, 'signature', 'alg none')
  const secret = issuer.publicKey.export({ type: 'spki', format: 'pem' })
  const hs = `${part({ alg: 'HS256', kid })}.${payload}`
  const forged = `${hs}.${createHmac('sha256', secret).update(hs).digest('base64url')}`
  await refused(forged, 'signature', 'public key as HMAC secret')
  clock.advance(-1_000)
  await refused(good, 'not_yet_valid')
  clock.advance(61_000)
  await refused(good, 'expired')
})

t.test('claims must agree with each other', async (t) => {
  const directory = t.testdir({})
  const { verifier } = await setUp(directory)
  const key = readFileSync(join(directory, 'token-key.pem'), 'utf8')
  const { createPrivateKey, createPublicKey } = await import('node:crypto')
  const kid = await keyId(createPublicKey(key))
  const now = START / 1000
  const base = {
    iss: TOKEN_ISSUER,
    sub: subjectOf('shop', 'web'),
    aud: 'weft',
    iat: now,
    nbf: now,
    exp: now + 60,
    'kubernetes.io': kubernetesClaim(WEB),
  }
  const sign = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(createPrivateKey(key))
  t.ok(await verifier.verify(await sign(base)), 'aud as text')
  const cases: [change: Record<string, unknown>, code: string, field?: string][] = [
    [{ iss: 'https://elsewhere' }, 'issuer'],
    [{ exp: undefined }, 'malformed', 'exp'],
    [{ nbf: undefined }, 'malformed', 'nbf'],
    [{ aud: undefined }, 'audience'],
    [{ sub: subjectOf('shop', 'admin') }, 'malformed', 'sub'],
    [{ 'kubernetes.io': undefined }, 'malformed', 'kubernetes.io'],
    [{ 'kubernetes.io': { namespace: 'a/b' } }, 'malformed', 'kubernetes.io.namespace'],
    [
      { 'kubernetes.io': { namespace: 'shop', serviceaccount: {} } },
      'malformed',
      'kubernetes.io.serviceaccount.name',
    ],
    [
      { 'kubernetes.io': { ...base['kubernetes.io'], pod: { name: 'x' } } },
      'malformed',
      'kubernetes.io.pod.uid',
    ],
  ]
  for (const [change, code, field] of cases) {
    const expected = { code: `token.${code}`, ...(field && { field }) }
    await t.rejects(verifier.verify(await sign({ ...base, ...change })), expected, JSON.stringify(change))
  }
})

t.test('a token of a pod that is gone is refused', async (t) => {
  const directory = t.testdir({})
  const { mint, clock } = await setUp(directory)
  let alive = WEB.pod?.uid
  const podExists = (_namespace: string, _name: string, uid: string) => uid === alive
  const verifier = localTokenVerifier({ directory, audience: 'weft', clock, podExists })
  const token = await mint()
  t.ok(await verifier.verify(token))
  alive = randomUUID()
  await t.rejects(verifier.verify(token), { code: 'token.revoked', message: /shop\/web-7d4b9-x2x is gone/ })
})

t.test('bad names are refused when minting', async (t) => {
  const { mint } = await setUp(t.testdir({}))
  await t.rejects(mint({ ...WEB, namespace: 'shop:admin' }), { code: 'token.malformed', field: 'namespace' })
  await t.rejects(mint({ ...WEB, serviceAccount: { name: '', uid: '' } }), {
    code: 'token.malformed',
    field: 'serviceAccount.name',
  })
})

t.test('gRPC calls are authenticated by one value of their metadata', async (t) => {
  const { verifier, mint } = await setUp(t.testdir({}))
  const token = await mint()
  const call = (...values: string[]) => {
    const metadata = new Metadata()
    for (const value of values) metadata.add('authorization', value)
    return authenticate(verifier, metadata)
  }
  t.match(await call(`Bearer ${token}`), { serviceAccount: 'web' })
  t.match(await call(`bearer ${token}`), { serviceAccount: 'web' })
  const code = status.UNAUTHENTICATED
  await t.rejects(call(), { code, details: /no credentials: send a service account token/ })
  await t.rejects(call(`Bearer ${token}`, 'Bearer x'), { code, details: /several/ })
  for (const value of [token, 'Bearer', `Basic ${token}`, `Bearer ${token} ${token}`, '']) {
    await t.rejects(call(value), { code, details: /not "Bearer <token>"|no credentials/ })
  }
  await t.rejects(call(`Bearer ${await mint(WEB, 'vault')}`), { code, details: /not for audience "weft"/ })
  const broken = { verify: () => Promise.reject(new Error('connect ECONNREFUSED')) }
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  await t.rejects(authenticate(broken, metadata), { code: status.UNAVAILABLE })
})

t.test('only ES256 with P-256 is made', async (t) => {
  const directory = t.testdir({})
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(directory, 'token-key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await t.rejects(openTokenIssuer({ directory }), { code: 'token.key_corrupt' })
})
