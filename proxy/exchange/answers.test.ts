import t from 'tap'
import { ResponseFlag } from '../model/response-flag.ts'
import { NO_MUTATION, type Route } from '../model/route.ts'
import { forwardTo } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const GRPC = ['content-type', 'application/grpc']

/** One cluster, `app`, with one server. */
function meshOf(change: Parameters<typeof forwardTo>[1] = {}, route: Partial<Route> = {}) {
  const mesh = new MemoryExchange({ ...forwardTo({ app: 1 }, change), ...route })
  mesh.upstream.configuration.setCluster('app', [1])
  const server = mesh.upstream.server(1)
  return Object.assign(mesh, { server })
}

function grpcMesh(change: Parameters<typeof forwardTo>[1] = {}) {
  const mesh = meshOf(change)
  mesh.hop = { ...mesh.hop, http2: true }
  return mesh
}

t.test('a gRPC answer that breaks off ends with a status, any other with a reset', async (t) => {
  for (const [http2, requestFields, answerFields, status] of [
    [true, GRPC, GRPC, 4],
    [true, GRPC, ['content-type', 'text/html'], -1],
    [true, [], GRPC, -1],
    // Over HTTP/1.1 nobody speaks gRPC, whatever the header says.
    [false, GRPC, GRPC, -1],
  ] as const) {
    const mesh = meshOf({ timeoutMs: 1000 })
    mesh.hop = { ...mesh.hop, http2 }
    const caller = mesh.send({ method: 'POST', fields: [...requestFields] })
    mesh.clock.advance(0)
    mesh.server.stream.sendHead(200, [...answerFields])
    mesh.clock.advance(1000)
    t.same([caller.resetBy, caller.ended], status < 0 ? ['timeout', false] : [undefined, true])
    t.equal(caller.trailers?.[1], status < 0 ? undefined : String(status))
    t.same(
      mesh.records.map(({ grpcStatus, flags }) => [grpcStatus, flags]),
      [[status, ResponseFlag.UT]],
    )
  }
})

t.test('how a call ended is noted from its trailers, or from a head that is all', async (t) => {
  const mesh = grpcMesh()
  const called = [mesh.send({ fields: [...GRPC] }), mesh.send({ fields: [...GRPC] })]
  mesh.clock.advance(0)
  const [first, second] = mesh.server.streams
  first?.sendHead(200, GRPC)
  first?.sendData('x')
  first?.sendEnd(['grpc-status', '5'])
  second?.sendHead(200, [...GRPC, 'grpc-status', '7'], true)
  t.same(called[0]?.trailers, ['grpc-status', '5'])
  t.same(
    mesh.records.map(({ grpcStatus }) => grpcStatus),
    [5, 7],
  )
})

t.test('what comes before an answer goes through, and nothing of it behind the head', async (t) => {
  const mesh = meshOf()
  const caller = mesh.send()
  mesh.clock.advance(0)
  mesh.server.stream.sendInformational(103)
  mesh.server.stream.sendHead(200)
  mesh.server.stream.sendInformational(103)
  t.same(caller.informationals, [103])
})

t.test('each side has its fields: those of the route and of its cluster', async (t) => {
  const add = (name: string, value: string) => ({ ...NO_MUTATION, add: [[name, value]] as const })
  const route = forwardTo({ app: 1 })
  const [cluster] = route.action.kind === 'forward' ? route.action.clusters : []
  const mesh = meshOf(
    {
      clusters: [
        {
          cluster: 'app',
          weight: 1,
          requestHeaders: add('q', 'cluster'),
          responseHeaders: add('a', 'cluster'),
        },
      ],
    },
    { requestHeaders: add('q', 'route'), responseHeaders: add('a', 'route') },
  )
  t.ok(cluster)
  const caller = mesh.send({ fields: ['x-request-id', '1'] })
  mesh.clock.advance(0)
  t.same(mesh.server.stream.head.fields, ['x-request-id', '1', 'q', 'route', 'q', 'cluster'])
  mesh.server.stream.respond(200)
  t.same(caller.answer?.fields, ['a', 'cluster', 'a', 'route'])
})

t.test('answers from here are told with their size, and carry what the route adds', async (t) => {
  const responseHeaders = { ...NO_MUTATION, add: [['a', 'route']] as const }
  const to = { scheme: 'https', authority: undefined, port: undefined, path: undefined }
  const redirect = meshOf({}, { action: { kind: 'redirect', status: 301, ...to }, responseHeaders })
  const moved = redirect.send({ path: '/a' })
  t.same(moved.answer, {
    status: 301,
    fields: ['location', 'https://shop/a', 'content-length', '0', 'a', 'route'],
  })
  const direct = meshOf({}, { action: { kind: 'direct', status: 404, body: 'gone' } })
  t.equal(direct.send().body, 'gone')
  for (const { records, started } of [redirect, direct]) t.equal(records.length, started)
  t.same(
    [...redirect.records, ...direct.records].map(({ status, details, bytesSent }) => [
      status,
      details,
      bytesSent,
    ]),
    [
      [301, 'direct_response', 0],
      [404, 'direct_response', 4],
    ],
  )
})

t.test('who breaks off is told from who breaks the protocol and who takes nothing', async (t) => {
  const mesh = meshOf()
  for (const reason of ['cancel', 'protocol', 'stalled'] as const) {
    const caller = mesh.send()
    mesh.clock.advance(10)
    caller.exchange.onReset(reason, 'why')
    t.equal(mesh.server.streams.at(-1)?.resetBy, 'cancel')
  }
  t.same(mesh.told, [
    'DC downstream_remote_disconnect',
    'DPE downstream_protocol_error{why}',
    'SI downstream_stalled',
  ])
  t.same(
    mesh.records.map(({ durationMs }) => durationMs),
    [10, 10, 10],
  )
})

t.test('the body of a request that was answered from here is not kept, and not held back', async (t) => {
  const mesh = meshOf({}, { action: { kind: 'direct', status: 404, body: '' } })
  const caller = mesh.send({ method: 'PUT', open: true })
  caller.say('x'.repeat(100_000))
  t.equal(caller.exchange.body.bytes, 0)
  t.equal(caller.paused, false)
  const late = new MemoryExchange()
  const waiting = late.send({ method: 'PUT', open: true })
  waiting.say('x'.repeat(100_000))
  t.equal(waiting.paused, true)
  late.clock.advance(500)
  t.equal(waiting.status, 503)
  t.equal(waiting.paused, false, 'what is left of it is drained')
  t.equal(waiting.exchange.body.bytes, 0)
})

t.test('an upload that moves is not idle, nor is what has just been answered', async (t) => {
  const mesh = meshOf()
  mesh.settings = { ...mesh.settings, streamIdleTimeoutMs: 1000 }
  const sweep = (): void => {
    for (const exchange of [...mesh.running]) exchange.idleCheck(mesh.clock.now())
  }
  const caller = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(900)
  caller.say('x')
  mesh.clock.advance(900)
  sweep()
  t.equal(caller.answer, undefined)
  mesh.server.stream.sendHead(200)
  mesh.clock.advance(900)
  sweep()
  t.equal(caller.resetBy, undefined)
  mesh.clock.advance(100)
  sweep()
  t.equal(caller.resetBy, 'timeout')
  mesh.settings = { ...mesh.settings, streamIdleTimeoutMs: 0 }
  const patient = mesh.send()
  mesh.clock.advance(1e9)
  sweep()
  t.equal(patient.answer, undefined, '0: for ever')
})

t.test('an upgrade that is not allowed is 403; one that the server declines is an answer', async (t) => {
  const mesh = meshOf({ upgrades: ['websocket'] })
  t.equal(mesh.send({ upgrade: 'h2c', open: true }).status, 403)
  const declined = mesh.send({ upgrade: 'websocket', open: true })
  mesh.clock.advance(0)
  mesh.server.stream.respond(200, 'no')
  t.equal(declined.ended, true)
  t.same(mesh.told, ['- upgrade_failed', '- via_upstream'])
  t.same(mesh.leftovers, NOTHING_LEFT)
  const tunnel = mesh.send({ upgrade: 'websocket', open: true })
  mesh.clock.advance(0)
  const { stream } = mesh.server
  stream.sendHead(101)
  tunnel.finish()
  t.equal(stream.ended, true)
  t.equal(mesh.records.length, 2)
  stream.sendEnd()
  t.equal(mesh.records.length, 3, 'whoever ends first')
  const match = { path: { kind: 'connect' }, headers: [], query: [], grpc: false } as const
  for (const [upgrades, status] of [
    [['connect'], 200],
    [['websocket'], 403],
  ] as const) {
    const connect = meshOf({ upgrades }, { match })
    const caller = connect.send({ method: 'CONNECT', path: '', open: true })
    connect.clock.advance(0)
    if (status === 200) connect.server.stream.sendHead(200)
    t.equal(caller.status, status)
    t.equal(caller.ended, status !== 200 && caller.body.length > 0)
  }
})
