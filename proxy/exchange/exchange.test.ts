import t from 'tap'
import { SAFE_PATHS } from '../model/path-rules.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { NormalizePathStep } from '../steps/http/normalize-path.ts'
import type { RequestStep, Verdict, WaitingRequest } from '../steps/step.ts'
import { forwardTo, RETRY_503 } from '../testing/static-configuration.ts'
import { NO_STEPS } from '../steps/request-steps.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const answer = (status: number): Verdict => ({
  kind: 'answer',
  flags: 0,
  reply: { status, details: `step_${status}`, text: '' },
})

/** Asks `decide` and notes that it was asked. */
function step(name: string, asked: string[], decide: () => Verdict = () => undefined): RequestStep {
  return {
    decide(_hop, head, route) {
      asked.push(`${name} ${head.path} ${route?.name ?? '-'}`)
      return decide()
    },
  }
}

t.test('steps are asked in order, with the route; the first that answers ends it', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  const asked: string[] = []
  mesh.steps = {
    ...NO_STEPS,
    early: [new NormalizePathStep(SAFE_PATHS), step('early', asked)],
    steps: [step('one', asked), step('two', asked, () => answer(429)), step('three', asked)],
  }
  const caller = mesh.send({ path: '/a/../b' })
  t.equal(caller.status, 429)
  t.same(asked, ['early /b -', 'one /b test-route', 'two /b test-route'])
  t.same(mesh.told, ['- step_429'])
  const [record] = mesh.records
  // `t.match` takes a part of a string for the whole.
  t.same([record?.path, record?.route, record?.attempts], ['/b', 'test-route', 0])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('steps are asked where no route matches, too: a limit counts what is turned away', async (t) => {
  const mesh = new MemoryExchange({ ...forwardTo({ app: 1 }), match: { ...NEVER } })
  const asked: string[] = []
  mesh.steps = { ...NO_STEPS, steps: [step('one', asked)] }
  t.equal(mesh.send().status, 404)
  t.same(asked, ['one / -'])
  t.same(mesh.told, ['NR route_not_found'])
})

const NEVER = {
  path: { kind: 'exact', value: '/never', caseSensitive: true },
  headers: [],
  query: [],
  grpc: false,
} as const

t.test('a step has the request wait; its body is kept and held back meanwhile', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1])
  let waiting: WaitingRequest | undefined
  const begin = (request: WaitingRequest): (() => void) => {
    waiting = request
    return () => {}
  }
  mesh.steps = {
    ...NO_STEPS,
    early: [],
    steps: [step('wait', [], () => ({ kind: 'wait', flags: 0, begin }))],
  }
  const caller = mesh.send({ method: 'POST', open: true })
  caller.say('a'.repeat(60_000))
  t.equal(caller.paused, false)
  caller.say('b'.repeat(10_000))
  t.equal(caller.paused, true, 'more than is kept waits with the caller')
  t.same(mesh.upstream.server(1).targets, [], 'nothing is connected to')
  waiting?.resume(undefined)
  mesh.clock.advance(0)
  t.equal(mesh.upstream.server(1).stream.body.length, 70_000)
  t.equal(caller.paused, false)
})

t.test('who gives up while a step has it wait is forgotten there', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  let cancelled = 0
  let waiting: WaitingRequest | undefined
  const begin = (request: WaitingRequest): (() => void) => {
    waiting = request
    return () => void cancelled++
  }
  const asked: string[] = []
  mesh.steps = {
    ...NO_STEPS,
    early: [],
    steps: [step('wait', asked, () => ({ kind: 'wait', flags: 0, begin }))],
  }
  const caller = mesh.send()
  caller.leave()
  t.equal(cancelled, 1)
  waiting?.resume(undefined)
  t.equal(caller.answer, undefined)
  t.equal(asked.length, 1, 'nothing goes on for a request that is over')
  t.same(mesh.told, ['DC downstream_remote_disconnect'])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a wait that is over is not given up again at the end, and what it was for is told', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1])
  let cancelled = 0
  let waiting: WaitingRequest | undefined
  const begin = (request: WaitingRequest): (() => void) => {
    waiting = request
    return () => void cancelled++
  }
  const wait = step('wait', [], () => ({ kind: 'wait', flags: ResponseFlag.DI, begin }))
  mesh.steps = { ...NO_STEPS, steps: [wait] }
  mesh.send()
  waiting?.resume(undefined)
  mesh.clock.advance(0)
  mesh.upstream.server(1).stream.respond(200)
  mesh.send()
  waiting?.resume({ kind: 'answer', flags: ResponseFlag.FI, reply: { status: 503, details: 'x', text: '' } })
  t.same(mesh.told, ['DI via_upstream', 'DI,FI x'])
  t.equal(cancelled, 0)
})

t.test('every answer passes the steps that look at answers, also a local one', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }), forwardTo({}))
  mesh.upstream.configuration.setCluster('app', [1])
  const mark = (name: string): RequestStep => ({
    decide: () => undefined,
    respond: (_hop, _head, _route, response) => void response.fields.push('x-seen', name),
  })
  const [one, two] = [mark('one'), mark('two')]
  mesh.steps = { ...NO_STEPS, steps: [one, two], responders: [two, one] }
  const served = mesh.send()
  mesh.clock.advance(0)
  mesh.upstream.server(1).stream.respond(200)
  t.same(served.answer?.fields, ['x-seen', 'two', 'x-seen', 'one'])
  mesh.setRoutes([])
  const refused = mesh.send()
  t.equal(refused.status, 404)
  t.same(refused.answer?.fields.slice(-4), ['x-seen', 'two', 'x-seen', 'one'])
})

t.test('routes that are on their way are waited for, to the millisecond', async (t) => {
  const mesh = new MemoryExchange()
  const late = mesh.send()
  mesh.clock.advance(499)
  t.equal(late.answer, undefined)
  mesh.clock.advance(1)
  t.equal(late.status, 503)
  const inTime = mesh.send()
  mesh.clock.advance(400)
  mesh.setRoutes([])
  t.equal(inTime.status, 404)
  t.same(mesh.told, ['NR route_configuration_not_found', 'NR route_not_found'])
  t.same(mesh.leftovers, NOTHING_LEFT)
  t.equal(mesh.clock.pending, 0)
})

t.test('an overloaded proxy answers at once', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.overloaded = true
  t.equal(mesh.send().status, 503)
  t.same(mesh.told, ['OM overload'])
})

t.test('a stream on which nothing moves is ended when the listener says', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.settings = { ...mesh.settings, streamIdleTimeoutMs: 1000 }
  mesh.upstream.configuration.setCluster('app', [1])
  const sweep = (): void => {
    for (const exchange of [...mesh.running]) exchange.idleCheck(mesh.clock.now())
  }
  const silent = mesh.send()
  const talking = mesh.send()
  mesh.clock.advance(0)
  const [first, second] = mesh.upstream.server(1).streams
  second?.sendHead(200)
  mesh.clock.advance(900)
  second?.sendData('x')
  mesh.clock.advance(99)
  sweep()
  t.same([silent.answer, talking.resetBy], [undefined, undefined])
  mesh.clock.advance(1)
  sweep()
  t.equal(silent.status, 408)
  t.equal(first?.resetBy, 'timeout')
  t.equal(talking.resetBy, undefined)
  mesh.clock.advance(900)
  sweep()
  t.equal(talking.resetBy, 'timeout')
  t.same(mesh.told, ['SI stream_idle_timeout', 'SI stream_idle_timeout'])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a slow caller holds its upstream back, and a slow upstream its caller', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1])
  const caller = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.upstream.server(1)
  stream.room = false
  caller.say('x')
  t.equal(caller.paused, true)
  stream.makeRoom()
  t.equal(caller.paused, false)
  stream.sendHead(200)
  caller.room = false
  stream.sendData('y')
  t.equal(stream.paused, true)
  caller.exchange.onWritable()
  t.equal(stream.paused, false)
})

t.test('an answer before the request is whole ends both', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1])
  const caller = mesh.send({ method: 'POST', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.upstream.server(1)
  caller.say('part')
  stream.respond(413, 'no')
  t.same([caller.status, caller.body, caller.ended], [413, 'no', true])
  t.equal(stream.resetBy, 'cancel')
  caller.say('more of it')
  caller.finish()
  t.equal(stream.body, 'part')
  t.match(mesh.records, [{ status: 413, bytesReceived: 4, bytesSent: 2, details: 'via_upstream' }])
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a tunnel lasts until both ends are through', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { upgrades: ['websocket'], timeoutMs: 1000 }))
  mesh.upstream.configuration.setCluster('app', [1])
  const caller = mesh.send({ upgrade: 'websocket', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.upstream.server(1)
  stream.sendHead(101)
  mesh.clock.advance(10_000)
  caller.say('ping')
  stream.sendData('pong')
  t.same([stream.body, caller.body], ['ping', 'pong'])
  stream.sendEnd()
  t.equal(mesh.records.length, 0)
  caller.finish()
  t.match(mesh.records, [{ status: 101, flags: 0 }])
  t.equal(mesh.clock.pending, 0)
})

t.test('a path that no request line can hold is a bad request, over HTTP/2 alone', async (t) => {
  for (const path of ['/a#b', '/?a#b', '/\xc3\xa4', '/a?\xff', '/a\x7f']) {
    const mesh = new MemoryExchange(forwardTo({ app: 1 }))
    mesh.upstream.configuration.setCluster('app', [1])
    mesh.hop = { ...mesh.hop, http2: true }
    t.equal(mesh.send({ path }).status, 400, path)
    t.match(mesh.told, ['DPE path_not_ascii'])
    t.same(mesh.leftovers, NOTHING_LEFT)
  }
})

t.test('trailers that vouch for something or frame a message pass in neither direction', async (t) => {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }))
  mesh.upstream.configuration.setCluster('app', [1])
  const caller = mesh.send({ method: 'POST', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.upstream.server(1)
  caller.finish(['x-forwarded-client-cert', 'URI=spiffe://a', 'digest', '1'])
  t.same(stream.trailers, ['digest', '1'])
  stream.sendHead(200)
  stream.sendEnd(['trailer', 'x', 'grpc-status', '0'])
  t.same(caller.trailers, ['grpc-status', '0'])
})

t.test(
  'a step that watches hears of the answer once it is the one that is sent, and of the end once',
  async (t) => {
    const heard: string[] = []
    const watching = (name: string): RequestStep => ({
      decide: () => undefined,
      answered: (head, response, wholeAt) =>
        void heard.push(
          `${name} ${head.path} ${response.status} ${wholeAt === undefined ? '-' : wholeAt - began}`,
        ),
      finished: (head) => void heard.push(`${name} ${head.path} over`),
    })
    const exchange = new MemoryExchange(forwardTo({ app: 1 }, { retry: RETRY_503 }))
    const step = watching('a')
    exchange.steps = { ...NO_STEPS, steps: [step], watchers: [step] }
    exchange.upstream.configuration.setCluster('app', [1])
    const began = exchange.clock.now()
    let answers = 0
    exchange.upstream.server(1).onStream = (stream) => stream.respond(answers++ === 0 ? 503 : 200)
    exchange.send({ path: '/retried' })
    exchange.clock.advance(10)
    exchange.upstream.server(1).onStream = () => {}
    const left = exchange.send({ path: '/left', open: true })
    exchange.clock.advance(0)
    left.leave()
    const early = exchange.send({ path: '/early', open: true })
    exchange.clock.advance(0)
    exchange.upstream.server(1).stream.sendHead(200)
    early.leave()
    const slow = exchange.send({ path: '/slow', open: true })
    exchange.clock.advance(5000)
    slow.finish()
    exchange.clock.advance(20)
    exchange.upstream.server(1).stream.respond(200)
    t.same(heard, [
      'a /retried 200 0',
      'a /retried over',
      'a /left over',
      'a /early 200 -',
      'a /early over',
      'a /slow 200 5010',
      'a /slow over',
    ])
  },
)
