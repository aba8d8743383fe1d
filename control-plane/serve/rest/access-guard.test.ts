import { fastify } from 'fastify'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { WeftError } from '../../../core/errors.ts'
import type { Access, Asking } from '../access/access.ts'
import { openAccess } from '../access/open-access.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import { noTaps } from '../tap/testing/sidecars.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { MeshOverview } from './overview.ts'
import { rest } from './rest.ts'

const START = Date.UTC(2026, 0, 1)
const TOKENS: Readonly<Record<string, readonly string[]>> = {
  view: ['view'],
  act: ['view', 'act', 'tap'],
  shop: ['view', 'act shop', 'tap shop'],
  nothing: [],
}

/** Tokens by their rights. */
const tokens: Access = {
  admit({ authorization }: Asking) {
    const [, name = ''] = /^Bearer (.*)$/.exec(authorization ?? '') ?? []
    if (name === 'away')
      return Promise.reject(new WeftError('access.unavailable', 'it cannot be checked now'))
    const rights = TOKENS[name]
    if (!rights) return Promise.reject(new WeftError('access.token', 'a token is needed'))
    return Promise.resolve({
      name,
      known: true,
      may: (verb, namespace) =>
        Promise.resolve(rights.includes(verb) || rights.includes(`${verb} ${namespace}`)),
    })
  },
  isReplica: ({ authorization }) => Promise.resolve(authorization === 'Bearer replica'),
  replicaAuthorization: () => 'Bearer replica',
}

async function serve(t: Test, access: Access) {
  const clock = new ManualClock(START)
  const mesh = {
    ...{ trustDomain: 'cluster.local', version: () => 1, services: () => [], workloads: () => 0 },
    ...{ problems: () => [], proxies: () => [], issuer: () => undefined, canaries: () => [] },
    policies: () => ({ policies: [], services: [] }),
  } as unknown as MeshOverview
  const asked: string[] = []
  const app = fastify({ forceCloseConnections: true })
  await app.register(rest, {
    ...{ mesh, traces: new TraceStore(), metrics: new MetricStore(), decisions: new DecisionStore() },
    ...{ release: '0', clock, tap: noTaps(), access: () => access },
    askCanary: async (namespace, name, request, by) => {
      if (name === 'none') throw new WeftError('canary.none', 'there is no Canary')
      asked.push(`${namespace}/${name} ${request} ${by}`)
    },
    dashboard: new Map([['/', { type: 'text/html', body: 'the page' }]]),
  })
  t.teardown(() => app.close())
  const ask = async (
    url: string,
    {
      token,
      method = 'GET',
      from = '127.0.0.1',
      ...headers
    }: Record<string, string> & { method?: 'GET' | 'POST' } = {},
  ) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const reply = await app.inject({
      url,
      method: method as 'GET',
      remoteAddress: from,
      headers: { ...authorization, ...headers },
    })
    const json = /json/.test(String(reply.headers['content-type']))
    const body = json ? reply.json<{ error?: { code: string }; may?: object }>() : {}
    return { status: reply.statusCode, code: body.error?.code, headers: reply.headers, body }
  }
  const statuses = async (url: string, names: readonly (string | undefined)[], more: object = {}) =>
    Promise.all(
      names.map(async (token) => (await ask(url, { ...(token !== undefined && { token }), ...more })).status),
    )
  return { app, clock, ask, asked, statuses }
}

const ALL = [undefined, 'unknown', 'nothing', 'away', 'view']

t.test('every page takes the right to view, but for probes, roots and the page itself', async (t) => {
  const { app, ask, statuses } = await serve(t, tokens)
  const pages = [
    '/api/mesh',
    '/api/services',
    '/api/graph',
    '/api/traces',
    '/api/canaries',
    '/api/policies',
    '/metrics',
  ]
  for (const page of pages) t.same(await statuses(page, ALL), [401, 401, 403, 503, 200], page)
  t.same(
    await statuses('/api/no-such-page', ALL),
    [401, 401, 403, 503, 404],
    'who may not see learns of no page',
  )
  t.same(await statuses('/live', ALL), [200, 200, 200, 200, 200])
  t.same(await statuses('/ready', ALL), [200, 200, 200, 200, 200])
  t.same(await statuses('/', ALL), [200, 200, 200, 200, 200])
  t.same(await statuses('/api/trust-bundle', [undefined]), [500], 'it is asked, and there is none yet')
  const refused = await ask('/api/mesh')
  t.match(refused, { code: 'access.token', headers: { 'www-authenticate': 'Bearer' } })
  t.match(refused.headers['content-security-policy'], /default-src 'none'/)
  t.equal(
    (await ask('/api/mesh', { 'x-weft-authorization': 'Bearer view' })).status,
    200,
    'by way of the API server',
  )
  t.equal((await app.inject({ url: '/api/mesh', method: 'HEAD' })).statusCode, 401)
  t.equal((await app.inject({ url: '/API/mesh' })).statusCode, 401)
  t.equal((await app.inject({ url: '/live/../api/mesh' })).statusCode, 401)
})

t.test('pages of replicas are for replicas', async (t) => {
  const { statuses } = await serve(t, tokens)
  t.same(await statuses('/api/canary-counts', [undefined, 'act', 'replica']), [403, 403, 200])
  const question = { method: 'POST', 'sec-weft-client': 'weft' }
  t.same(await statuses('/api/replica', [undefined, 'act', 'replica'], question), [403, 403, 400])
  t.same(await statuses('/api/graph', ['replica']), [401], 'who see no more than that')
})

t.test('requests are listened to where that is given: everywhere, or in a namespace', async (t) => {
  const { statuses, ask } = await serve(t, tokens)
  const page = '/api/tap?namespace=pay&rate=0'
  t.same(await statuses(page, [undefined, 'view', 'shop', 'act']), [401, 403, 403, 400])
  t.same(await statuses('/api/tap?namespace=shop&rate=0', ['view', 'shop']), [403, 400])
  t.same(await statuses('/api/tap?namespace=shop&namespace=pay', ['shop']), [403])
  for (const [token, may] of [
    ['view', { act: false, tap: false, headers: false }],
    ['act', { act: true, tap: true, headers: true }],
    ['shop', { act: false, tap: false, headers: false }],
  ] as const)
    t.same((await ask('/api/mesh', { token })).body.may, may, token)
})

t.test('Canaries are asked by who may act, in its namespace, and by no page of another site', async (t) => {
  const { ask, asked } = await serve(t, tokens)
  const post = (
    path: string,
    token: string,
    more: Record<string, string> = { 'x-weft-client': 'dashboard' },
  ) => ask(`/api/canaries/${path}`, { method: 'POST', token, ...more })
  t.match(await post('shop/catalog/promote', 'act', {}), { status: 403, code: 'api.client' })
  t.match(await post('shop/catalog/promote', 'view'), { status: 403, code: 'access.denied' })
  t.match(await post('pay/charge/promote', 'shop'), { status: 403, code: 'access.denied' })
  t.match(await post('shop/catalog/promote', ''), { status: 401 })
  t.match(await post('shop/none/pause', 'act'), { status: 404, code: 'canary.none' })
  t.match(await post('shop/catalog/destroy', 'act'), { status: 400 })
  t.match(await post('shop/UPPER/pause', 'act'), { status: 400 })
  t.match(await post('shop/catalog/pause?full=true', 'act'), { status: 400 })
  t.match(await ask('/api/canaries/shop/catalog/promote', { token: 'act', 'x-weft-client': 'a' }), {
    status: 404,
  })
  t.same(asked, [])
  for (const word of ['promote', 'pause', 'resume', 'rollback', 'promote?full=true'])
    t.match(await post(`shop/catalog/${word}`, 'shop'), { status: 202, body: { name: 'catalog' } })
  const at = '2026-01-01T00:00:00.000Z shop'
  t.same(
    asked,
    ['promote', 'pause', 'resume', 'abort', 'promote-full'].map((action) => `shop/catalog ${action} ${at}`),
  )
})

t.test('without tokens whoever reaches it reads, and only who is on this machine acts', async (t) => {
  const { ask, asked } = await serve(t, openAccess({ acts: true, machine: ['10.244.0.1'] }))
  const act = async (from: string, more: Record<string, string> = {}) =>
    (
      await ask('/api/canaries/shop/catalog/pause', {
        ...{ method: 'POST', from, 'x-weft-client': 'dashboard' },
        ...more,
      })
    ).status
  t.equal((await ask('/api/graph', { from: '10.1.2.3' })).status, 200)
  for (const from of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.244.0.1'])
    t.equal(await act(from), 202, from)
  t.equal(asked.length, 4)
  t.equal(await act('10.244.0.2'), 403)
  for (const name of ['x-forwarded-for', 'forwarded', 'via'])
    t.equal(await act('127.0.0.1', { [name]: 'a' }), 403, 'a proxy of this machine speaks for somebody else')
  t.same((await ask('/api/mesh')).body.may, { act: true, tap: true, headers: true })
  t.same((await ask('/api/mesh', { from: '10.1.2.3' })).body.may, { act: false, tap: true, headers: false })
  const cluster = await serve(t, openAccess({ acts: false }))
  t.same((await cluster.ask('/api/mesh')).body.may, { act: false, tap: true, headers: false })
})

t.test('a stream ends once its listener may no longer', async (t) => {
  let rights = ['view', 'tap']
  const access: Access = {
    ...tokens,
    admit: () =>
      Promise.resolve({ name: 'ada', known: true, may: (verb) => Promise.resolve(rights.includes(verb)) }),
  }
  const { app, clock } = await serve(t, access)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const [page, less] of [
    ['tap?namespace=shop', ['view']],
    ['live', []],
  ] as const) {
    rights = ['view', 'tap']
    const answer = await fetch(`${address}/api/${page}`)
    const reader = answer.body?.getReader()
    await reader?.read()
    rights = [...less]
    clock.advance(15_000)
    await t.rejects(async () => {
      for (;;) if ((await reader?.read())?.done) throw new Error('it ended')
    }, page)
  }
})
