import t from 'tap'
import type { JwtAuthentication, JwtProvider } from '../../../core/xds/generated/envoy.js'
import { verifiedToken, type VerifiedToken } from '../../exchange/verified-token.ts'
import { field, fieldValues, type Fields, type RequestHead } from '../../http/message.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { Scope } from '../../xds/scope.ts'
import { NO_LISTENER_SETTINGS, type Answer } from '../step.ts'
import { headOf, HOP, manual } from '../testing/requests.ts'
import { ecKey, edKey, rsaKey, signed, type Claims, type IssuerKey } from '../testing/tokens.ts'
import { LONGEST_WAIT_MS, VAIN_BURST } from '../tokens/verifications.ts'
import { jwtAuthn, JwtAuthnStep } from './jwt-authn.ts'

const NOW_S = 1_800_000_000
const RULES: JwtAuthentication['rules'] = [{ match: { prefix: '/' }, requires: { allowMissing: {} } }]
const RSA = rsaKey('rsa')
const P256 = ecKey('p256')
const P384 = ecKey('p384', 'P-384')
const P521 = ecKey('p521', 'P-521')
const ED = edKey('ed')
const STRANGER = rsaKey('rsa')
const KEYS = [RSA, P256, P384, P521, ED]
const CLAIMS = { iss: 'https://issuer.example', sub: 'alice', aud: 'shop', exp: NOW_S + 600 }

const keySet = (keys: readonly IssuerKey[]) => ({
  inlineString: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }),
})

function provider(more: JwtProvider = {}): JwtProvider {
  return {
    issuer: 'https://issuer.example',
    audiences: ['shop', 'pay'],
    localJwks: keySet(KEYS),
    forward: true,
    payloadInMetadata: 'payload',
    ...more,
  }
}

function stepOf(providers: JwtAuthentication['providers'], clock = { nowMs: NOW_S * 1000 }): JwtAuthnStep {
  const scope = new Scope()
  const config = jwtAuthn.read({ providers, rules: RULES }, scope, NO_LISTENER_SETTINGS)
  if (scope.problems.length > 0) throw scope.problems[0] as Error
  return new JwtAuthnStep(config, { ...manual(), epochMs: () => clock.nowMs })
}

const bearer = (token: string): Fields => ['authorization', `Bearer ${token}`]

/** What becomes of a request, however long the step has it wait; and whether it did. */
async function outcomeOf(
  step: JwtAuthnStep,
  head: RequestHead,
  hop = HOP,
): Promise<{ answer?: Answer; token?: VerifiedToken | undefined; waited: boolean }> {
  const verdict = step.decide(hop, head, undefined)
  if (verdict === undefined) return { token: verifiedToken(head), waited: false }
  if (verdict.kind === 'answer') return { answer: verdict, waited: false }
  const answer = await new Promise<Answer | undefined>((resume) => void verdict.begin({ resume }))
  return answer ? { answer, waited: true } : { token: verifiedToken(head), waited: true }
}

async function shows(step: JwtAuthnStep, token: string): Promise<string> {
  const { answer, token: verified } = await outcomeOf(step, headOf('/', bearer(token)))
  return answer ? answer.reply.text : `passes as ${verified?.issuer}/${verified?.subject}`
}

const PASSES = 'passes as https://issuer.example/alice'

t.test('each algorithm of the list verifies, with a kid and without', async (t) => {
  const step = stepOf({ a: provider() })
  const cases: readonly (readonly [string, IssuerKey])[] = [
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg) => [alg, RSA] as const),
    ['ES256', P256],
    ['ES384', P384],
    ['ES512', P521],
    ['EdDSA', ED],
  ]
  for (const [alg, key] of cases) {
    t.equal(await shows(step, signed(key, CLAIMS, { alg })), PASSES, alg)
    t.equal(await shows(step, signed(key, CLAIMS, { alg, kid: undefined })), PASSES, `${alg} without kid`)
  }
})

t.test('what is no good token of a known issuer is refused, each for its reason', async (t) => {
  const step = stepOf({ a: provider() })
  const [header = '', payload = '', signature = ''] = signed(RSA, CLAIMS).split('.')
  const text = (value: string) => Buffer.from(value).toString('base64url')
  const claims = (more: Claims) => signed(RSA, { ...CLAIMS, ...more })
  const cases: readonly (readonly [what: string, token: string, why: RegExp])[] = [
    ['none', signed(RSA, CLAIMS, { alg: 'none' }), /in the form of/],
    [
      'none with a signature',
      `${text('{"alg":"none"}')}.${payload}.${signature}`,
      /\[alg\] is not supported/,
    ],
    ['None', `${text('{"alg":"None"}')}.${payload}.${signature}`, /\[alg\] is not supported/],
    ['HMAC by the public key', signed(RSA, CLAIMS, { alg: 'HS256' }), /\[alg\] is not supported/],
    ['without alg', `${text('{"kid":"rsa"}')}.${payload}.${signature}`, /\[alg\] is not supported/],
    [
      'alg that is a list',
      `${text('{"alg":["RS256"]}')}.${payload}.${signature}`,
      /\[alg\] is not supported/,
    ],
    [
      'another alg than was signed',
      `${text('{"alg":"RS512","kid":"rsa"}')}.${payload}.${signature}`,
      /verification fails/,
    ],
    ['alg of another key', signed(RSA, CLAIMS, { alg: 'RS256', kid: 'p256' }), /key to match kid or alg/],
    ['a stranger by the same kid', signed(STRANGER, CLAIMS), /verification fails/],
    ['a stranger without kid', signed(STRANGER, CLAIMS, { kid: undefined }), /verification fails/],
    ['a kid that nobody has', signed(RSA, CLAIMS, { kid: 'other' }), /key to match kid or alg/],
    ['a kid that is a path', signed(RSA, CLAIMS, { kid: '../../../../dev/null' }), /key to match kid or alg/],
    ['a kid that is a query', signed(RSA, CLAIMS, { kid: "x' UNION SELECT 'k" }), /key to match kid or alg/],
    ['a key of its own', signed(STRANGER, CLAIMS, { jwk: STRANGER.jwk }), /verification fails/],
    [
      'a place of keys of its own',
      signed(STRANGER, CLAIMS, { jku: 'http://127.0.0.1:1/' }),
      /verification fails/,
    ],
    [
      'a certificate of its own',
      signed(STRANGER, CLAIMS, { x5u: 'http://127.0.0.1:1/', x5c: ['AA=='] }),
      /verification fails/,
    ],
    ['crit', signed(RSA, CLAIMS, { crit: ['exp'], exp: 1 }), /extension that is not known/],
    ['unencoded payload', signed(RSA, CLAIMS, { crit: ['b64'], b64: false }), /payload is an invalid JSON/],
    [
      'a token in a token',
      signed(RSA, JSON.stringify(signed(RSA, CLAIMS)), { cty: 'JWT' }),
      /payload is an invalid JSON/,
    ],
    ['claims that are a list', signed(RSA, '[]'), /payload is an invalid JSON/],
    ['claims that are no JSON', signed(RSA, '{'), /payload is an invalid JSON/],
    [
      'changed claims',
      `${header}.${text(JSON.stringify({ ...CLAIMS, sub: 'root' }))}.${signature}`,
      /verification fails/,
    ],
    [
      'changed signature',
      `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      /verification fails/,
    ],
    ['expired', claims({ exp: NOW_S - 61 }), /is expired/],
    ['not yet', claims({ nbf: NOW_S + 61 }), /not yet valid/],
    ['a time that is text', claims({ exp: '9999999999' }), /another type/],
    ['another audience', claims({ aud: 'other' }), /Audiences/],
    ['other audiences', claims({ aud: ['other', 'shop2'] }), /Audiences/],
    ['no audience', claims({ aud: undefined }), /Audiences/],
    ['another issuer', claims({ iss: 'https://issuer.example/' }), /issuer is not configured/],
    ['no issuer', claims({ iss: undefined }), /issuer is not configured/],
    ['issuers', claims({ iss: ['https://issuer.example'] }), /issuer is not configured/],
    ['two parts', `${header}.${payload}`, /in the form of/],
    ['five parts', `${header}..${payload}.${signature}.x`, /in the form of/],
    ['no text', '', /in the form of/],
    ['no base64', '!!.@@.##', /in the form of/],
    ['plain base64', `${header}.${payload}.${signature.slice(0, -2)}+/`, /in the form of/],
    ['padding', `${header}.${payload}.${signature}==`, /in the form of/],
    ['a header that is no JSON', `${text('alg')}.${payload}.${signature}`, /header is an invalid JSON/],
    ['two in one field', `${header}.${payload}.${signature}, Bearer x`, /in the form of/],
    ['9 KiB', claims({ pad: 'x'.repeat(9000) }), /too long/],
    ['an opaque token', 'deadbeef', /in the form of/],
  ]
  for (const [what, token, why] of cases) t.match(await shows(step, token), why, what)
})

t.test(
  'the last of claims of one name counts, times may be a minute off, audiences may be a list',
  async (t) => {
    const step = stepOf({ a: provider() })
    const twice = `{"iss":"https://issuer.example","aud":"shop","sub":"bob","sub":"alice"}`
    t.equal(await shows(step, signed(RSA, twice)), PASSES, 'RFC 7519 section 4')
    t.equal(await shows(step, signed(RSA, { ...CLAIMS, exp: NOW_S - 59 })), PASSES)
    t.equal(await shows(step, signed(RSA, { ...CLAIMS, nbf: NOW_S + 59 })), PASSES)
    t.equal(await shows(step, signed(RSA, { ...CLAIMS, aud: ['other', 'pay'] })), PASSES)
    const any = stepOf({ a: provider({ audiences: [] }) })
    t.equal(await shows(any, signed(RSA, { ...CLAIMS, aud: undefined })), PASSES, 'no audience is asked for')
    const none = stepOf({ a: provider({ localJwks: keySet([]) }) })
    t.match(await shows(none, signed(RSA, CLAIMS)), /any valid public key/, 'keys that could not be fetched')
    const short = rsaKey('short', 1024)
    const weak = stepOf({ a: provider({ localJwks: keySet([short]) }) })
    t.match(await shows(weak, signed(short, CLAIMS)), /verification fails/, 'a key of 1024 bits')
  },
)

t.test('a refusal is a 401 that says how to come, with Envoy’s flag and detail', async (t) => {
  const step = stepOf({ a: provider() })
  const expired = signed(RSA, { ...CLAIMS, exp: 1 })
  const head = { ...headOf(`/pay?access_token=${expired}`), authority: 'sh"op' }
  const { answer } = await outcomeOf(step, head)
  t.match(answer, {
    flags: ResponseFlag.UAEX,
    reply: { status: 401, text: 'Jwt is expired', details: 'jwt_authn_access_denied{Jwt_is_expired}' },
  })
  t.equal(
    field(answer?.reply.fields ?? [], 'www-authenticate'),
    'Bearer realm="http://sh?op/pay", error="invalid_token"',
    'without the token',
  )
})

t.test('who shows no token passes, without its claims in fields of its own', async (t) => {
  const step = stepOf({
    a: provider({
      forwardPayloadHeader: 'X-Payload',
      claimToHeaders: [{ headerName: 'x-user', claimName: 'sub' }],
    }),
  })
  const spoofed: Fields = [
    'x-user',
    'root',
    'x_user',
    'root',
    'x-payload',
    'e30',
    'x-other',
    'kept',
    'x-user',
    'again',
  ]
  const head = headOf('/', [...spoofed])
  t.strictSame(await outcomeOf(step, head), { token: undefined, waited: false })
  t.strictSame(head.fields, ['x-other', 'kept'])
  const basic = headOf('/', ['authorization', 'Basic YTpi', ...spoofed])
  t.strictSame(await outcomeOf(step, basic), { token: undefined, waited: false }, 'another scheme is none')
  t.strictSame(basic.fields, ['authorization', 'Basic YTpi', 'x-other', 'kept'])
  const refused = headOf('/', [...bearer('x'), ...spoofed])
  t.ok((await outcomeOf(step, refused)).answer)
  t.strictSame(fieldValues(refused.fields, 'x-user'), [])
  t.strictSame([...step.headFields].sort(), ['x-payload', 'x-user'], 'and none of it comes by trailers')
})

t.test('claims go to fields, in forms that no field can break', async (t) => {
  const names = ['sub', 'n', 'ok', 'groups', 'a.b', 'name', 'evil', 'edge', 'gone', 'toString', 'empty']
  const step = stepOf({
    a: provider({ claimToHeaders: names.map((claimName, at) => ({ headerName: `x-${at}`, claimName })) }),
  })
  const claims = {
    n: 1.5,
    ok: false,
    groups: ['a'],
    a: { b: 'deep' },
    name: 'Zoë',
    evil: 'a\r\nx-admin: 1',
    edge: ' x',
    empty: '',
  }
  const head = headOf('/', bearer(signed(RSA, { ...CLAIMS, ...claims })))
  t.match(await outcomeOf(step, head), { token: { subject: 'alice', audiences: ['shop'], claims } })
  t.strictSame(head.fields.slice(2), [
    ...['x-0', 'alice', 'x-1', '1.5', 'x-2', 'false', 'x-3', Buffer.from('["a"]').toString('base64url')],
    ...['x-4', 'deep', 'x-5', Buffer.from('Zoë').toString('latin1')],
  ])
})

t.test('places of the token, and what of it goes on', async (t) => {
  const token = signed(RSA, CLAIMS)
  const places = {
    fromHeaders: [{ name: 'X-Token', valuePrefix: 'Jwt ' }, { name: 'x-raw' }],
    fromParams: ['t'],
    fromCookies: ['tok'],
  }
  const forwards = stepOf({ a: provider({ ...places, forward: true }) })
  const takes = stepOf({ a: provider({ ...places, forward: false, forwardPayloadHeader: 'x-payload' }) })
  const cases: readonly (readonly [path: string, fields: Fields, path: string, fields: Fields])[] = [
    ['/', ['x-token', `jwt ${token}`, 'a', 'b'], '/', ['a', 'b']],
    ['/', ['x-raw', token], '/', []],
    [`/?a=1&t=${token}&b=%2F`, [], '/?a=1&b=%2F', []],
    [`/?%74=${token}`, [], '/', []],
    ['/', ['cookie', `a=b; tok="${token}" ;c=d`], '/', ['cookie', 'a=b; c=d']],
    ['/', ['cookie', `tok=${token}`, 'cookie', 'a=b'], '/', ['cookie', 'a=b']],
  ]
  for (const [path, fields, leftPath, leftFields] of cases) {
    const kept = headOf(path, [...fields])
    t.match(await outcomeOf(forwards, kept), { token: { subject: 'alice' } }, `${path} ${fields[0]}`)
    t.strictSame([kept.path, kept.fields], [path, fields])
    const taken = headOf(path, [...fields])
    t.match(await outcomeOf(takes, taken), { token: { subject: 'alice' } })
    t.strictSame([taken.path, taken.fields], [leftPath, [...leftFields, 'x-payload', token.split('.')[1]]])
  }
  const elsewhere = headOf(`/?access_token=${token}`, bearer('x'))
  t.strictSame(
    await outcomeOf(forwards, elsewhere),
    { token: undefined, waited: false },
    'places take the place of the defaults',
  )
})

t.test('of several tokens every one must verify, wherever it stands', async (t) => {
  const other = { issuer: 'https://other.example', audiences: [], localJwks: keySet([STRANGER]) }
  const step = stepOf({
    a: provider({ claimToHeaders: [{ headerName: 'x-user', claimName: 'sub' }] }),
    b: provider({
      ...other,
      fromHeaders: [{ name: 'x-other' }],
      claimToHeaders: [{ headerName: 'x-user', claimName: 'sub' }],
    }),
  })
  const good = signed(RSA, CLAIMS)
  const bob = signed(STRANGER, { iss: 'https://other.example', sub: 'bob' })
  const bad = signed(RSA, { ...CLAIMS, exp: 1 })
  const both = headOf('/', ['x-other', bob, ...bearer(good)])
  t.match(await outcomeOf(step, both), { token: { subject: 'alice' } }, 'the first provider’s claims count')
  t.strictSame(fieldValues(both.fields, 'x-user'), ['alice'])
  for (const fields of [
    [...bearer(good), ...bearer(bad)],
    [...bearer(bad), ...bearer(good)],
    [...bearer(good), 'authorization', `bearer ${bad}`],
    [...bearer(good), 'x-other', 'x'],
    // Each at its own place alone.
    ['x-other', good],
    [...bearer(bob)],
    Array.from({ length: 9 }, () => bearer(good)).flat(),
  ])
    t.match(
      await outcomeOf(step, headOf('/', fields)),
      { answer: { reply: { status: 401 } } },
      fields.join(' ').slice(0, 60),
    )
  t.match(await outcomeOf(step, headOf(`/?access_token=${bad}`, bearer(good))), {
    answer: { reply: { status: 401 } },
  })
})

t.test('a known token passes at once, until it ends by the clock', async (t) => {
  const clock = { nowMs: NOW_S * 1000 }
  const step = stepOf({ a: provider() }, clock)
  const token = signed(RSA, { ...CLAIMS, nbf: NOW_S })
  const ask = () => outcomeOf(step, headOf('/', bearer(token)))
  t.match(await ask(), { waited: true, token: { subject: 'alice' } })
  t.match(await ask(), { waited: false, token: { subject: 'alice' } })
  clock.nowMs += 659_999
  t.match(await ask(), { waited: false, token: { subject: 'alice' } })
  clock.nowMs += 1
  t.match(await ask(), { waited: false, answer: { reply: { text: 'Jwt is expired' } } })
  clock.nowMs = (NOW_S - 61) * 1000
  t.match(await ask(), { waited: false, answer: { reply: { text: 'Jwt not yet valid' } } })
})

t.test(
  'who shows a token that is being verified waits for that; who goes away is told nothing',
  async (t) => {
    const step = stepOf({ a: provider() })
    const token = signed(RSA, CLAIMS)
    const heads = Array.from({ length: 50 }, () => headOf('/', bearer(token)))
    const gone = step.decide(HOP, headOf('/', bearer(token)), undefined)
    if (gone?.kind !== 'wait') return void t.fail('must wait')
    gone.begin({ resume: () => t.fail('told') })()
    const outcomes = await Promise.all(heads.map((head) => outcomeOf(step, head)))
    t.equal(outcomes.filter(({ waited, token }) => waited && token?.subject === 'alice').length, 50)
    t.equal(new Set(outcomes.map(({ token }) => token)).size, 1, 'verified once')
  },
)

t.test('a bad signature is checked once, and callers pay for theirs alone', async (t) => {
  const { subtle } = globalThis.crypto
  const verify = subtle.verify.bind(subtle)
  let checked = 0
  t.intercept(subtle, 'verify', {
    value: (...args: Parameters<typeof verify>) => {
      checked++
      return verify(...args)
    },
  })
  const clock = { nowMs: NOW_S * 1000 }
  const deps = manual()
  const scope = new Scope()
  const config = jwtAuthn.read({ providers: { a: provider() }, rules: RULES }, scope, NO_LISTENER_SETTINGS)
  const step = new JwtAuthnStep(config, { ...deps, epochMs: () => clock.nowMs })
  const from = (downstream: string, sourceIdentity = '') => ({ ...HOP, downstream, sourceIdentity })
  const shown = (token: string, hop = HOP) => outcomeOf(step, headOf('/', bearer(token)), hop)
  const forged = signed(STRANGER, CLAIMS)
  t.match(await shown(forged), { waited: true, answer: { reply: { status: 401 } } })
  t.equal(checked, 1)
  for (let i = 0; i < 20; i++)
    t.match(await shown(forged), { waited: false, answer: { reply: { text: 'Jwt verification fails' } } })
  t.equal(checked, 1, 'it is known to be bad')
  for (const claims of [{ exp: 1 }, { nbf: NOW_S + 600 }, { aud: 'other' }, { iss: 'other' }, { exp: 'x' }])
    t.match(await shown(signed(RSA, { ...CLAIMS, ...claims })), { answer: { reply: { status: 401 } } })
  t.match(await shown('x'.repeat(9000)), { waited: false, answer: { reply: { text: 'Jwt is too long' } } })
  t.equal(checked, 1, 'whatever their signature, they are refused')

  const mallory = (at: number) => from(`10.0.0.66:${1000 + at}`, 'spiffe://cluster.local/ns/a/sa/mallory')
  let asked = 0
  const forgery = () => shown(signed(STRANGER, { ...CLAIMS, sub: `m${asked}` }), mallory(asked++))
  checked = 0
  const forgeries = Array.from({ length: 400 }, forgery)
  const users = Array.from({ length: 60 }, (_, at) => signed(RSA, { ...CLAIMS, sub: `user-${at}` }))
  const honest = await Promise.all(users.map((token) => shown(token, from('10.0.0.1:1'))))
  t.ok(
    honest.every(({ token }) => token !== undefined),
    'others are served beside it',
  )
  const known = users[0] as string
  t.match(await shown(known, mallory(0)), { waited: false, token: { subject: 'user-0' } })
  // Each that ends was told in turns of the loop; what is left waits for time.
  while (checked < VAIN_BURST + users.length) await new Promise((resolve) => setImmediate(resolve))
  const late = shown(signed(STRANGER, { ...CLAIMS, sub: 'last' }), mallory(0))
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(checked, VAIN_BURST + users.length, 'and no more')
  while (deps.clock.pending > 0) {
    deps.clock.advance(LONGEST_WAIT_MS)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const statuses = (await Promise.all(forgeries)).map(({ answer }) => answer?.reply.status)
  t.same(new Set(statuses), new Set([401, 429]))
  t.match(await late, {
    answer: { flags: ResponseFlag.UAEX | ResponseFlag.RL, reply: { fields: ['retry-after', '1'] } },
  })
})

t.test('a key of no kid is looked for among few, and each that was tried counts', async (t) => {
  const keys = Array.from({ length: 40 }, () => ecKey('same'))
  const deps = manual()
  const providers = { a: provider({ localJwks: keySet(keys) }) }
  const config = jwtAuthn.read({ providers, rules: RULES }, new Scope(), NO_LISTENER_SETTINGS)
  const step = new JwtAuthnStep(config, { ...deps, epochMs: () => NOW_S * 1000 })
  const stranger = ecKey('same')
  let told = 0
  const ask = (key: IssuerKey, sub: string) =>
    outcomeOf(step, headOf('/', bearer(signed(key, { ...CLAIMS, sub }, { alg: 'ES256' })))).then(
      (outcome) => {
        told++
        return outcome
      },
    )
  t.match(await ask(keys[39] as IssuerKey, 'good'), { token: { subject: 'good' } })
  for (const sub of ['a', 'b', 'c']) t.match(await ask(stranger, sub), { answer: { reply: { status: 401 } } })
  const waits = ask(stranger, 'd')
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  t.equal(told, 4, '120 signatures were checked in vain')
  deps.clock.advance(LONGEST_WAIT_MS)
  t.match(await waits, { answer: { reply: { status: 401 } } })
})

t.test('what is wrong with a filter is told by its field', async (t) => {
  const problems = (providers: JwtAuthentication['providers'], rules = RULES): string[] => {
    const scope = new Scope('jwt')
    jwtAuthn.read({ providers, rules }, scope, NO_LISTENER_SETTINGS)
    return scope.problems.map(({ field, message }) => `${field}: ${message}`)
  }
  t.strictSame(problems({ a: provider() }), [])
  const cases: readonly (readonly [JwtProvider, RegExp])[] = [
    [
      { localJwks: { inlineString: '{' } },
      /jwt\.providers\[a\]\.local_jwks\.inline_string: must be a JWK Set/,
    ],
    [{ localJwks: { inlineString: '{"keys":[1]}' } }, /must be a JWK Set/],
    [{ fromHeaders: [{ name: 'a b' }] }, /from_headers\[0\]\.name: must be the name of an HTTP field/],
    [
      { claimToHeaders: [{ headerName: 'Host', claimName: 'sub' }] },
      /claim_to_headers\[0\]\.header_name: host is written by proxies/,
    ],
    [
      { forwardPayloadHeader: 'x-forwarded-client-cert' },
      /forward_payload_header: x-forwarded-client-cert is written by proxies/,
    ],
    [{ forwardPayloadHeader: 'Authorization' }, /authorization is where the token stands/],
  ]
  for (const [more, message] of cases) t.match(problems({ a: provider(more) }).join('\n'), message)
  t.match(problems({ a: provider(), b: provider() })[0], /providers\[b\]\.issuer: is that of provider a, too/)
  t.match(problems({ a: provider() }, [...RULES, ...RULES])[0], /rules\[1\]: is one rule too many/)
})
