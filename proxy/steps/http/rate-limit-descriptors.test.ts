import t from 'tap'
import { CALLER_DESCRIPTOR } from '../../../core/contract.ts'
import type { Hop } from '../../model/hop.ts'
import type { RateLimitRule } from '../../model/rate-limit.ts'
import { NO_MUTATION, type Route } from '../../model/route.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import type { DescriptorLimitConfig } from '../rate-limits.ts'
import type { Answer } from '../step.ts'
import { headOf, HOP, manual } from '../testing/requests.ts'
import { LocalRateLimitStep, type LocalRateLimitConfig } from './local-rate-limit.ts'

const bucket = (maxTokens: number, fillIntervalMs = 1000) => ({
  maxTokens,
  tokensPerFill: maxTokens,
  fillIntervalMs,
})
const each = (key: string, tokens: number): DescriptorLimitConfig => ({
  entries: [{ key, value: '' }],
  bucket: bucket(tokens),
})

function limited(config: Partial<LocalRateLimitConfig>, ...rules: readonly RateLimitRule[]) {
  const deps = manual()
  const step = new LocalRateLimitStep(
    {
      statPrefix: 'shop',
      bucket: undefined,
      descriptors: [],
      alwaysAll: true,
      status: 429,
      enabledPercent: 100,
      enforcedPercent: 100,
      responseHeaders: NO_MUTATION,
      headers: false,
      resourceExhausted: false,
      ...config,
    },
    'limit',
    deps,
  )
  const route: Route = { ...forwardTo({ a: 1 }), rateLimits: rules }
  const ask = (fields: string[] = [], hop: Partial<Hop> = {}) =>
    step.decide({ ...HOP, ...hop }, headOf('/', fields), route) as Answer | undefined
  /** How many of ten pass. */
  const passed = (fields: string[] = [], hop: Partial<Hop> = {}) =>
    Array.from({ length: 10 }, () => ask(fields, hop)).filter((verdict) => !verdict).length
  return { step, deps, ask, passed }
}

const byHeader = (header: string, skipIfAbsent = false): RateLimitRule => [
  { kind: 'request-header', key: header, header, skipIfAbsent },
]

t.test('by caller: the verified identity, and the address of who has none', async (t) => {
  const { passed } = limited({ descriptors: [each(CALLER_DESCRIPTOR, 3)] })
  const web = 'spiffe://cluster.local/ns/shop/sa/web'
  t.equal(passed([], { sourceIdentity: web }), 3)
  t.equal(passed(['x-forwarded-client-cert', 'URI=spiffe://x/ns/a/sa/b'], { sourceIdentity: web }), 0)
  t.equal(passed([], { sourceIdentity: web, downstream: '10.0.0.77:1' }), 0, 'of whatever pod')
  t.equal(passed([], { sourceIdentity: `${web}2` }), 3)
  t.equal(passed([], { downstream: '10.0.0.1:4000' }), 3)
  t.equal(passed([], { downstream: '10.0.0.1:4001' }), 0, 'of whatever port')
  t.equal(passed(['x-forwarded-for', '10.9.9.9'], { downstream: '10.0.0.1:4001' }), 0)
  t.equal(passed([], { downstream: '[fd00::1]:4001' }), 3)
  t.equal(passed([], { downstream: '[fd00::2]:4001' }), 3)
})

t.test('by a header: each value has its own, repeated fields are a value, none is not limited', async (t) => {
  const { passed } = limited({ descriptors: [each('x-api-key', 2)] }, byHeader('x-api-key'))
  t.equal(passed(['x-api-key', 'a']), 2)
  t.equal(passed(['x-api-key', 'b']), 2)
  t.equal(passed(['x-api-key', 'a', 'x-api-key', 'b']), 2)
  t.equal(passed(), 10)
})

t.test('a value that is named has a limit of its own, before the one for each', async (t) => {
  const named = { entries: [{ key: 'x-plan', value: 'free' }], bucket: bucket(1) }
  const { passed } = limited({ descriptors: [named, each('x-plan', 5)] }, byHeader('x-plan'))
  t.equal(passed(['x-plan', 'free']), 1)
  t.equal(passed(['x-plan', 'paid']), 5)
})

t.test('several entries, in their order, the caller among them', async (t) => {
  const entries = [
    { key: CALLER_DESCRIPTOR, value: '' },
    { key: 'x-api-key', value: '' },
    { key: 'kind', value: 'write' },
  ]
  const write: RateLimitRule = [
    ...byHeader('x-api-key'),
    {
      kind: 'header-match',
      key: 'kind',
      value: 'write',
      expect: false,
      headers: [{ name: ':method', kind: 'exact', value: 'HEAD', regex: undefined, invert: false }],
    },
  ]
  const { passed } = limited({ descriptors: [{ entries, bucket: bucket(1) }] }, write)
  t.equal(passed(['x-api-key', 'a']), 1)
  t.equal(passed(['x-api-key', 'b']), 1)
  t.equal(passed(['x-api-key', 'a'], { sourceIdentity: 'spiffe://a/ns/b/sa/c' }), 1)
  t.equal(passed(), 10, 'a part of the entries is another descriptor')
})

t.test('an action without a value drops its rule, unless it may be skipped', async (t) => {
  const generic = { kind: 'generic', key: 'generic_key', value: 'all' } as const
  const all = { entries: [{ key: 'generic_key', value: 'all' }], bucket: bucket(1) }
  const dropped = limited({ descriptors: [all] }, [...byHeader('x-a'), generic])
  t.equal(dropped.passed(), 10)
  const skipped = limited({ descriptors: [all] }, [...byHeader('x-a', true), generic])
  t.equal(skipped.passed(), 1)
})

t.test('several limits at once: who is refused by one takes from none', async (t) => {
  const { ask, deps } = limited(
    { bucket: bucket(5, 60_000), descriptors: [each('x-api-key', 1)] },
    byHeader('x-api-key'),
  )
  t.equal(ask(['x-api-key', 'a']), undefined)
  for (let i = 0; i < 20; i++) t.ok(ask(['x-api-key', 'a']))
  for (const key of ['b', 'c', 'd', 'e']) t.equal(ask(['x-api-key', key]), undefined, key)
  t.ok(ask(['x-api-key', 'f']), 'the service is at its limit')
  deps.clock.advance(1000)
  const refused = ask(['x-api-key', 'a'])
  t.same(refused?.reply.fields, [
    ...['retry-after', '59'],
    ...['ratelimit-policy', '"shop/x-api-key";q=1;w=1, "shop";q=5;w=60'],
    ...['ratelimit', '"shop/x-api-key";r=1;t=1, "shop";r=0;t=59'],
  ])
})

t.test('the bucket for all may be for those that no descriptor is for', async (t) => {
  const { passed } = limited(
    { bucket: bucket(2), descriptors: [each('x-api-key', 4)], alwaysAll: false },
    byHeader('x-api-key'),
  )
  t.equal(passed(['x-api-key', 'a']), 4)
  t.equal(passed(), 2)
})

t.test('a window is of whole seconds, and a name is quoted', async (t) => {
  const { ask } = limited({
    statPrefix: 'a "b" é',
    bucket: { maxTokens: 1, tokensPerFill: 3, fillIntervalMs: 250 },
  })
  ask()
  const fields = ask()?.reply.fields ?? []
  t.equal(fields[fields.indexOf('ratelimit-policy') + 1], '"a \\"b\\" ?";q=12;w=1')
  t.equal(fields[fields.indexOf('retry-after') + 1], '1')
})

t.test('fields of the answer are those of the tightest limit that the request came under', async (t) => {
  const { step, ask } = limited(
    { bucket: bucket(100), descriptors: [each('x-api-key', 3)], headers: true },
    byHeader('x-api-key'),
  )
  const head = headOf('/', ['x-api-key', 'a'])
  const route = { ...forwardTo({ a: 1 }), rateLimits: [byHeader('x-api-key')] }
  step.decide(HOP, head, route)
  const response = { status: 200, fields: [] as string[] }
  step.respond(HOP, head, route, response)
  t.same(response.fields.slice(0, 4), ['x-ratelimit-limit', '3', 'x-ratelimit-remaining', '2'])
  t.equal(ask(), undefined)
})
