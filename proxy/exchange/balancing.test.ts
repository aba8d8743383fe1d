import t from 'tap'
import { field, fieldValues, type Fields } from '../http/message.ts'
import type { HashPolicy } from '../model/route.ts'
import { balancedBy, forwardTo, PEAK_EWMA, RETRY_503 } from '../testing/static-configuration.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { FakeStream } from '../upstream/testing/fake-connection.ts'
import { MemoryExchange, NOTHING_LEFT, type Sending } from './testing/memory-exchange.ts'

/** One cluster, `app`, with servers at ports 1 to `servers`; `answer` says what each does with a request. */
function meshOf(
  servers: number,
  balancing = PEAK_EWMA,
  answer: (port: number, stream: FakeStream) => void = (_, stream) => stream.respond(200),
  change: Parameters<typeof forwardTo>[1] = {},
) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, change))
  const ports = Array.from({ length: servers }, (_, i) => i + 1)
  mesh.upstream.configuration.setCluster('app', ports, { balancing })
  const asked: number[] = []
  for (const port of ports)
    mesh.upstream.server(port).onStream = (stream) => {
      asked.push(port)
      answer(port, stream)
    }
  const cluster = mesh.upstream.clusters.get('app')
  return Object.assign(mesh, {
    asked,
    cluster,
    state: (port: number) => [...cluster.states.values()][port - 1] as EndpointState,
    /** The port that a request went to first, once it was answered. */
    ask(sending: Sending = {}) {
      const before = asked.length
      const caller = mesh.send(sending)
      mesh.clock.advance(0)
      return { caller, port: asked[before] as number }
    },
  })
}

const timesOf = (asked: readonly number[], port: number): number => asked.filter((one) => one === port).length

t.test('an endpoint that fails at once attracts no traffic, whatever it fails with', async (t) => {
  const failures: Record<string, (stream: FakeStream) => void> = {
    500: (stream) => stream.respond(500),
    429: (stream) => stream.respond(429),
    reset: (stream) => stream.fail('cancel'),
    refused: (stream) => stream.fail('refused'),
    'a body that breaks off': (stream) => {
      stream.sendHead(200)
      stream.fail('connection')
    },
    'gRPC, by a head that is all': (stream) => stream.sendHead(200, ['grpc-status', '14'], true),
    'gRPC, by trailers': (stream) => {
      stream.sendHead(200, ['content-type', 'application/grpc'])
      stream.sendEnd(['grpc-status', '13'])
    },
  }
  for (const [name, fail] of Object.entries(failures)) {
    const mesh = meshOf(2, PEAK_EWMA, (port, stream) => (port === 1 ? fail(stream) : stream.respond(200)))
    // As between sidecars: of HTTP/1.1 a refusal is the end of the connection.
    mesh.hop = { ...mesh.hop, http2: true }
    for (let i = 0; i < 100; i++) mesh.ask()
    t.ok(timesOf(mesh.asked, 1) <= 2, `${name}: ${timesOf(mesh.asked, 1)} of 100`)
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('what is no failure costs nothing', async (t) => {
  const good: Record<string, (stream: FakeStream) => void> = {
    404: (stream) => stream.respond(404),
    'gRPC NOT_FOUND': (stream) => stream.sendHead(200, ['grpc-status', '5'], true),
    'gRPC OK': (stream) => {
      stream.sendHead(200, ['content-type', 'application/grpc'])
      stream.sendEnd(['grpc-status', '0'])
    },
  }
  for (const [name, answer] of Object.entries(good)) {
    const mesh = meshOf(2, PEAK_EWMA, (_, stream) => answer(stream))
    for (let i = 0; i < 20; i++) mesh.ask()
    t.equal(mesh.state(1).load.penalty(mesh.clock.now()), 0, name)
  }
})

t.test('a refused connection, and one that times out, are failures, too', async (t) => {
  const mesh = meshOf(2)
  mesh.upstream.server(1).connect = 'refuse'
  for (let i = 0; i < 50; i++) mesh.ask()
  t.ok(mesh.upstream.server(1).targets.length <= 2)
})

t.test('Retry-After keeps callers away for as long as it asks for', async (t) => {
  let busy = true
  const mesh = meshOf(2, PEAK_EWMA, (port, stream) =>
    port === 1 && busy ? stream.respond(503, '', ['retry-after', '120']) : stream.respond(200),
  )
  mesh.ask()
  busy = false
  for (let i = 0; i < 120; i++) {
    mesh.ask()
    mesh.clock.advance(1000)
  }
  t.equal(timesOf(mesh.asked, 1), 1)
  mesh.clock.advance(90_000)
  for (let i = 0; i < 20; i++) mesh.ask()
  t.ok(timesOf(mesh.asked, 1) > 1, 'then it is asked again')
})

t.test('streams that go on do not count like requests that wait', async (t) => {
  const streams: Record<string, (stream: FakeStream) => void> = {
    WebSocket: (stream) => stream.sendHead(101),
    'server-sent events': (stream) => {
      stream.sendHead(200, ['content-type', 'text/event-stream'])
      stream.sendData('data: 1\n\n')
    },
  }
  for (const [name, begin] of Object.entries(streams)) {
    let streaming = true
    const mesh = meshOf(2, PEAK_EWMA, (_, stream) => (streaming ? begin(stream) : stream.respond(200)), {
      upgrades: ['*'],
    })
    mesh.hop = { ...mesh.hop, http2: true }
    for (let i = 0; i < 4; i++) mesh.ask(name === 'WebSocket' ? { upgrade: 'websocket', open: true } : {})
    t.ok(mesh.state(1).active + mesh.state(2).active >= 4, name)
    for (const port of [1, 2]) t.equal(mesh.state(port).load.waiting(mesh.clock.now()), 0, name)
    streaming = false
  }
})

const HEADER: HashPolicy = { kind: 'header', name: 'x-user', terminal: false }
const MAGLEV = balancedBy({ kind: 'maglev', tableSize: 251 })
const RING = balancedBy({ kind: 'ring-hash', minimumSize: 256, maximumSize: 1024 })

t.test('requests with one key go to one endpoint, others to others', async (t) => {
  for (const balancing of [MAGLEV, RING]) {
    const mesh = meshOf(5, balancing, undefined, { hashPolicies: [HEADER] })
    const portOf = (user: string): number => mesh.ask({ fields: ['x-user', user] }).port
    const users = Array.from({ length: 50 }, (_, i) => `user-${i}`)
    const first = users.map(portOf)
    t.same(users.map(portOf), first)
    t.equal(new Set(first).size, 5)
    // One leaves: its users go elsewhere, few of the others with them.
    mesh.upstream.configuration.setCluster('app', [1, 2, 3, 4], { balancing })
    const after = users.map(portOf)
    const moved = users.filter((_, i) => first[i] !== 5 && first[i] !== after[i])
    t.ok(moved.length <= 5, `${moved.length} of 50 moved without need`)
  }
})

t.test('a retry leaves the endpoint of its key, and each retry of that key goes the same way', async (t) => {
  const mesh = meshOf(5, MAGLEV, (_, stream) => stream.respond(503), {
    hashPolicies: [HEADER],
    retry: { ...RETRY_503, retries: 3 },
  })
  const triesOf = (): number[] => {
    const before = mesh.asked.length
    mesh.send({ fields: ['x-user', 'a'] })
    mesh.clock.advance(100)
    return mesh.asked.slice(before)
  }
  const tries = triesOf()
  t.equal(new Set(tries).size, 4)
  t.same(triesOf(), tries)
})

t.test('a caller without a cookie is given one that leads him back', async (t) => {
  const cookie = (ttlMs: number | undefined): HashPolicy => ({
    kind: 'cookie',
    name: 'node',
    path: '/shop',
    ttlMs,
    terminal: false,
  })
  const askWith = (ttlMs: number | undefined, balancing = MAGLEV, fields: Fields = []) => {
    const mesh = meshOf(5, balancing, undefined, { hashPolicies: [cookie(ttlMs)] })
    const { caller, port } = mesh.ask({ fields })
    return { mesh, port, cookies: fieldValues(caller.answer?.fields ?? [], 'set-cookie') }
  }
  const given = askWith(60_000)
  t.match(given.cookies, [/^node=[0-9a-f]{16}; Max-Age=60; Path=\/shop; HttpOnly$/])
  const [pair = ''] = (given.cookies[0] ?? '').split(';')
  const back = given.mesh.ask({ fields: ['cookie', `a=b; ${pair}`] })
  t.equal(back.port, given.port)
  t.equal(field(back.caller.answer?.fields ?? [], 'set-cookie'), undefined)
  t.match(askWith(0).cookies, [/^node=[0-9a-f]{16}; Path=\/shop; HttpOnly$/], 'as long as he runs')
  t.same(askWith(undefined).cookies, [], 'no ttl: none is made')
  t.same(askWith(60_000, PEAK_EWMA).cookies, [], 'where no hash is looked at')
})
