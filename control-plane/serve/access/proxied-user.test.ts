import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { fastify } from 'fastify'
import type { ApiRequest } from '../../kubernetes/connection.ts'
import { DecisionStore } from '../telemetry/decision-store.ts'
import { MetricStore } from '../telemetry/metric-store.ts'
import { noTaps } from '../tap/testing/sidecars.ts'
import { TraceStore } from '../telemetry/trace-store.ts'
import type { MeshOverview } from '../rest/overview.ts'
import { rest } from '../rest/rest.ts'
import { kubernetesAccess } from './kubernetes-access.ts'
import { proxiedUser } from './proxied-user.ts'

const SECRET = 'a secret of the proxy, long enough'
const NEXT = 'the one that comes after it, as long'

interface Review {
  readonly user: string
  readonly groups?: readonly string[]
  readonly resourceAttributes: { readonly verb: string; readonly namespace?: string }
}

/** The pages, before a made-up API server, with a proxy whose names begin with `oidc:`. */
async function serve(t: Test, proxied = true) {
  const directory = t.testdir({ secret: `${SECRET}\n${NEXT}\n`, token: '' })
  const reviews: Review[] = []
  const tokens: string[] = []
  const connection = {
    request({ body }: ApiRequest): Promise<unknown> {
      const { kind, spec } = body as { kind: string; spec: Review & { token: string } }
      if (kind === 'TokenReview') {
        tokens.push(spec.token)
        const authenticated = spec.token === 'of-ada'
        return Promise.resolve({ status: { authenticated, user: { username: 'ada' } } })
      }
      reviews.push(spec)
      const { verb, namespace = '' } = spec.resourceAttributes
      const sees = spec.user === 'ada' || (spec.groups ?? []).includes('oidc:shop-team')
      const acts = spec.user === 'oidc:ada@example.com' && namespace === 'shop'
      return Promise.resolve({ status: { allowed: verb === 'view' ? sees : acts } })
    },
  }
  const access = kubernetesAccess({
    connection,
    replicaTokenFile: join(directory, 'token'),
    proxy: proxied ? { secretFile: join(directory, 'secret'), prefix: 'oidc:' } : undefined,
  })
  const mesh = {
    ...{ trustDomain: 'cluster.local', version: () => 1, services: () => [], workloads: () => 0 },
    ...{ problems: () => [], proxies: () => [], issuer: () => undefined, canaries: () => [] },
  } as unknown as MeshOverview
  const asked: string[] = []
  const app = fastify({ forceCloseConnections: true })
  await app.register(rest, {
    ...{ mesh, traces: new TraceStore(), metrics: new MetricStore(), decisions: new DecisionStore() },
    ...{ release: '0', tap: noTaps(), access: () => access },
    askCanary: async (_namespace, _name, _request, by) => void asked.push(by),
  })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  /** Over a socket, as each field has to come as it was sent. */
  const ask = async (fields: readonly (readonly [string, string])[], path = '/api/mesh', method = 'GET') => {
    const answer = await fetch(`${address}${path}`, { method, headers: fields.map((one) => [...one]) })
    const body = (await answer.json()) as { readonly error?: { readonly message?: string } }
    return { status: answer.status, message: body.error?.message ?? '' }
  }
  return { ask, app, address, asked, reviews, tokens, directory }
}

const PROVED = ['x-weft-proxy-secret', SECRET] as const
const ADA = ['x-forwarded-user', 'ada@example.com'] as const
const TEAM = ['x-forwarded-groups', 'all, shop-team'] as const

t.test('a proxy that shows its secret says who asks, and RBAC what they may', async (t) => {
  const { ask, asked, reviews } = await serve(t)
  t.equal((await ask([PROVED, ADA, TEAM])).status, 200)
  t.match(reviews[0], {
    user: 'oidc:ada@example.com',
    groups: ['oidc:all', 'oidc:shop-team', 'system:authenticated'],
    resourceAttributes: { group: 'weft.dev', resource: 'mesh', verb: 'view' },
  })
  t.match(await ask([PROVED, ADA]), { status: 403, message: /^oidc:ada@example.com may not view/ })
  t.equal((await ask([PROVED, ADA, TEAM], '/api/tap?namespace=pay')).status, 403)
  const client = ['x-weft-client', 'dashboard'] as const
  const promote = (namespace: string, fields: readonly (readonly [string, string])[]) =>
    ask(fields, `/api/canaries/${namespace}/catalog/promote`, 'POST')
  t.equal((await promote('shop', [PROVED, ADA, TEAM])).status, 403, 'a page of another site')
  t.equal((await promote('shop', [PROVED, ADA, TEAM, client])).status, 202)
  t.equal((await promote('pay', [PROVED, ADA, TEAM, client])).status, 403)
  t.strictSame(asked, ['oidc:ada@example.com'])
  t.equal((await ask([['x-weft-proxy-secret', NEXT], ADA, TEAM])).status, 200, 'while it is changed')
})

t.test('nobody else says who asks', async (t) => {
  const { ask, reviews, tokens, directory } = await serve(t)
  const forged: readonly (readonly (readonly [string, string])[])[] = [
    [ADA, TEAM],
    [['x-weft-proxy-secret', ''], ADA, TEAM],
    [['x-weft-proxy-secret', SECRET.slice(1)], ADA, TEAM],
    [['x-weft-proxy-secret', `${SECRET}x`], ADA, TEAM],
    [['x-weft-proxy-secret', SECRET.toUpperCase()], ADA, TEAM],
    [['x-weft-proxy-secret', `${SECRET}\u00a0`], ADA, TEAM],
    [['authorization', `Bearer ${SECRET}`], ADA, TEAM],
    [['x-forwarded-access-token', 'of-ada']],
    [['x-weft-proxy-secret', 'wrong'], ['authorization', 'Bearer of-ada'], ADA],
    [PROVED],
    [PROVED, ['x-forwarded-user', '']],
  ]
  for (const fields of forged) t.equal((await ask(fields)).status, 401, JSON.stringify(fields))
  t.strictSame([reviews, tokens.filter((one) => one === 'of-ada')], [[], []], 'the API server is not asked')
  const replicas = '/api/canary-counts'
  t.equal((await ask([PROVED, ADA, TEAM], replicas)).status, 403, 'a proxy is no replica')
  writeFileSync(join(directory, 'secret'), 'short')
  t.equal((await ask([['x-weft-proxy-secret', 'short'], ADA, TEAM])).status, 401)
  writeFileSync(join(directory, 'secret'), '')
  t.equal((await ask([['x-weft-proxy-secret', ''], ADA, TEAM])).status, 401)
})

t.test('without the flag no proxy is believed', async (t) => {
  const { ask, reviews } = await serve(t, false)
  t.equal((await ask([PROVED, ADA, TEAM])).status, 401)
  t.equal((await ask([PROVED, ADA, ['authorization', 'Bearer of-ada']])).status, 200)
  t.match(reviews, [{ user: 'ada' }], 'the token is who asks')
})

t.test("what a caller adds to the proxy's fields is not taken for the proxy's", (t) => {
  const secretFile = join(t.testdir({ secret: SECRET }), 'secret')
  const fields = { secret: [SECRET], user: ['ada'], groups: ['shop'], accessToken: [] }
  const say = (more: object, prefix = '') => proxiedUser({ ...fields, ...more }, { secretFile, prefix })
  for (const [more, message] of [
    [{ secret: [SECRET, SECRET] }, /secret came 2 times/],
    [{ user: ['ada', 'root'] }, /X-Forwarded-User came 2 times/],
    [{ groups: ['shop', 'admins'] }, /X-Forwarded-Groups came 2 times/],
    [{ user: [], accessToken: ['a', 'b'] }, /X-Forwarded-Access-Token came 2 times/],
    [{ user: ['system:admin'] }, /the cluster's own/],
    [{ user: ['system:serviceaccount:weft-system:weft-control-plane'] }, /the cluster's own/],
    [{ user: ['a'.repeat(257)] }, /256 characters/],
    [{ user: ['a\tb'] }, /do not print/],
    [{ user: ['\u00ff\u00fe'] }, /no UTF-8/],
    [{ groups: [Array.from({ length: 257 }, (_, one) => `g${one}`).join(',')] }, /256 groups/],
  ] as const)
    t.throws(() => say(more), { code: 'access.token', message }, JSON.stringify(more))
  t.match(say({ groups: ['system:masters, shop,,'] }), {
    groups: ['shop', 'system:authenticated'],
  })
  t.match(say({ user: ['system:admin'], groups: ['system:masters'] }, 'oidc:'), {
    username: 'oidc:system:admin',
    groups: ['oidc:system:masters', 'system:authenticated'],
  })
  t.match(say({ user: [Buffer.from('Zoë').toString('latin1')] }), { username: 'Zoë' })
  t.match(say({ user: [], accessToken: ['abc'] }), { kind: 'token', token: 'abc' })
  t.equal(say({ secret: [] }), undefined)
  t.end()
})

t.test("a token that the proxy passes is the user's, and none that came beside it", async (t) => {
  const { ask, tokens } = await serve(t)
  const passed = ['x-forwarded-access-token', 'of-ada'] as const
  t.equal((await ask([PROVED, passed, ['authorization', 'Bearer of-somebody']])).status, 200)
  t.strictSame(tokens, ['of-ada'])
})
