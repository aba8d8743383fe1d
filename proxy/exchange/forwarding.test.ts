import t from 'tap'
import type { RetryPolicy } from '../model/route.ts'
import { forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const RETRY: RetryPolicy = { ...RETRY_503, retries: 2, backoffBaseMs: 100, backoffMaxMs: 150 }

/** One cluster, `app`, with servers at ports 1 to `servers`. */
function meshOf(servers: number, ...change: Parameters<typeof forwardTo>[1][]) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, change[0]))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  mesh.upstream.configuration.setCluster('app', ports)
  return Object.assign(mesh, {
    ports,
    asked: () => ports.map((port) => mesh.upstream.server(port).streams.length),
  })
}

t.test(
  'the timeout of a route ends what has no answer yet and breaks off what has, to the millisecond',
  async (t) => {
    const mesh = meshOf(1, { timeoutMs: 1000 })
    const silent = mesh.send()
    const begun = mesh.send()
    mesh.clock.advance(0)
    const [first, second] = mesh.upstream.server(1).streams
    second?.sendHead(200)
    mesh.clock.advance(999)
    t.same([silent.answer, begun.resetBy], [undefined, undefined])
    mesh.clock.advance(1)
    t.equal(silent.status, 504)
    t.equal(begun.resetBy, 'timeout')
    t.same([first?.resetBy, second?.resetBy], ['timeout', 'timeout'])
    t.same(mesh.told, ['UT response_timeout', 'UT response_timeout'])
    t.same(mesh.leftovers, NOTHING_LEFT)
  },
)

t.test('what an upload takes is not the time of the upstream', async (t) => {
  const retry = { ...RETRY, retries: 1, perTryTimeoutMs: 500 }
  for (const change of [{ timeoutMs: 1000 }, { retry }]) {
    const mesh = meshOf(1, change)
    const caller = mesh.send({ method: 'PUT', open: true })
    mesh.clock.advance(0)
    for (let i = 0; i < 4; i++) {
      caller.say('part')
      mesh.clock.advance(400)
    }
    t.equal(caller.status, undefined)
    caller.finish()
    mesh.clock.advance(499)
    t.equal(caller.status, undefined)
    t.equal(mesh.upstream.server(1).streams.length, 1)
    mesh.clock.advance(501 + 1000)
    t.equal(caller.status, 504)
    t.equal(mesh.clock.pending, 0)
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('a tunnel has no timeout, whichever side ends first', async (t) => {
  const mesh = meshOf(1, { timeoutMs: 1000, upgrades: ['websocket'] })
  const caller = mesh.send({ upgrade: 'websocket', open: true })
  mesh.clock.advance(0)
  mesh.upstream.server(1).stream.sendHead(101)
  caller.finish()
  mesh.clock.advance(5000)
  t.equal(caller.resetBy, undefined)
  t.equal(mesh.clock.pending, 0)
})

t.test('a request that is over in time leaves no timer', async (t) => {
  const mesh = meshOf(1, { timeoutMs: 1000, retry: { ...RETRY, perTryTimeoutMs: 500 } })
  const caller = mesh.send()
  mesh.clock.advance(0)
  t.equal(mesh.clock.pending, 2)
  mesh.upstream.server(1).stream.respond(200)
  t.equal(caller.status, 200)
  t.equal(mesh.clock.pending, 0)
})

t.test(
  'grpc-timeout counts from the arrival, is passed on shortened and ends as gRPC wants it',
  async (t) => {
    const mesh = meshOf(1)
    mesh.hop = { ...mesh.hop, http2: true }
    mesh.upstream.server(1).connectMs = 40
    const fields = ['content-type', 'application/grpc', 'grpc-timeout', '100m']
    const caller = mesh.send({ method: 'POST', fields })
    mesh.clock.advance(40)
    const { head } = mesh.upstream.server(1).stream
    t.equal(head.fields[head.fields.indexOf('grpc-timeout') + 1], '60000u')
    mesh.clock.advance(60)
    t.match(caller.answer, { status: 200 })
    t.ok(caller.answer?.fields.join(' ').includes('grpc-status 4'))
    t.match(mesh.records, [{ grpcStatus: 4 }])
  },
)

t.test('a try that takes too long is left for another, elsewhere', async (t) => {
  const retry = { ...RETRY, perTryTimeoutMs: 200, on: { ...RETRY.on, serverError: true } }
  const mesh = meshOf(2, { retry })
  const caller = mesh.send()
  mesh.clock.advance(0)
  mesh.clock.advance(199)
  t.equal(mesh.asked()[0] === 1 ? mesh.asked()[1] : mesh.asked()[0], 0)
  mesh.clock.advance(1)
  // The first wait is half of 100 ms: `random` is 0.
  mesh.clock.advance(50)
  t.same(mesh.asked(), [1, 1])
  for (const port of mesh.ports)
    for (const stream of mesh.upstream.server(port).streams) if (!stream.over) stream.respond(200)
  t.equal(caller.status, 200)
  t.match(mesh.records, [{ attempts: 2 }])
  t.equal(mesh.clock.pending, 0)
})

t.test('tries end at the limit, with growing waits, and say so', async (t) => {
  const mesh = meshOf(1, { retry: RETRY })
  const server = mesh.upstream.server(1)
  server.onStream = (stream) => stream.respond(503)
  const caller = mesh.send()
  mesh.clock.advance(0)
  t.equal(server.streams.length, 1)
  mesh.clock.advance(49)
  t.equal(server.streams.length, 1)
  mesh.clock.advance(1)
  t.equal(server.streams.length, 2)
  mesh.clock.advance(74)
  t.equal(server.streams.length, 2)
  mesh.clock.advance(1)
  t.equal(server.streams.length, 3)
  t.equal(caller.status, 503)
  t.match(mesh.told, ['URX via_upstream'])
  t.equal(server.connections.length, 1, 'answers that are turned away leave their connection usable')
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('the body is sent again whole, as long as it is kept', async (t) => {
  const mesh = meshOf(2, { retry: RETRY })
  const caller = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(0)
  caller.say('one ')
  for (const port of mesh.ports)
    for (const stream of mesh.upstream.server(port).streams) stream.fail('connection')
  caller.say('two ')
  mesh.clock.advance(50)
  caller.say('three')
  caller.finish()
  const bodies = mesh.ports.flatMap((port) => mesh.upstream.server(port).streams.map(({ body }) => body))
  t.same(bodies.toSorted(), ['one ', 'one two three'])
})

t.test('what is larger than is kept is tried once', async (t) => {
  const mesh = meshOf(2, { retry: RETRY })
  const caller = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(0)
  caller.say('x'.repeat(70_000))
  for (const port of mesh.ports)
    for (const stream of mesh.upstream.server(port).streams) stream.fail('connection')
  t.equal(caller.status, 503)
})

t.test('the budget bounds retries: beyond it callers get what came', async (t) => {
  const mesh = meshOf(1, { retry: RETRY })
  mesh.upstream.configuration.setCluster('app', [1], { retryBudget: { percent: 20, minPerSecond: 0 } })
  const server = mesh.upstream.server(1)
  server.onStream = (stream) => stream.respond(503)
  for (let i = 0; i < 10; i++) mesh.send()
  mesh.clock.advance(1000)
  t.equal(server.streams.length, 12)
  const exhausted = mesh.counts.filter((name) => name === 'retry_budget_exhausted').length
  t.ok(exhausted > 0)
  t.ok(mesh.told.filter((one) => one === 'URX via_upstream').length >= exhausted, 'and are told so')
  t.equal(mesh.records.length, 10)
})

t.test(
  'an endpoint that goes while it is connected to costs nothing: elsewhere, without a rule',
  async (t) => {
    const mesh = meshOf(2)
    for (const port of mesh.ports) mesh.upstream.server(port).connect = 'hang'
    const caller = mesh.send({ method: 'POST' })
    mesh.clock.advance(10)
    const chosen = mesh.ports.find((port) => mesh.upstream.server(port).targets.length > 0) as number
    const other = 3 - chosen
    mesh.upstream.server(other).connect = 'accept'
    mesh.upstream.configuration.setCluster('app', [other])
    mesh.clock.advance(0)
    mesh.clock.advance(0)
    mesh.upstream.server(other).stream.respond(200)
    t.equal(caller.status, 200)
    t.match(mesh.told, ['- via_upstream'])
    t.equal(mesh.clock.pending, 0)
  },
)

t.test('the last endpoint that goes leaves an answer, not a hang', async (t) => {
  const mesh = meshOf(1)
  mesh.upstream.server(1).connect = 'hang'
  const caller = mesh.send()
  mesh.clock.advance(10)
  mesh.upstream.configuration.setCluster('app', [])
  mesh.clock.advance(0)
  t.equal(caller.status, 503)
  t.match(mesh.told, ['UH no_healthy_upstream'])
})

t.test(
  'a reused connection that the server closed is no failure of a read, and is one of a write',
  async (t) => {
    for (const [method, status] of [
      ['GET', 200],
      ['POST', 503],
    ] as const) {
      const mesh = meshOf(1)
      const server = mesh.upstream.server(1)
      mesh.send()
      mesh.clock.advance(0)
      const [connection] = server.connections
      // Otherwise a write would not have gone there.
      if (connection) connection.announcedIdleMs = 5000
      server.stream.respond(200)
      const caller = mesh.send({ method })
      connection?.lose()
      mesh.clock.advance(0)
      mesh.clock.advance(0)
      if (method === 'GET') server.stream.respond(200)
      t.equal(caller.status, status, method)
    }
  },
)

t.test('a read whose connection was closed under it goes out again on a new one', async (t) => {
  const mesh = meshOf(1)
  const server = mesh.upstream.server(1)
  const callers = [mesh.send(), mesh.send(), mesh.send()]
  mesh.clock.advance(0)
  for (const stream of server.streams) stream.respond(200)
  t.same(
    callers.map(({ status }) => status),
    [200, 200, 200],
  )
  mesh.clock.advance(100)
  // Every connection that waits is closing, though nothing is here of that yet: another request meets one as well.
  server.onStream = (stream) => {
    if (stream.connection.carried > 0) stream.connection.lose()
    else stream.respond(200)
  }
  const [first, second] = [mesh.send(), mesh.send()]
  mesh.clock.advance(0)
  mesh.clock.advance(0)
  t.same([first.status, second.status], [200, 200])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('no write meets the end of a connection that its server lets wait for so long only', async (t) => {
  for (const keepMs of [1000, 2000, 2]) {
    const mesh = meshOf(1)
    const server = mesh.upstream.server(1)
    const wayMs = keepMs / 50
    /** Closed by the server, which nobody here knows until the FIN is here or something was sent. */
    const closesAt = new Map<unknown, number>()
    server.onStream = (stream) => {
      const { connection } = stream
      if ((closesAt.get(connection) ?? Infinity) <= mesh.clock.now()) return connection.lose()
      closesAt.set(connection, mesh.clock.now() + keepMs)
      stream.respond(200)
      mesh.clock.after(keepMs + wayMs, () => {
        if (!connection.closed && (closesAt.get(connection) as number) + wayMs <= mesh.clock.now())
          connection.lose()
      })
    }
    let failed = 0
    let writes = 0
    const write = (): void => {
      const caller = mesh.send({ method: 'POST' })
      mesh.clock.advance(0)
      writes++
      if (caller.status !== 200) failed++
    }
    // A server of 2 ms shows its habit with the first connection; until then nothing is known of it.
    write()
    mesh.clock.advance(30)
    for (let i = 1; i < 5000; i++) {
      write()
      // From 0 up to a bit more than it keeps them, in every order.
      mesh.clock.advance(((i * 7919) % 1000) * (keepMs / 900))
    }
    t.same([writes, failed], [5000, 0], `kept for ${keepMs} ms`)
    t.ok(server.connections.length < 4900 || keepMs < 10, 'younger ones are used')
  }
})

t.test('what the server announces counts, and what was not sent at all is repeated', async (t) => {
  const mesh = meshOf(1)
  const server = mesh.upstream.server(1)
  server.onStream = (stream) => {
    stream.connection.announcedIdleMs = 400
    stream.respond(200)
  }
  for (const waitMs of [0, 200, 201]) {
    mesh.clock.advance(waitMs)
    mesh.send({ method: 'POST' })
    mesh.clock.advance(0)
  }
  t.equal(server.connections.length, 2)
  server.onStream = (stream) => (stream.connection.carried > 0 ? stream.fail('refused') : stream.respond(201))
  const caller = mesh.send({ method: 'POST' })
  mesh.clock.advance(0)
  mesh.clock.advance(0)
  t.equal(caller.status, 201)
})

t.test('a connection that a caller logged in carries nothing of anybody else', async (t) => {
  const mesh = meshOf(2)
  const hopOf = () => ({ ...mesh.hop })
  const servers = mesh.ports.map((port) => mesh.upstream.server(port))
  const users = new Map<unknown, string>()
  for (const server of servers)
    server.onStream = (stream) => {
      const { connection, head } = stream
      const login = head.fields[head.fields.indexOf('authorization') + 1]
      if (head.fields.includes('authorization'))
        users.set(connection, `${users.get(connection) ?? ''}${login};`)
      stream.respond(users.has(connection) ? 200 : 401, users.get(connection) ?? '')
    }
  const ask = (hop: typeof mesh.hop, fields: string[] = [], method = 'GET') => {
    mesh.hop = hop
    const caller = mesh.send({ fields, method })
    mesh.clock.advance(0)
    return `${caller.status} ${caller.body}`
  }
  const [anna, bert, stranger] = [hopOf(), hopOf(), hopOf()]
  for (const hop of [anna, bert, stranger]) t.equal(ask(hop), '401 ')
  t.equal(ask(anna, ['authorization', 'NTLM a']), '200 NTLM a;')
  t.equal(ask(bert, ['authorization', 'negotiate b']), '200 negotiate b;')
  t.equal(ask(anna, ['authorization', 'NTLM a2']), '200 NTLM a;NTLM a2;')
  for (let i = 0; i < 6; i++) {
    t.equal(ask(stranger), '401 ')
    // Long after what a connection for everybody would wait, and with what must not be repeated.
    mesh.clock.advance(2000)
    t.equal(ask(anna, [], i % 2 ? 'POST' : 'GET'), '200 NTLM a;NTLM a2;')
    t.equal(ask(bert), '200 negotiate b;')
  }
  t.equal(
    servers.flatMap(({ connections }) => connections).filter((one) => one.idleTimeoutMs === 0).length,
    2,
  )
  anna.own?.destroy()
  const gone = [...users].filter(([, user]) => user.startsWith('NTLM')).map(([connection]) => connection)
  t.same(
    gone.map((one) => (one as { closed: boolean }).closed),
    [true],
    'it ends with its caller',
  )
  t.equal(ask(stranger), '401 ')
})

t.test('towards a sidecar what was not sent is refused, so that it may repeat even a write', async (t) => {
  const mesh = meshOf(1)
  mesh.hop = { ...mesh.hop, link: true }
  mesh.upstream.server(1).connect = 'refuse'
  const caller = mesh.send({ method: 'POST' })
  mesh.clock.advance(0)
  t.equal(caller.resetBy, 'refused')
  t.equal(caller.answer, undefined)
  t.match(mesh.told, ['UF upstream_connect_failure{ECONNREFUSED}'])
})

t.test('an upgrade whose endpoint does not answer is tried elsewhere: nothing was sent', async (t) => {
  const mesh = meshOf(2, { retry: RETRY, upgrades: ['websocket'] })
  // With `random` at 0 the second is picked first.
  mesh.upstream.server(2).connect = 'refuse'
  const caller = mesh.send({ upgrade: 'websocket', open: true })
  mesh.clock.advance(0)
  mesh.upstream.server(1).stream.sendHead(101)
  t.equal(mesh.upstream.server(2).targets.length, 1)
  t.equal(caller.status, 101)
})

t.test('any upgrade passes where the route lets any, and CONNECT only by its name', async (t) => {
  for (const [upgrades, upgrade, method, passes] of [
    [['websocket', '*'], 'spdy/3.1', 'POST', true],
    [['*'], 'x-vendor', 'GET', true],
    [['websocket'], 'spdy/3.1', 'POST', false],
    [['*'], '', 'CONNECT', false],
    [['*', 'connect'], '', 'CONNECT', true],
  ] as const) {
    const mesh = meshOf(1, { upgrades })
    const caller = mesh.send({ method, upgrade, open: true })
    mesh.clock.advance(0)
    if (passes) t.equal(mesh.upstream.server(1).stream.head.upgrade, upgrade)
    else t.equal(caller.status, 403, `${method} ${upgrade}`)
  }
})

t.test(
  'an upgrade that the application ignored is said to the sidecar before that knows the word',
  async (t) => {
    for (const [link, known] of [
      [true, true],
      [true, false],
      [false, true],
    ]) {
      const mesh = meshOf(1, { upgrades: ['*'] })
      mesh.hop = { ...mesh.hop, link: link === true }
      const fields = known ? ['x-weft-upgrade', 'POST'] : []
      const caller = mesh.send({ upgrade: 'websocket', fields, open: true })
      mesh.clock.advance(0)
      const { stream } = mesh.upstream.server(1)
      t.equal(stream.head.method, link && known ? 'POST' : 'GET')
      t.notOk(stream.head.fields.includes('x-weft-upgrade'), 'the application hears nothing of it')
      stream.respond(200, 'no')
      t.same([caller.status, caller.body], [200, 'no'])
      t.equal(caller.answer?.fields.includes('x-weft-upgrade'), link && known)
    }
  },
)

t.test('a sidecar cannot make something else of its upgrade by the method that it tells', (t) => {
  for (const method of ['CONNECT', 'PRI', 'GET /admin', '', 'X'.repeat(33)]) {
    const mesh = meshOf(1, { upgrades: ['*'] })
    mesh.hop = { ...mesh.hop, link: true }
    mesh.send({ upgrade: 'websocket', fields: ['x-weft-upgrade', method], open: true })
    mesh.clock.advance(0)
    t.equal(mesh.upstream.server(1).stream.head.method, 'GET', method)
  }
  t.end()
})

t.test('a cluster that is not known is waited for, and what does not exist is told', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  const unknown = mesh.send()
  mesh.clock.advance(500)
  t.equal(unknown.status, 503)
  mesh.upstream.configuration.cluster('app').set(null)
  t.equal(mesh.send().status, 503)
  t.same(mesh.told, ['NC cluster_not_found', 'NC cluster_not_found'])
  t.equal(mesh.clock.pending, 0)
})

t.test(
  'the endpoint hears what became of each try, and of none that the caller gave up as its fault',
  async (t) => {
    const mesh = meshOf(1, { retry: { ...RETRY, perTryTimeoutMs: 100 } })
    const outcomes: string[] = []
    const state = mesh.upstream.clusters.get('app').pick(undefined, undefined)
    if (!state) return t.fail('no endpoint')
    const observe = state.observe.bind(state)
    state.observe = (outcome, status, ms) => {
      outcomes.push(`${outcome} ${status} ${ms}`)
      observe(outcome, status, ms)
    }
    mesh.send()
    mesh.clock.advance(0)
    mesh.clock.advance(30)
    mesh.upstream.server(1).stream.respond(500)
    const left = mesh.send()
    mesh.clock.advance(5)
    left.leave()
    mesh.send()
    mesh.clock.advance(7)
    mesh.upstream.server(1).stream.fail('protocol')
    const begun = mesh.send()
    mesh.clock.advance(0)
    mesh.upstream.server(1).stream.sendHead(200)
    begun.leave()
    mesh.upstream.server(1).connect = 'hang'
    mesh.send()
    mesh.upstream.configuration.setCluster('app', [])
    t.same(outcomes, ['answered 500 30', 'cancelled 0 5', 'reset 0 7', 'answered 200 0'])
  },
)

t.test('a rewrite cannot make a path that no request could have sent', async (t) => {
  const rewrite = { path: { kind: 'prefix', value: '/' } as const, authority: undefined }
  const route = forwardTo({ app: 1 }, { rewrite })
  const path = { kind: 'prefix', value: '/foo', caseSensitive: true } as const
  const mesh = new MemoryExchange({ ...route, match: { ...route.match, path } })
  mesh.upstream.configuration.setCluster('app', [1])
  t.equal(mesh.send({ path: '/foo../admin' }).status, 400)
  t.match(mesh.told, ['- path_normalization_failed{path_above_root}'])
  mesh.send({ path: '/foo/a' })
  mesh.clock.advance(0)
  t.equal(mesh.upstream.server(1).stream.head.path, '/a')
})
