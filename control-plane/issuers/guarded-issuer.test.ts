import type { X509Certificate } from 'node:crypto'
import t, { type Test } from 'tap'
import { DAY } from '../../certs/authority.ts'
import { trustBundle } from '../../certs/trust-bundle.ts'
import { ManualClock } from '../../core/clock.ts'
import { WeftError } from '../../core/errors.ts'
import { createLogger } from '../../core/log.ts'
import { Watched } from '../../core/watched.ts'
import { guardedIssuer } from './guarded-issuer.ts'
import type { CertificateRequest } from './issuer.ts'
import { AnyCa, workloadRequest } from './testing/issued.ts'

type Sign = (request: CertificateRequest, signal: AbortSignal) => Promise<readonly X509Certificate[]>

/** An issuer that does as `state.sign` says, and how often it was asked. */
function setUp(t: Test, limits = { width: 2, widthPerSource: 2, waitingPerSource: 8, waiting: 8 }) {
  const clock = new ManualClock(Date.now())
  const ca = new AnyCa(clock.now() - DAY)
  const good: Sign = async (request) => ca.answer(request, clock.now())
  const state = { sign: good, asked: 0, refreshed: 0, refresh: () => {}, shortestLifeMs: 0 }
  const bundle = new Watched(trustBundle([ca.root.certificate], 'test'))
  const lines: Record<string, unknown>[] = []
  const issuer = guardedIssuer(
    {
      title: 'the signer',
      get shortestLifeMs() {
        return state.shortestLifeMs
      },
      bundle,
      sign(request, signal) {
        state.asked++
        return state.sign(request, signal)
      },
      async refresh() {
        state.refreshed++
        state.refresh()
      },
      close() {},
    },
    {
      clock,
      random: () => 1,
      limits,
      log: createLogger('test', 'info', (line) => lines.push(JSON.parse(line) as Record<string, unknown>)),
    },
  )
  t.teardown(() => issuer.close())
  const ask = (workload = 'web', signal = new AbortController().signal) =>
    issuer.sign(workloadRequest(workload), signal)
  return { clock, ca, good, state, bundle, lines, issuer, ask }
}

const away: Sign = async () => {
  throw new WeftError('issuer.unavailable', 'connection refused: see whether it runs')
}
const never: Sign = () => new Promise(() => {})
const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('a good answer is handed on with the bundle that it leads to', async (t) => {
  const { ask, ca, issuer, lines } = setUp(t)
  const { chain, bundle } = await ask()
  t.equal(chain.length, 2)
  t.strictSame(bundle.roots, [ca.root.certificate])
  t.equal(issuer.trouble.value, undefined)
  t.strictSame(lines, [])
})

t.test('while it is away nobody waits for it, and one asks whether it is back', async (t) => {
  const { ask, state, clock, issuer, lines, good } = setUp(t)
  state.sign = away
  await t.rejects(ask(), { code: 'issuer.unavailable', message: /connection refused/ })
  await t.rejects(ask('other'), { code: 'issuer.unavailable', message: /\(it is asked again in 1 s\)/ })
  t.equal(state.asked, 1, 'the second was refused without a question')
  const waits: number[] = []
  for (let round = 0; round < 9; round++) {
    const before = state.asked
    let waited = 0
    while (state.asked === before) {
      clock.advance(500)
      waited += 500
      await Promise.allSettled([ask('a'), ask('b'), ask('c')])
    }
    t.equal(state.asked, before + 1, 'one of the three asked')
    waits.push(waited)
  }
  t.strictSame(waits, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  t.match(issuer.trouble.value, { code: 'issuer.unavailable', reason: /connection refused/ })
  t.ok(lines.length >= 3 && lines.length <= 5, 'told once a minute')
  t.match(lines[0], { issuer: 'the signer', for: /sa\/web$/, code: 'issuer.unavailable', retryInMs: 500 })
  t.ok(
    lines.some(({ alike }) => alike === 6),
    'with how often it was meanwhile',
  )
  state.sign = good
  clock.advance(60_000)
  await ask('a')
  t.equal(issuer.trouble.value, undefined)
  t.match(lines.at(-1), { message: 'the issuer signs again' })
  await ask('b')
})

t.test('who waits while it turns out to be away is refused with it', async (t) => {
  const { ask, state } = setUp(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  state.sign = async (...args) => {
    await promise
    return away(...args)
  }
  const all = Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((one) => ask(one)))
  await turn()
  resolve()
  t.ok((await all).every(({ status }) => status === 'rejected'))
  t.equal(state.asked, 2, 'those behind the first two asked nothing')
})

t.test('one request that is never answered keeps up nobody else', async (t) => {
  const { ask, state, clock, good, issuer } = setUp(t)
  state.sign = (request, signal) =>
    request.asker.subject === 'stuck' ? never(request, signal) : good(request, signal)
  const stuck = ask('stuck')
  await Promise.all(Array.from({ length: 8 }, () => ask('fine')))
  clock.advance(8000)
  await t.rejects(stuck, { code: 'issuer.timeout', message: /has not answered for 8 s/ })
  await t.rejects(ask('stuck'), { code: 'issuer.timeout', message: /it is asked again in 1 s/ })
  await ask('fine')
  t.match(issuer.trouble.value, { code: 'issuer.timeout' }, 'stays until that one is served')
  state.sign = good
  clock.advance(1000)
  await ask('stuck')
  t.equal(issuer.trouble.value, undefined)
})

t.test('an issuer that answers nobody is away', async (t) => {
  const { ask, state, clock } = setUp(t)
  state.sign = never
  for (const one of ['a', 'b', 'c', 'd']) {
    const asked = ask(one)
    await turn()
    clock.advance(8000)
    await t.rejects(asked, { code: 'issuer.timeout' })
  }
  const before = state.asked
  await t.rejects(ask('e'), { code: 'issuer.timeout', message: /asked again/ })
  t.equal(state.asked, before)
})

t.test('a wrong answer is a matter of that workload, which asks later and later', async (t) => {
  const { ask, state, clock, ca, good, issuer, lines } = setUp(t)
  state.sign = async (request, signal) =>
    request.asker.subject === 'web'
      ? ca.answer(request, clock.now(), { uri: ['spiffe://cluster.local/ns/shop/sa/admin'] })
      : good(request, signal)
  await t.rejects(ask(), { code: 'issuer.wrong_answer', field: 'subjectAltName' })
  t.match(lines[0], { reason: /^subjectAltName: .*sa\/admin/, for: /sa\/web/ })
  await ask('other')
  await t.rejects(ask(), { message: /asked again in 1 s/ })
  clock.advance(1000)
  await t.rejects(ask())
  clock.advance(1000)
  await t.rejects(ask(), { message: /asked again in 1 s/ }, 'twice as long')
  t.equal(state.asked, 3)
  t.match(issuer.trouble.value, { code: 'issuer.wrong_answer' })
  clock.advance(20 * 60_000)
  await ask('other')
  t.equal(issuer.trouble.value, undefined, 'a workload that does not come again is no trouble')
})

t.test('too many at once: namespaces take turns, and one too many is told so', async (t) => {
  const { state, issuer, good } = setUp(t, { width: 1, widthPerSource: 1, waitingPerSource: 3, waiting: 6 })
  const order: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  state.sign = async (request, signal) => {
    order.push(request.asker.source)
    await promise
    return good(request, signal)
  }
  const from = (source: string, subject: string) =>
    issuer.sign({ ...workloadRequest(), asker: { source, subject } }, new AbortController().signal)
  const all = ['1', '2', '3', '4'].map((pod) => from('big', pod))
  const small = from('small', '1')
  await t.rejects(from('big', '5'), { code: 'issuer.busy', message: /too many others wait for the signer/ })
  resolve()
  await Promise.all([...all, small])
  t.ok(order.indexOf('small') <= 2, order.join(' '))
})

t.test('a caller that is gone asks nothing, and says nothing of the issuer', async (t) => {
  const { ask, state, issuer } = setUp(t)
  state.sign = (_request, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))))
  const gone = new AbortController()
  const asked = ask('web', gone.signal)
  await turn()
  gone.abort(new Error('the caller is gone'))
  await t.rejects(asked, /gone|given up/)
  t.equal(issuer.trouble.value, undefined)
  await t.rejects(ask('web', gone.signal))
  t.equal(state.asked, 1)
})

t.test('a root that is new has the bundle read again', async (t) => {
  const { ask, state, clock, bundle, issuer, ca } = setUp(t)
  const other = new AnyCa(clock.now() - DAY)
  state.sign = async (request) => other.answer(request, clock.now())
  await t.rejects(ask(), { code: 'issuer.wrong_answer', field: 'chain' })
  t.equal(state.refreshed, 1)
  state.refresh = () => bundle.set(trustBundle([ca.root.certificate, other.root.certificate], 'test'))
  t.equal((await ask('other')).bundle.roots.length, 2)
  t.equal(issuer.trust.value.bundle.roots.length, 2)
})

t.test('an issuer with a shortest life is asked for that', async (t) => {
  const { state, issuer } = setUp(t)
  state.shortestLifeMs = 600_000
  const { chain } = await issuer.sign(workloadRequest('web', 60_000), new AbortController().signal)
  const life = (chain[0] as X509Certificate).validToDate.getTime() - Date.now()
  t.ok(life > 500_000)
})
