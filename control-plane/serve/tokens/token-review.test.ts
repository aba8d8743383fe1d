import { generateKeyPairSync } from 'node:crypto'
import { Metadata, status } from '@grpc/grpc-js'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import { FakeApi } from '../../kubernetes/testing/fake-api.ts'
import { authenticate } from './authenticate.ts'
import type { TokenReviewStatus } from './reviewed-caller.ts'
import { tokenReviewVerifier, type KnownPod } from './token-review.ts'

const START = Date.UTC(2026, 0, 1)
const REVIEWS = 'POST /apis/authentication.k8s.io/v1/tokenreviews'
const PODS = '/api/v1/namespaces/shop/pods'
const POD = `${PODS}/web-1`
const UID = 'a1b2'
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

const mint = (audience: string | string[] = 'weft', expiresMs = START + 3_600_000) =>
  new SignJWT({ sub: 'system:serviceaccount:shop:web' })
    .setProtectedHeader({ alg: 'ES256' })
    .setAudience(audience)
    .setJti(String(Math.random()))
    .setExpirationTime(expiresMs / 1000)
    .sign(key)

const mintOf = (claims: Record<string, unknown>) =>
  new SignJWT({ sub: 'system:serviceaccount:shop:web', ...claims })
    .setProtectedHeader({ alg: 'ES256' })
    .setAudience('weft')
    .setJti(String(Math.random()))
    .setExpirationTime(START / 1000 + 3600)
    .sign(key)

/** As a real API server answers (e2e/kubernetes holds it to that). */
const accepted = (change: Partial<TokenReviewStatus> = {}): TokenReviewStatus => ({
  authenticated: true,
  audiences: ['weft'],
  user: {
    username: 'system:serviceaccount:shop:web',
    extra: {
      'authentication.kubernetes.io/pod-name': ['web-1'],
      'authentication.kubernetes.io/pod-uid': [UID],
    },
  },
  ...change,
})

async function setUp(t: Test) {
  const api = await FakeApi.start(t)
  const clock = new ManualClock(START)
  const pods = new Map<string, KnownPod>([['shop/web-1', { uid: UID, serviceAccount: 'web' }]])
  const world = { said: accepted(), pods, api, clock }
  api.hook = (asked) => (asked === REVIEWS ? { status: 201, body: { status: world.said } } : undefined)
  const verifier = tokenReviewVerifier({
    connection: api.connect(t),
    audience: 'weft',
    podOf: (namespace, name) => pods.get(`${namespace}/${name}`),
    clock,
  })
  const reviews = () => api.asked.filter((asked) => asked === REVIEWS).length
  const fails = async (token: string): Promise<WeftError> => {
    const error: unknown = await verifier.verify(token).then(
      () => new Error('it was accepted'),
      (reason: unknown) => reason,
    )
    if (!(error instanceof WeftError)) throw error
    t.notOk(
      token.length > 20 &&
        JSON.stringify([error.message, error.stack, error.cause]).includes(token.slice(-20)),
    )
    return error
  }
  return Object.assign(world, { verifier, reviews, fails })
}

t.test('who holds a token is what the API server says, for its pod that is there', async (t) => {
  const { verifier, api } = await setUp(t)
  t.strictSame(await verifier.verify(await mint()), {
    namespace: 'shop',
    serviceAccount: 'web',
    pod: { name: 'web-1', uid: UID },
  })
  t.strictSame(api.asked, [REVIEWS], 'a pod that is known is not asked for')
})

t.test(
  'the answer counts for seconds and never beyond the token; the pod is looked at each time',
  async (t) => {
    const { verifier, reviews, clock, pods, fails } = await setUp(t)
    const token = await mint('weft', START + 12_000)
    await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)))
    t.equal(reviews(), 1, 'asked once for those who come together')
    clock.advance(9_000)
    await verifier.verify(token)
    t.equal(reviews(), 1)
    clock.advance(1_000)
    await verifier.verify(token)
    t.equal(reviews(), 2)
    clock.advance(2_000)
    await verifier.verify(token)
    t.equal(reviews(), 3, 'at its end it is not believed to be good for ten more seconds')
    await verifier.verify(await mint())
    const other = await mint()
    await verifier.verify(other)
    t.equal(reviews(), 5, 'another token is another question')
    pods.clear()
    t.equal((await fails(other)).code, 'token.revoked')
    t.equal(reviews(), 5)
  },
)

t.test('a clock that is off changes how often it is asked, not what is answered', async (t) => {
  const { verifier, reviews, clock } = await setUp(t)
  const token = await mint('weft', START + 60_000)
  clock.advance(3_600_000)
  await verifier.verify(token)
  await verifier.verify(token)
  t.equal(reviews(), 2)
})

t.test('the pod must be there, with the UID and the service account of the token', async (t) => {
  const { verifier, api, pods, fails } = await setUp(t)
  const token = await mint()
  pods.clear()
  t.match(await fails(token), { code: 'token.revoked', message: "the token's pod shop/web-1 is gone" })
  const pod = (uid: string, serviceAccountName: string) => ({
    metadata: { uid },
    spec: { serviceAccountName },
  })
  api.put(POD, pod('another', 'web'))
  t.match(await fails(token), { code: 'token.revoked', message: /another has its name/ })
  api.put(POD, { ...pod(UID, 'admin'), metadata: { name: 'web-1', uid: UID } })
  t.match(await fails(token), { code: 'token.revoked', message: /runs as service account admin, not web/ })
  api.put(POD, pod(UID, 'web'))
  t.ok(await verifier.verify(token), 'one that has just been made is asked for')
  pods.set('shop/web-1', { uid: 'before', serviceAccount: 'web' })
  t.ok(await verifier.verify(token), 'also where an earlier one is still known')
})

t.test('every refusal has its code and its words, and no token in them', async (t) => {
  const world = await setUp(t)
  const { fails, clock } = world
  const no = (error: string): TokenReviewStatus => ({ error })
  const user = (username: string, extra: object = {}) => accepted({ user: { username, extra: { ...extra } } })
  const web = 'system:serviceaccount:shop:web'
  const podName = 'authentication.kubernetes.io/pod-name'
  const podUid = 'authentication.kubernetes.io/pod-uid'
  const cases: [code: string, said: TokenReviewStatus, message?: RegExp][] = [
    ['expired', no('[invalid bearer token, service account token has expired]')],
    ['not_yet_valid', no('[invalid bearer token, service account token is not valid yet]')],
    [
      'audience',
      no('[invalid bearer token, token audiences ["x"] is invalid for the target audiences ["weft"]]'),
    ],
    ['revoked', no('[invalid bearer token, serviceaccounts "web" not found]')],
    ['revoked', no('[invalid bearer token, service account UID (a) does not match claim (b)]')],
    ['signature', no('[invalid bearer token, go-jose/go-jose: error in cryptographic primitive]')],
    ['signature', no('invalid bearer token')],
    ['signature', {}],
    ['audience', accepted({ audiences: [] }), /"weft"/],
    ['audience', accepted({ audiences: ['https://kubernetes.default.svc'] })],
    ['malformed', user('kubernetes-admin'), /is of a user/],
    ['malformed', user('system:node:node1')],
    ['malformed', user('system:serviceaccount:shop')],
    ['malformed', user('system:serviceaccount:shop/x:web')],
    ['malformed', user('system:serviceaccount:shop:web:x')],
    ['no_pod', user(web), /bound to no pod/],
    ['malformed', user(web, { [podName]: ['web-1'] })],
    ['malformed', user(web, { [podUid]: [UID] })],
    ['malformed', user(web, { [podName]: ['web-1', 'web-2'], [podUid]: [UID] })],
    ['malformed', user(web, { [podName]: ['../x'], [podUid]: [UID] })],
  ]
  for (const [code, said, message = /./] of cases) {
    world.said = said
    const error = await fails(await mint())
    t.match(error, { code: `token.${code}`, message }, JSON.stringify(said))
  }
  world.said = no('invalid bearer token')
  t.equal(
    (await fails(await mint('vault'))).code,
    'token.audience',
    'the token itself tells more than the answer',
  )
  const asked = world.reviews()
  for (const text of ['', 'garbage', 'a.b.c', 'x'.repeat(20_000)])
    t.equal((await fails(text)).code, 'token.malformed')
  t.equal(world.reviews(), asked, 'what is no token is not asked for')
  const token = await mint()
  await fails(token)
  await fails(token)
  t.equal(world.reviews(), asked + 1, 'a refusal is kept, too')
  world.said = accepted()
  clock.advance(2_000)
  t.ok(await world.verifier.verify(token), 'but not for long')
})

t.test('while the API server cannot tell, callers are to come again', async (t) => {
  const world = await setUp(t)
  const { api, verifier, fails, clock } = world
  const token = await mint()
  const good = api.hook
  const leak = (code: number) => ({ status: code, body: { message: `cannot review ${token}` } })
  for (const [code, message] of [
    [500, /answered 500/],
    [429, /answered 429/],
    [403, /create tokenreviews, list pods/],
  ] as const) {
    api.hook = () => leak(code)
    t.match(await fails(token), { code: 'token.unavailable', message })
  }
  api.hook = (asked, body) => (asked === `GET ${PODS}` ? leak(503) : good(asked, body))
  world.pods.clear()
  t.match(await fails(token), { code: 'token.unavailable', message: /503/ })
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  await t.rejects(authenticate(verifier, metadata), { code: status.UNAVAILABLE })
  api.hook = good
  api.put(POD, { metadata: { uid: UID }, spec: { serviceAccountName: 'web' } })
  t.ok(await verifier.verify(token), 'and it is asked anew at once')
  clock.advance(60_000)
})

t.test('a crowd is asked for a few at a time, and each gets its answer', async (t) => {
  const { api, verifier } = await setUp(t)
  const held: (() => void)[] = []
  let atOnce = 0
  let most = 0
  api.hold = async (asked) => {
    if (asked !== REVIEWS) return
    most = Math.max(most, ++atOnce)
    await new Promise<void>((resolve) => held.push(resolve))
    atOnce--
  }
  const tokens = await Promise.all(Array.from({ length: 100 }, () => mint()))
  let done = 0
  const all = Promise.all(tokens.map((token) => verifier.verify(token).then(() => done++)))
  while (done < tokens.length) {
    await new Promise((resolve) => setImmediate(resolve))
    held.shift()?.()
  }
  await all
  t.ok(most <= 32 && most > 1, `${most} at once`)
})

t.test('what the API server would refuse is not asked for', async (t) => {
  const { fails, reviews, verifier, clock } = await setUp(t)
  for (const audience of ['vault', ['vault', 'https://kubernetes.default.svc']])
    t.equal((await fails(await mint(audience))).code, 'token.audience')
  t.equal(reviews(), 0)
  await verifier.verify(await mintOf({ iss: 'https://cluster' }))
  const others = await Promise.all(Array.from({ length: 50 }, (_, i) => mintOf({ iss: `https://other${i}` })))
  const codes = await Promise.allSettled(others.map((token) => verifier.verify(token)))
  t.equal(codes.filter(({ status: settled }) => settled === 'rejected').length, 49)
  t.equal(reviews(), 2, 'one of them, in case the issuer was replaced')
  clock.advance(1000)
  t.ok(await verifier.verify(await mintOf({ iss: 'https://new' })))
  t.ok(await verifier.verify(await mintOf({ iss: 'https://new' })), 'which is learned then')
})

t.test('thousands of made-up tokens hold up nobody and make nobody be asked for again', async (t) => {
  const world = await setUp(t)
  const { api, verifier, reviews } = world
  const kubernetes = { namespace: 'shop', pod: { name: 'web-1', uid: UID } }
  const good = await mintOf({ 'kubernetes.io': kubernetes })
  const tokens = new Set([good])
  api.hook = (asked, body) => {
    if (asked !== REVIEWS) return undefined
    const { spec } = body as { spec: { token: string } }
    return { status: 201, body: { status: tokens.has(spec.token) ? accepted() : {} } }
  }
  await verifier.verify(good, '10.0.0.1')
  const unsigned = (i: number): string => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { aud: ['weft'], exp: START / 1000 + 3600, jti: i, 'kubernetes.io': { namespace: 'shop' } }
    return `${part({ alg: 'ES256' })}.${part(claims)}.x`
  }
  const attack = Array.from({ length: 5000 }, (_, i) =>
    verifier.verify(unsigned(i), '10.0.0.9').catch(() => {}),
  )
  const before = reviews()
  await verifier.verify(good, '10.0.0.1')
  t.equal(reviews(), before, 'what was accepted is known still')
  const fresh = await Promise.all([mintOf({ 'kubernetes.io': kubernetes }), mint()])
  for (const token of fresh) tokens.add(token)
  let over = false
  const all = Promise.all(attack).then(() => (over = true))
  t.ok(await verifier.verify(fresh[0] ?? '', '10.0.0.9'), 'the pod whose address it comes from')
  t.ok(await verifier.verify(fresh[1] ?? '', '10.0.0.2'), 'and one that is not known yet, elsewhere')
  t.notOk(over, 'while the others wait')
  await all
  t.ok(reviews() < 400, `${reviews()} questions, not 5,000`)
})
