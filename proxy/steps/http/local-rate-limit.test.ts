import t from 'tap'
import { NO_MUTATION } from '../../model/route.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import { collected } from '../testing/collected.ts'
import { headOf, HOP, manual } from '../testing/requests.ts'
import { localRateLimit, LocalRateLimitStep, type LocalRateLimitConfig } from './local-rate-limit.ts'

const LIMIT: LocalRateLimitConfig = {
  statPrefix: 'limit',
  bucket: { maxTokens: 2, tokensPerFill: 1, fillIntervalMs: 1000 },
  descriptors: [],
  alwaysAll: true,
  status: 429,
  enabledPercent: 100,
  enforcedPercent: 100,
  responseHeaders: NO_MUTATION,
  headers: false,
  resourceExhausted: false,
}

function limited(step: LocalRateLimitStep, route = forwardTo({ a: 1 })): boolean {
  return step.decide(HOP, headOf('/'), route) !== undefined
}

t.test('so many requests, then one an interval, to the millisecond', async (t) => {
  const deps = manual()
  const step = new LocalRateLimitStep(LIMIT, 'limit', deps)
  t.same([limited(step), limited(step), limited(step)], [false, false, true])
  deps.clock.advance(999)
  t.equal(limited(step), true)
  deps.clock.advance(1)
  t.same([limited(step), limited(step)], [false, true])
  deps.clock.advance(60_000)
  t.same([limited(step), limited(step), limited(step)], [false, false, true], 'never more than it holds')
})

t.test('the answer says why, and when to come again', async (t) => {
  const deps = manual()
  const config = {
    ...LIMIT,
    headers: true,
    resourceExhausted: true,
    responseHeaders: { remove: [], set: [], add: [['x-limited', 'yes']] as [string, string][] },
  }
  const step = new LocalRateLimitStep(config, 'limit', deps)
  const route = forwardTo({ a: 1 })
  limited(step)
  const response = { status: 200, fields: [] as string[] }
  deps.clock.advance(400)
  step.respond(HOP, headOf('/'), route, response)
  t.same(response.fields, ['x-ratelimit-limit', '2', 'x-ratelimit-remaining', '1', 'x-ratelimit-reset', '1'])
  limited(step)
  t.same(step.decide(HOP, headOf('/'), route), {
    kind: 'answer',
    flags: ResponseFlag.RL,
    reply: {
      status: 429,
      details: 'local_rate_limited',
      text: 'local_rate_limited',
      fields: [
        ...['retry-after', '1', 'ratelimit-policy', '"limit";q=1;w=1', 'ratelimit', '"limit";r=0;t=1'],
        ...['x-limited', 'yes'],
      ],
      grpcStatus: 8,
    },
  })
})

t.test('a share is counted, and a share of what is beyond the limit is refused', async (t) => {
  const deps = manual(0.5)
  const uncounted = new LocalRateLimitStep({ ...LIMIT, enabledPercent: 50 }, 'limit', deps)
  const lenient = new LocalRateLimitStep({ ...LIMIT, enforcedPercent: 50 }, 'limit', deps)
  for (let i = 0; i < 5; i++) t.same([limited(uncounted), limited(lenient)], [false, false])
  deps.draw = 0.49
  t.same([limited(uncounted), limited(uncounted), limited(uncounted)], [false, false, true])
  t.equal(limited(lenient), true)
})

t.test('a route has a bucket of its own, which an edit of other routes does not fill', async (t) => {
  const step = new LocalRateLimitStep(LIMIT, 'limit', manual())
  const route = (bucket: LocalRateLimitConfig['bucket'], name = 'r') => ({
    ...forwardTo({ a: 1 }),
    name,
    filterConfigs: { limit: { name: 'limit', kind: localRateLimit.kind, config: { ...LIMIT, bucket } } },
  })
  const own = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000 }
  const first = route(own)
  t.same([limited(step, first), limited(step, first)], [false, true])
  t.equal(limited(step, route(own)), true, 'the same in a new object')
  t.equal(limited(step, route(own, 'other')), false, 'another route')
  t.equal(limited(step, route({ ...own, maxTokens: 2 })), false, 'another limit')
  const unnamed = (value: string) => {
    const match = { ...first.match, path: { kind: 'prefix', value, caseSensitive: true } as const }
    return { ...route(own, ''), match }
  }
  t.same(
    ['/a', '/b', '/a'].map((prefix) => limited(step, unnamed(prefix))),
    [false, false, true],
    'routes without a name',
  )
  t.same([limited(step), limited(step), limited(step)], [false, false, true], "the filter's own is whole")
})

t.test("a route's bucket outlives its object, until it is full by itself", async (t) => {
  const deps = manual()
  const step = new LocalRateLimitStep(LIMIT, 'limit', deps)
  const own = { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 1000 }
  const edited = () => ({
    ...forwardTo({ a: 1 }),
    filterConfigs: {
      limit: { name: 'limit', kind: localRateLimit.kind, config: { ...LIMIT, bucket: { ...own } } },
    },
  })
  t.equal(limited(step, edited()), false)
  await collected()
  t.equal(step.fresh(), false)
  t.equal(limited(step, edited()), true)
  deps.clock.advance(1000)
  await collected()
  t.equal(step.fresh(), true, 'nothing is kept of what is gone')
  const kept = edited()
  limited(step, kept)
  deps.clock.advance(1000)
  t.equal(step.fresh(), false, 'a route that is there may be asked again')
  limited(step, kept)
  t.equal(limited(step, edited()), true)
})

t.test(
  "what a route says for a filter of another kind is not looked at, whoever's name it has",
  async (t) => {
    const step = new LocalRateLimitStep({ ...LIMIT, headers: true }, 'limit', manual())
    const other = { name: 'limit', kind: 'envoy.filters.http.fault', config: { abort: undefined } }
    const route = { ...forwardTo({ a: 1 }), filterConfigs: { limit: other } }
    t.same([limited(step, route), limited(step, route), limited(step, route)], [false, false, true])
    const response = { status: 200, fields: [] as string[] }
    step.respond(HOP, headOf('/'), route, response)
    t.equal(response.fields[1], '2')
  },
)
