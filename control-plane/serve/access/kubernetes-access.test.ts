import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { KubernetesError } from '../../kubernetes/api-error.ts'
import type { ApiRequest } from '../../kubernetes/connection.ts'
import { kubernetesAccess } from './kubernetes-access.ts'

const REPLICA = 'system:serviceaccount:weft-system:weft-control-plane'

/** A JWT whose signature nobody looks at here. */
function jwt(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'ES256' })}.${part(claims)}.c2ln`
}

const ADA = jwt({ sub: 'ada', aud: ['https://kubernetes.default.svc'] })
const BORROWED = jwt({ sub: 'viewer', aud: ['weft-dashboard'] })
const OWN = jwt({ sub: REPLICA, aud: ['weft-replica'] })

interface Reviewed {
  readonly kind: string
  readonly spec: Record<string, unknown>
}

function setUp(t: Test) {
  const clock = new ManualClock(Date.UTC(2026, 0, 1))
  const asked: Reviewed[] = []
  const api = {
    users: new Map<string, { username: string; groups?: string[]; extra?: object }>([
      [ADA, { username: 'ada', groups: ['shop'], extra: { scopes: ['a'] } }],
      [BORROWED, { username: 'system:serviceaccount:shop:viewer' }],
      [OWN, { username: REPLICA }],
    ]),
    allowed: new Set(['ada view ', 'ada act shop']),
    denied: false,
    error: undefined as KubernetesError | undefined,
    /** Whether it says which of the audiences the token is for. */
    namesAudiences: true,
  }
  const connection = {
    request({ body }: ApiRequest) {
      if (api.error) return Promise.reject(api.error)
      const { kind, spec } = body as Reviewed
      asked.push({ kind, spec })
      if (kind === 'TokenReview') {
        const user = api.users.get(String(spec['token']))
        const audiences = api.namesAudiences && spec['audiences'] ? { audiences: spec['audiences'] } : {}
        return Promise.resolve({ status: { authenticated: user !== undefined, user, ...audiences } })
      }
      const { verb, namespace = '' } = spec['resourceAttributes'] as { verb: string; namespace?: string }
      const allowed = api.allowed.has(`${String(spec['user'])} ${verb} ${namespace}`)
      return Promise.resolve({ status: { allowed, denied: api.denied } })
    },
  }
  const replicaTokenFile = join(t.testdir({ token: `${OWN}\n` }), 'token')
  const access = kubernetesAccess({ connection, replicaTokenFile, clock })
  const asking = (token?: string) => ({
    authorization: token === undefined ? undefined : `Bearer ${token}`,
    address: '10.1.2.3',
    forwarded: false,
  })
  return { access, api, asked, asking, clock }
}

t.test(
  'whose the token is decides, with groups and namespace, and the word counts for seconds',
  async (t) => {
    const { access, api, asked, asking, clock } = setUp(t)
    const ada = await access.admit(asking(ADA))
    t.equal(ada.name, 'ada')
    t.same(
      await Promise.all([ada.may('view'), ada.may('act'), ada.may('act', 'shop'), ada.may('tap', 'shop')]),
      [true, false, true, false],
    )
    t.same(asked[0], { kind: 'TokenReview', spec: { token: ADA } }, 'one for the API server')
    t.same(asked.find(({ spec }) => JSON.stringify(spec).includes('"namespace":"shop"'))?.spec, {
      user: 'ada',
      groups: ['shop'],
      extra: { scopes: ['a'] },
      resourceAttributes: { group: 'weft.dev', resource: 'mesh', verb: 'act', namespace: 'shop' },
    })
    const before = asked.length
    await Promise.all(Array.from({ length: 50 }, async () => (await access.admit(asking(ADA))).may('view')))
    t.equal(asked.length, before, 'it was told already')

    // Taken away: it holds for ten seconds more, and a refusal for two.
    api.allowed.clear()
    clock.advance(9_999)
    t.ok(await (await access.admit(asking(ADA))).may('view'))
    clock.advance(1)
    t.notOk(await (await access.admit(asking(ADA))).may('view'))
    api.allowed.add('ada view ')
    t.notOk(await ada.may('view'))
    clock.advance(2_000)
    t.ok(await ada.may('view'))
    api.denied = true
    clock.advance(10_000)
    t.notOk(await ada.may('view'), 'an authorizer that denies has the last word')
    api.users.delete(ADA)
    clock.advance(10_000)
    await t.rejects(access.admit(asking(ADA)), { code: 'access.token' })
  },
)

t.test('a token for the dashboard alone is asked for as such', async (t) => {
  const { access, api, asked, asking } = setUp(t)
  t.match(await access.admit(asking(BORROWED)), { name: 'system:serviceaccount:shop:viewer' })
  t.same(asked[0]?.spec, { token: BORROWED, audiences: ['weft-dashboard'] })
  // An API server that knows nothing of audiences would take any token.
  api.namesAudiences = false
  const other = jwt({ sub: 'other', aud: 'weft-dashboard' })
  api.users.set(other, { username: 'other' })
  await t.rejects(access.admit(asking(other)), { code: 'access.token' })
})

t.test('without a token, with one that nobody knows, or with none that it could be', async (t) => {
  const { access, asked, asking } = setUp(t)
  await t.rejects(access.admit(asking()), { code: 'access.token', message: /Authorization: Bearer/ })
  for (const authorization of [
    'Basic YTpi',
    'Bearer',
    'Bearer a b',
    `Bearer ${'a'.repeat(16_385)}`,
    'Bearer a,b',
  ])
    await t.rejects(access.admit({ ...asking(), authorization }), { code: 'access.token' }, authorization)
  t.equal(asked.length, 0, 'the API server is not asked')
  await t.rejects(access.admit(asking('unknown')), {
    code: 'access.token',
    message: /does not know the token/,
  })
})

t.test('who cannot be asked lets nobody in, says why, and is asked again at once', async (t) => {
  const { access, api, asking } = setUp(t)
  for (const [status, message] of [
    [403, /RBAC: create tokenreviews/],
    [503, /answered 503$/],
    [0, /does not answer/],
  ] as const) {
    const target = { server: '', method: 'POST', group: '', resource: 'tokenreviews', path: '' }
    api.error = new KubernetesError('kubernetes.refused', 'it quotes the token', {
      target: target as never,
      status,
    })
    await t.rejects(access.admit(asking(ADA)), { code: 'access.unavailable', message })
  }
  api.error = undefined
  t.match(await access.admit(asking(ADA)), { name: 'ada' })
})

t.test('a replica is who shows a token of the same ServiceAccount, for replicas', async (t) => {
  const { access, api, asked, asking } = setUp(t)
  t.equal(access.replicaAuthorization(), `Bearer ${OWN}`)
  t.ok(await access.isReplica(asking(OWN)))
  t.same(asked[0]?.spec, { token: OWN, audiences: ['weft-replica'] })
  t.notOk(await access.isReplica(asking()))
  const other = jwt({ sub: 'system:serviceaccount:shop:weft-control-plane', aud: ['weft-replica'] })
  api.users.set(other, { username: 'system:serviceaccount:shop:weft-control-plane' })
  t.notOk(await access.isReplica(asking(other)), 'of another namespace')
  // The API server names no audience of a token that is not for replicas.
  api.namesAudiences = false
  const borrowed = jwt({ sub: REPLICA })
  api.users.set(borrowed, { username: REPLICA })
  t.notOk(await access.isReplica(asking(borrowed)))
  const without = kubernetesAccess({
    connection: { request: () => Promise.reject(new Error()) },
    replicaTokenFile: '/none',
  })
  t.equal(without.replicaAuthorization(), undefined)
  t.notOk(await without.isReplica(asking(OWN)), 'who has none knows nobody')
})

t.test('many tokens take bounded memory, and nothing from those that are known', async (t) => {
  const { access, asked, asking } = setUp(t)
  await access.admit(asking(ADA))
  for (let n = 0; n < 1_100; n++) await access.admit(asking(`t${n}`)).catch(() => {})
  const before = asked.length
  await access.admit(asking(ADA))
  t.equal(asked.length, before)
  await access.admit(asking('t0')).catch(() => {})
  t.equal(asked.length, before + 1, 'the oldest refusal went')
})
