import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { readTapBatch, type TapBatch } from '../../../core/tap/tap-protocol.ts'
import type { Telling } from '../../questions/questions.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { OWN, testRequest } from '../testing/all-families.ts'
import { Telemetry } from '../telemetry.ts'
import { Taps } from './taps.ts'

const HEAD = {
  ...{ method: 'GET', scheme: 'http', authority: 'catalog', path: '/items?a=1&token=x', upgrade: '' },
  fields: ['x-user', 'ada', 'authorization', 'Bearer abc', 'cookie', 'a=b'],
}
const ANY = { filter: {}, rate: 100, headers: false }

function setUp(t: Test) {
  const clock = new ManualClock()
  const telemetry = new Telemetry({ resource: OWN, exporter: undefined, accessLog: 'off', write() {} })
  t.teardown(() => telemetry.close())
  const taps = new Taps({ resource: OWN, listen: (listener) => (telemetry.tap = listener), clock })
  const open = (question: unknown) => {
    const batches: TapBatch[] = []
    const sent: (() => void)[] = []
    const over: string[] = []
    const telling: Telling = {
      tell(json, isSent) {
        batches.push(readTapBatch(JSON.parse(json)))
        sent.push(isSent)
      },
      over: (reason) => over.push(reason),
    }
    const following = taps.open(question, telling)
    /** What was told last is on its way. */
    const go = (): void => {
      for (const one of sent.splice(0)) one()
    }
    go()
    return { batches, over, go, following }
  }
  return { clock, telemetry, taps, open }
}

t.test('without a tap nobody listens, and the last that ends is the end of it', async (t) => {
  const { telemetry, open } = setUp(t)
  t.equal(telemetry.tap, undefined)
  const first = open(ANY)
  const second = open(ANY)
  t.same(first.batches, [{ requests: [], skipped: 0 }], 'it says that it is open')
  first.following.end()
  t.not(telemetry.tap, undefined)
  second.following.end()
  t.equal(telemetry.tap, undefined)
})

t.test('requests that fit are told together, without query and header fields', async (t) => {
  const { telemetry, open, clock } = setUp(t)
  const { batches } = open({ ...ANY, filter: { status: '5xx', path: '/items', service: 'catalog.shop' } })
  const failed = { status: 503, path: '/items?a=1', flags: ResponseFlag.UF }
  telemetry.requestFinished(testRequest('outbound', { path: '/items' }), HEAD)
  telemetry.requestFinished(testRequest('outbound', { ...failed, path: '/else' }), HEAD)
  telemetry.requestFinished(testRequest('outbound', failed), HEAD)
  telemetry.requestFinished(testRequest('inbound', { ...failed, grpcStatus: 14 }), HEAD)
  t.equal(batches.length, 1)
  clock.advance(200)
  const [outbound, inbound] = batches[1]?.requests ?? []
  t.equal(batches[1]?.requests.length, 2)
  t.same(outbound, {
    ...{ at: outbound?.at, direction: 'outbound', namespace: 'shop', pod: 'web-1', service: 'web' },
    source: 'spiffe://cluster.local/ns/shop/sa/web',
    destination: 'spiffe://cluster.local/ns/shop/sa/catalog',
    ...{ asked: 'catalog.shop', method: 'GET', authority: 'web', path: '/items', status: 503 },
    ...{ grpcStatus: null, flags: 'UF', durationMs: 3, traceId: '', traced: false, upstream: '' },
    route: 'HTTPRoute/shop/catalog/0',
  })
  t.match(inbound, { direction: 'inbound', source: /sa\/catalog$/, grpcStatus: 14 }, 'by who called')
  t.notOk(JSON.stringify(batches).includes('a=1'))
  clock.advance(10_000)
  t.equal(batches.length, 2, 'nothing is told of nothing')
})

t.test('with header fields and query, but not those of credentials', async (t) => {
  const { telemetry, open, clock } = setUp(t)
  const { batches } = open({ ...ANY, headers: true })
  telemetry.requestFinished(testRequest('outbound', { path: HEAD.path }), HEAD)
  clock.advance(200)
  t.match(batches[1]?.requests, [
    {
      path: '/items',
      query: 'a=1&token=(withheld)',
      headers: { 'x-user': 'ada', authorization: '(withheld)', cookie: '(withheld)' },
    },
  ])
})

t.test('what is beyond the rate is counted, and so is what a slow listener does not take', async (t) => {
  const { telemetry, open, clock } = setUp(t)
  const { batches, go } = open({ ...ANY, rate: 3 })
  const many = (count: number): void => {
    for (let i = 0; i < count; i++) telemetry.requestFinished(testRequest('outbound'), HEAD)
  }
  many(10)
  clock.advance(200)
  t.match(batches[1], { requests: { length: 3 }, skipped: 7 })
  // It is not on its way yet: nothing follows, whatever comes.
  clock.advance(800)
  many(5)
  clock.advance(5000)
  t.equal(batches.length, 2)
  go()
  clock.advance(200)
  t.match(batches[2], { requests: { length: 3 }, skipped: 2 })

  const wide = open({ ...ANY, rate: 1000, headers: true })
  const head = { ...HEAD, fields: Array.from({ length: 40 }, (_, i) => (i % 2 ? 'v'.repeat(400) : `x-${i}`)) }
  for (let i = 0; i < 900; i++) telemetry.requestFinished(testRequest('outbound'), head)
  clock.advance(200)
  const { requests = [], skipped = 0 } = wide.batches[1] ?? {}
  t.equal(requests.length + skipped, 900, 'each is told or counted')
  t.ok(JSON.stringify(requests).length < 256 * 1024, 'and a batch has its bounds')
})

t.test(
  'it ends by itself where nobody asks for it again, and where pod or namespace forbid it',
  async (t) => {
    const { telemetry, taps, open, clock } = setUp(t)
    const left = open(ANY)
    clock.advance(59_000)
    left.following.renew()
    t.equal(left.batches.length, 2, 'and says that it is there')
    left.go()
    clock.advance(59_999)
    t.same(left.over, [])
    clock.advance(1)
    t.same(left.over, ['nobody has asked for it any more'])
    t.equal(telemetry.tap, undefined)
    left.following.end()
    const forbidden = open(ANY)
    taps.allowed = false
    t.match(forbidden.over, [/^taps are off by the annotation weft.dev\/tap/])
    t.throws(() => open(ANY), { code: 'tap.off' })
    taps.allowed = true
    open(ANY).following.end()
    t.equal(clock.pending, 0)
  },
)

t.test('what is asked wrongly, or by too many', async (t) => {
  const { open, telemetry } = setUp(t)
  for (const question of [
    undefined,
    [],
    {},
    { ...ANY, rate: 0 },
    { ...ANY, rate: 1e9 },
    { ...ANY, rate: '5' },
    { ...ANY, headers: 'yes' },
    { ...ANY, filter: null },
    { ...ANY, filter: [] },
    { ...ANY, filter: { status: '5' } },
    { ...ANY, filter: { direction: 'both' } },
    { ...ANY, filter: { min: -1 } },
    { ...ANY, filter: { path: 'x'.repeat(1024 * 1024) } },
    { ...ANY, filter: { unheardOf: 'condition' } },
  ])
    t.throws(
      () => open(question),
      { code: /^tap\.(question|filter)$/ },
      JSON.stringify(question)?.slice(0, 60),
    )
  t.equal(telemetry.tap, undefined)
  const eight = Array.from({ length: 8 }, () => open(ANY))
  t.throws(() => open(ANY), { code: 'tap.many' })
  eight[0]?.following.end()
  t.doesNotThrow(() => open(ANY))
})
