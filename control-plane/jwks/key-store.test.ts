import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { sourceKey, type KeySource } from '../model/token-rule.ts'
import type { FetchedJson } from './fetch-json.ts'
import { keyStore } from './key-store.ts'

const MINUTE_MS = 60_000
const URI: KeySource = { kind: 'uri', url: 'https://issuer.example/keys', timeoutMs: 5000 }
const ISSUER: KeySource = { kind: 'issuer', url: 'https://issuer.example/', timeoutMs: 5000 }

const key = (kid: string) => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid,
})
const setOf = (...keys: object[]) => JSON.stringify({ keys })

/** A store whose fetches a test answers, by a clock that it moves. */
function bed(kept?: ReadonlyMap<string, string>) {
  const clock = new ManualClock()
  const asked: {
    readonly url: string
    readonly answer: (answer: Partial<FetchedJson>) => void
    readonly fail: (text: string) => void
  }[] = []
  const store = keyStore({
    clock,
    log: silentLogger,
    ...(kept && { kept }),
    random: () => 0.5,
    fetch: (url) =>
      new Promise((resolve, reject) => {
        const answer = (given: Partial<FetchedJson>) => resolve({ text: '', maxAgeMs: undefined, ...given })
        asked.push({ url, answer, fail: (text) => reject(new Error(text)) })
      }),
  })
  /** The request that comes next; what is told of its answer is told by then. */
  const next = async () => {
    for (let turn = 0; asked.length === 0 && turn < 50; turn++) await Promise.resolve()
    return asked.shift()
  }
  const kidsOf = (source: KeySource): unknown => {
    const text = store.keys.value.get(sourceKey(source))?.text
    return text && (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, store, next, kidsOf, asked, settle }
}

t.test(
  'keys are fetched ahead of the end of their time, within bounds, and the last good ones are kept',
  async (t) => {
    const { clock, store, next, kidsOf, asked, settle } = bed()
    store.want([URI])
    ;(await next())?.answer({ text: setOf(key('a')) })
    await settle()
    t.same(kidsOf(URI), ['a'])
    for (const [maxAgeMs, afterMs] of [
      [undefined, 15 * MINUTE_MS],
      [0, 22_500],
      [10 * MINUTE_MS, 7.5 * MINUTE_MS],
      [Infinity, 18 * 60 * MINUTE_MS],
    ] as const) {
      store.want([{ ...URI }])
      // The first round is that of the answer before, which said nothing.
      clock.advance(18 * 60 * MINUTE_MS)
      ;(await next())?.answer({ text: setOf(key('a'), key('b')), maxAgeMs })
      await settle()
      clock.advance(afterMs - 1)
      await settle()
      t.equal(asked.length, 0, `${maxAgeMs}: not before`)
      clock.advance(1)
      const again = await next()
      t.ok(again, `${maxAgeMs}: three quarters of it later`)
      again?.answer({ text: setOf(key('b')) })
      await settle()
      t.same(kidsOf(URI), ['b'])
    }
    clock.advance(15 * MINUTE_MS)
    ;(await next())?.fail('the answer is 500')
    await settle()
    t.match(store.keys.value.get(sourceKey(URI)), {
      text: /"kid":"b"/,
      problem: {
        message: 'the answer is 500',
        remedy: /let the control plane reach https:\/\/issuer\.example\/keys/,
      },
    })
    // 1 s, then twice as long each time up to 5 min, of which three quarters with this draw.
    let waited = 0
    for (const afterMs of [750, 1500, 3000]) {
      clock.advance(afterMs)
      const again = await next()
      t.ok(again, `after ${(waited += afterMs)} ms`)
      again?.fail('the answer is 500')
      await settle()
    }
    clock.advance(6000)
    ;(await next())?.answer({ text: setOf(key('c')) })
    await settle()
    t.match(store.keys.value.get(sourceKey(URI)), { text: /"kid":"c"/, problem: undefined })
    store.close()
    t.equal(clock.pending, 0)
  },
)

t.test('what is no set of keys that verify is refused, and none of it told', async (t) => {
  const secret = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['<html>password', /^the answer must be a JWK Set/],
    ['{"keys":1}', /^the answer must be a JWK Set/],
    [setOf(), /holds no key that verifies/],
    [setOf({ kty: 'oct', kid: 'x' }), /holds no key that verifies/],
    [setOf(short), /holds no key that verifies/],
    [setOf({ ...key('a'), use: 'enc' }), /holds no key that verifies/],
    [setOf(key('a'), secret), /keys\[1\] holds the secret member "d"/],
    [setOf({ kty: 'oct', k: 'c2VjcmV0' }), /holds the secret member "k"/],
    [setOf(...Array.from({ length: 101 }, () => ({}))), /has 101 keys/],
  ]
  for (const [text, message] of cases) {
    const { store, next, settle } = bed()
    store.want([URI])
    ;(await next())?.answer({ text })
    await settle()
    const found = store.keys.value.get(sourceKey(URI))
    t.match(found?.problem?.message, message, text.slice(0, 30))
    t.notMatch(found?.problem?.message, /password|c2VjcmV0/)
    t.equal(found?.text, undefined)
    store.close()
  }
  const { store, next, settle, kidsOf } = bed()
  store.want([URI])
  ;(await next())?.answer({
    text: setOf({ kty: 'oct' }, { ...key('a'), x5u: 'http://a', x5c: ['b'] }, short, {
      ...key('r'),
      alg: 'ECDH-ES',
    }),
  })
  await settle()
  t.same(kidsOf(URI), ['a'], 'of others, those that verify')
  t.notMatch(store.keys.value.get(sourceKey(URI))?.text, /x5/, 'and of them nothing else')
  store.close()
})

t.test('an issuer says where its keys are, of itself alone', async (t) => {
  const place = 'https://issuer.example/.well-known/openid-configuration'
  const good = { issuer: ISSUER.url, jwks_uri: 'https://keys.example/set' }
  {
    const { store, next, settle, kidsOf } = bed()
    store.want([ISSUER])
    const discovery = await next()
    t.equal(discovery?.url, place)
    discovery?.answer({ text: JSON.stringify(good) })
    const keys = await next()
    t.equal(keys?.url, good.jwks_uri)
    keys?.answer({ text: setOf(key('a')) })
    await settle()
    t.same(kidsOf(ISSUER), ['a'])
    store.close()
  }
  for (const [said, message] of [
    ['no', /is no JSON object/],
    [JSON.stringify({ ...good, issuer: 'https://issuer.example' }), /is of another issuer/],
    [JSON.stringify({ issuer: ISSUER.url }), /names no jwks_uri/],
  ] as const) {
    const { store, next, settle } = bed()
    store.want([ISSUER])
    ;(await next())?.answer({ text: said })
    await settle()
    t.match(store.keys.value.get(sourceKey(ISSUER))?.problem, { message, remedy: /openid-configuration/ })
    store.close()
  }
})

t.test('what is not wanted any more is not fetched and not known; few are fetched at a time', async (t) => {
  const { clock, store, next, settle, asked } = bed()
  const many = Array.from({ length: 300 }, (_, at): KeySource => ({ ...URI, url: `https://i${at}.example/` }))
  store.want(many)
  await settle()
  t.equal(asked.length, 8, 'at a time')
  t.match(store.keys.value.get(sourceKey(many[299] as KeySource))?.problem?.message, /more than 256 sources/)
  t.equal(store.keys.value.size, 44)
  const settled = store.settled(1000)
  store.want([many[0] as KeySource])
  ;(await next())?.answer({ text: setOf(key('a')) })
  for (const other of asked.splice(0)) other.answer({ text: setOf(key('b')) })
  await settle()
  await settled
  t.same([...store.keys.value.keys()], [sourceKey(many[0] as KeySource)])
  store.want([])
  await settle()
  t.equal(store.keys.value.size, 0)
  t.equal(clock.pending, 0)
  store.want([URI])
  const impatient = store.settled(1000)
  clock.advance(1000)
  await impatient
  store.close()
})

t.test('what a control plane before this one knew counts until a fetch brings others', async (t) => {
  const other: KeySource = { ...URI, url: 'https://other.example/keys' }
  const kept = new Map([
    [sourceKey(URI), setOf(key('old'))],
    ['uri https://gone.example/', setOf(key('gone'))],
  ])
  const { store, next, settle, kidsOf, clock, asked } = bed(kept)
  store.want([URI, other])
  t.same(kidsOf(URI), ['old'])
  t.same([...store.keys.value.keys()], [sourceKey(URI)], 'nobody names the other one any more')
  const settled = store.settled(10_000)
  ;(await next())?.fail('the answer is 503')
  ;(await next())?.fail('the answer is 503')
  await settled
  t.match(store.keys.value.get(sourceKey(URI)), {
    text: /"kid":"old"/,
    problem: { message: 'the answer is 503' },
  })
  t.equal(store.keys.value.get(sourceKey(other))?.text, undefined)
  clock.advance(2000)
  for (let tries = 0; tries < 2; tries++) (await next())?.answer({ text: setOf(key('new')) })
  await settle()
  t.same(kidsOf(URI), ['new'])
  t.equal(asked.length, 0)
  store.close()
})
