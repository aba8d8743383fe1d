import t from 'tap'
import type { Fields, RequestHead, ResponseHead } from '../../http/message.ts'
import type { Route } from '../../model/route.ts'
import { patternOf } from '../../../core/pattern.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import { headOf, HOP } from '../testing/requests.ts'
import { cors, CorsStep, type CorsPolicy } from './cors.ts'

const EXACT = {
  name: 'origin',
  kind: 'exact',
  value: 'https://shop.example',
  regex: undefined,
  invert: false,
} as const
const POLICY: CorsPolicy = {
  origins: [
    EXACT,
    { ...EXACT, kind: 'regex', value: '', regex: patternOf(String.raw`https://[^/:]+\.bar\.com`) },
  ],
  anyOrigin: false,
  methods: 'GET, PUT',
  headers: 'x-a, x-b',
  exposed: 'x-c',
  maxAge: '3600',
  credentials: true,
  forwardOthers: false,
}
const ANY_ORIGIN: CorsPolicy = {
  ...POLICY,
  origins: [{ ...EXACT, kind: 'regex', value: '', regex: patternOf('.*') }],
  anyOrigin: true,
  methods: '*',
  headers: '*',
  exposed: '*',
}

const step = new CorsStep('cors')

function routeWith(config: CorsPolicy): Route {
  return { ...forwardTo({ catalog: 1 }), filterConfigs: { cors: { name: 'cors', kind: cors.kind, config } } }
}

function preflight(origin: string, method = 'PUT', more: Fields = []): RequestHead {
  const fields = ['origin', origin, 'access-control-request-method', method, ...more]
  return { ...headOf('/', fields), method: 'OPTIONS' }
}

function answered(policy: CorsPolicy, head: RequestHead): Fields | undefined {
  const verdict = step.decide(HOP, head, routeWith(policy))
  if (!verdict) return undefined
  if (verdict.kind !== 'answer') throw new Error('it waits')
  t.equal(verdict.reply.status, 200)
  return verdict.reply.fields
}

function told(policy: CorsPolicy, fields: Fields, own: Fields = []): Fields {
  const response: ResponseHead = { status: 200, fields: [...own] }
  step.respond(HOP, headOf('/', fields), routeWith(policy), response)
  return response.fields
}

t.test('a preflight of an origin that may is answered with all that the route says', async (t) => {
  t.same(answered(POLICY, preflight('https://shop.example')), [
    ...['access-control-allow-origin', 'https://shop.example'],
    ...['access-control-allow-credentials', 'true'],
    ...['access-control-allow-methods', 'GET, PUT'],
    ...['access-control-allow-headers', 'x-a, x-b'],
    ...['access-control-expose-headers', 'x-c'],
    ...['access-control-max-age', '3600'],
    ...['vary', 'origin'],
  ])
  for (const origin of ['https://a.bar.com', 'https://a.b.bar.com', 'https://shop.example:443'])
    t.same(answered(POLICY, preflight(origin))?.slice(0, 2), ['access-control-allow-origin', origin])
})

t.test('one of another origin is answered without a word, or goes on where the policy says so', async (t) => {
  for (const origin of ['https://bar.com', 'http://shop.example', 'https://shop.example:8443', 'null']) {
    t.same(answered(POLICY, preflight(origin)), [])
    t.equal(answered({ ...POLICY, forwardOthers: true }, preflight(origin)), undefined)
  }
})

t.test('OPTIONS that is no preflight, and a route without a policy, pass', async (t) => {
  t.equal(
    answered(POLICY, { ...headOf('/', ['origin', 'https://shop.example']), method: 'OPTIONS' }),
    undefined,
  )
  t.equal(step.decide(HOP, preflight('https://shop.example'), undefined), undefined)
})

t.test('with credentials, * is what was asked for, and exposes nothing', async (t) => {
  const asked = ['access-control-request-headers', 'x-one, x-two']
  t.same(answered(ANY_ORIGIN, preflight('https://a', 'PATCH', asked)), [
    ...['access-control-allow-origin', 'https://a'],
    ...['access-control-allow-credentials', 'true'],
    ...['access-control-allow-methods', 'PATCH'],
    ...['access-control-allow-headers', 'x-one, x-two'],
    ...['access-control-max-age', '3600'],
    ...['vary', 'origin'],
  ])
  t.notOk(answered(ANY_ORIGIN, preflight('https://a'))?.includes('access-control-allow-headers'))
  const open = answered({ ...ANY_ORIGIN, credentials: false }, preflight('https://a', 'PATCH', asked))
  t.match(
    open?.join(' '),
    /allow-methods \* access-control-allow-headers \* access-control-expose-headers \*/,
  )
  t.notOk(open?.includes('access-control-allow-credentials'))
})

t.test('an answer says who may read it, whatever the application says', async (t) => {
  t.same(
    told(POLICY, ['origin', 'https://shop.example'], ['access-control-allow-origin', '*', 'vary', 'accept']),
    [
      ...['vary', 'accept, origin'],
      ...['access-control-allow-origin', 'https://shop.example'],
      ...['access-control-allow-credentials', 'true'],
      ...['access-control-expose-headers', 'x-c'],
    ],
  )
  t.same(told(POLICY, ['origin', 'https://evil.example'], ['access-control-allow-origin', '*']), [
    'vary',
    'origin',
  ])
  t.same(told(POLICY, [], ['access-control-allow-origin', '*']), ['access-control-allow-origin', '*'])
})

t.test('where any origin may and credentials may not, who brings some is told nothing', async (t) => {
  const open = { ...ANY_ORIGIN, credentials: false }
  for (const [name, value] of [
    ['cookie', 'a=b'],
    ['authorization', 'Basic x'],
  ] as const)
    t.same(told(open, ['origin', 'https://a', name, value]), ['vary', 'origin'])
  t.ok(told(open, ['origin', 'https://a']).includes('https://a'))
})
