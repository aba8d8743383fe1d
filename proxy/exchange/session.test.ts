import t from 'tap'
import { field, fieldValues } from '../http/message.ts'
import type { Endpoint } from '../model/cluster.ts'
import type { Route } from '../model/route.ts'
import { statefulSession, StatefulSessionStep, type SessionConfig } from '../steps/http/stateful-session.ts'
import { formatToken } from '../steps/http/session-token.ts'
import { endpointAt, forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { NO_STEPS } from '../steps/request-steps.ts'
import { MemoryExchange, NOTHING_LEFT, type FakeCaller } from './testing/memory-exchange.ts'

const COOKIE: SessionConfig = { carrier: { kind: 'cookie', name: 's', ttlMs: 0, path: '/' }, scope: 'one' }
const HEADER: SessionConfig = { carrier: { kind: 'header', name: 'x-session' }, scope: 'one' }

/** Two backends: `a` with servers 1 and 2, `b` with 3. */
function meshOf(weights: Record<string, number>, config: SessionConfig, change: Partial<Route> = {}) {
  const filterConfigs = { session: { name: 'session', kind: statefulSession.kind, config } }
  const mesh = new MemoryExchange({ ...forwardTo(weights), filterConfigs, ...change })
  const time = { ms: 1_800_000_000_000 }
  const step = new StatefulSessionStep(undefined, 'session', () => time.ms)
  mesh.steps = { ...NO_STEPS, steps: [step], sessions: step }
  const { configuration } = mesh.upstream
  configuration.setCluster('a', [1, 2])
  configuration.setCluster('b', [3])
  const asked = () => [1, 2, 3].map((port) => mesh.upstream.server(port).streams.length)
  /** Sends a request and answers it wherever it came to; gives that server's port. */
  const visit = (fields: string[] = []): { readonly caller: FakeCaller; readonly port: number } => {
    const before = asked()
    const caller = mesh.send({ fields: [...fields] })
    mesh.clock.advance(0)
    const port = asked().findIndex((count, i) => count > (before[i] ?? 0)) + 1
    if (port > 0) mesh.upstream.server(port).stream.respond(200, 'hi')
    return { caller, port }
  }
  const endpoints = (cluster: string, ...ports: readonly (readonly [number, Partial<Endpoint>])[]): void =>
    configuration.endpoints(cluster).set({
      clusterName: cluster,
      endpoints: ports.map(([port, more]) => endpointAt(port, more)),
    })
  return { mesh, time, visit, endpoints, asked }
}

function cookieOf(caller: FakeCaller): string | undefined {
  return caller.answer && field(caller.answer.fields, 'set-cookie')
}

/** As a browser sends it back. */
function returned(caller: FakeCaller): string[] {
  return ['cookie', `x=y; ${cookieOf(caller)?.split(';')[0]}`]
}

t.test(
  'who comes back with the cookie stays with the endpoint, also against the weights, and gets no other cookie',
  async (t) => {
    const { mesh, visit } = meshOf({ a: 0, b: 100 }, COOKIE)
    const first = visit()
    t.equal(first.port, 3)
    t.match(cookieOf(first.caller), /^s=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/)
    // The canary is taken out of the split; whoever was on it stays.
    const moved = meshOf({ a: 100, b: 0 }, COOKIE)
    for (let i = 0; i < 20; i++) {
      const again = moved.visit(returned(first.caller))
      t.equal(again.port, 3)
      t.equal(cookieOf(again.caller), undefined)
    }
    t.not(moved.visit().port, 3, 'whoever has none goes by weight')
    t.same([mesh.leftovers, moved.mesh.leftovers], [NOTHING_LEFT, NOTHING_LEFT])
  },
)

t.test(
  'an endpoint that drains is used on; one that has gone is replaced, by weight, with a new cookie',
  async (t) => {
    const { visit, endpoints } = meshOf({ a: 0, b: 100 }, COOKIE)
    const first = visit()
    endpoints('b', [3, { health: 'draining' }], [4, {}])
    t.equal(visit(returned(first.caller)).port, 3)
    for (const gone of ['unhealthy', undefined] as const) {
      const one = meshOf({ a: 100, b: 0 }, COOKIE)
      if (gone) one.endpoints('b', [3, { health: gone }])
      else one.endpoints('b')
      const next = one.visit(returned(first.caller))
      t.ok(next.port === 1 || next.port === 2, `${next.port}`)
      const cookie = cookieOf(next.caller)
      t.ok(cookie)
      t.equal(one.visit(returned(next.caller)).port, next.port)
    }
  },
)

t.test('an endpoint that takes no connection is left for another, and the cookie follows', async (t) => {
  const first = meshOf({ a: 100 }, COOKIE).visit()
  const other = first.port === 1 ? 2 : 1
  const { action } = forwardTo({ a: 100 }, { retry: { ...RETRY_503, backoffBaseMs: 0, backoffMaxMs: 0 } })
  const { mesh, visit, asked } = meshOf({ a: 100 }, COOKIE, { action })
  mesh.upstream.server(first.port).connect = 'refuse'
  const caller = mesh.send({ fields: returned(first.caller) })
  mesh.clock.advance(100)
  t.equal(asked()[other - 1], 1)
  mesh.upstream.server(other).stream.respond(200, 'hi')
  t.ok(cookieOf(caller))
  t.equal(visit(returned(caller)).port, other)
})

t.test('what a caller makes up picks nothing that the route does not lead to', async (t) => {
  const nowS = 1_800_000_000
  const claims = { cluster: 'a', address: '127.0.0.1:1', beganAt: nowS, usedAt: nowS }
  const token = (change: Partial<typeof claims>, scope = 'one'): string =>
    formatToken(scope, { ...claims, ...change })
  for (const [name, forged] of Object.entries({
    'another cluster': token({ cluster: 'secret', address: '127.0.0.1:9' }),
    'no cluster': token({ cluster: '' }),
    'an address elsewhere': token({ address: '169.254.169.254:80' }),
    'another rule': token({}, 'two'),
    'a time to come': token({ usedAt: nowS + 3600 }),
    'too long': token({ address: '1'.repeat(600) }),
    rubbish: '../../etc',
    empty: '',
  })) {
    const { mesh, visit } = meshOf({ a: 0, b: 100 }, COOKIE)
    const { port, caller } = visit(['cookie', `s=${forged}`])
    t.equal(port, 3, name)
    t.ok(cookieOf(caller), name)
    t.notOk(mesh.upstream.clusters.clusters.has('secret'), name)
  }
  const { visit } = meshOf({ a: 0, b: 100 }, COOKIE)
  t.equal(visit(['cookie', `s=no; s="${token({})}"`]).port, 1, 'of several the first that holds')
})

t.test('a session ends when the route says, and its cookie lasts as long', async (t) => {
  const permanent = { carrier: { kind: 'cookie', name: 's', ttlMs: 60_000, path: '' }, scope: 'one' } as const
  const session = { absoluteMs: 60_000, idleMs: 10_000 }
  const { time, visit } = meshOf({ a: 0, b: 100 }, permanent, { session })
  const first = visit()
  t.match(cookieOf(first.caller), /^s=[\w-]+; Max-Age=60; HttpOnly; SameSite=Strict$/)
  let last = first
  for (const [afterMs, age] of [
    [9000, 51],
    [9000, 42],
  ]) {
    time.ms += afterMs ?? 0
    last = visit(returned(last.caller))
    t.match(cookieOf(last.caller), new RegExp(`; Max-Age=${age};`), 'used: told again, for what is left')
  }
  time.ms += 10_000
  t.match(cookieOf(visit(returned(last.caller)).caller), /Max-Age=60;/, 'idle for too long: a new one')
  const { time: later, visit: visitLater } = meshOf({ a: 0, b: 100 }, permanent, {
    session: { ...session, idleMs: undefined },
  })
  const one = visitLater()
  later.ms += 59_000
  t.equal(cookieOf(visitLater(returned(one.caller)).caller), undefined)
  later.ms += 1000
  t.match(cookieOf(visitLater(returned(one.caller)).caller), /Max-Age=60;/)
})

t.test('a header is in every answer, whatever the application puts there', async (t) => {
  const { mesh, visit } = meshOf({ a: 0, b: 100 }, HEADER)
  const first = visit()
  const token = field(first.caller.answer?.fields ?? [], 'x-session') ?? ''
  const moved = meshOf({ a: 100, b: 0 }, HEADER)
  const caller = moved.mesh.send({ fields: ['x-session', token] })
  moved.mesh.clock.advance(0)
  moved.mesh.upstream.server(3).stream.sendHead(200, ['x-session', 'of the application'])
  t.same(fieldValues(caller.answer?.fields ?? [], 'x-session').length, 1)
  t.notMatch(caller.answer?.fields, ['x-session', 'of the application'])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('the endpoints of a backend that is not known yet are waited for', async (t) => {
  const first = meshOf({ a: 0, b: 100 }, COOKIE).visit()
  const { mesh, asked, endpoints } = meshOf({ a: 100, b: 0 }, COOKIE)
  mesh.upstream.configuration.endpoints('b').set(undefined)
  mesh.send({ fields: returned(first.caller) })
  mesh.clock.advance(100)
  t.same(asked(), [0, 0, 0])
  endpoints('b', [3, {}])
  mesh.clock.advance(0)
  t.same(asked(), [0, 0, 1])
})

t.test('without a policy of the route nothing is said', async (t) => {
  const { visit } = meshOf({ a: 0, b: 100 }, COOKIE, { filterConfigs: {} })
  t.equal(cookieOf(visit().caller), undefined)
})
