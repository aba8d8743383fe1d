import t from 'tap'
import { ALPN_LINK, PROTOCOL_HEADER } from '../../core/contract.ts'
import { field } from '../http/message.ts'
import type { ForwardAction, MirrorPolicy } from '../model/route.ts'
import type { Cluster } from '../model/cluster.ts'
import { forwardTo } from '../testing/static-configuration.ts'
import { identityOf, meshTls } from '../upstream/testing/mesh-tls.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const COPY: MirrorPolicy = { cluster: 'copy', percent: 100, shadowSuffix: true }

/** `app` at port 1 answers; copies go to `copy` at port 2, unless that is told otherwise. */
function meshOf(change: Partial<ForwardAction> = {}, copy: Partial<Cluster> | null = {}) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, { mirrors: [COPY], ...change }))
  mesh.upstream.configuration.setCluster('app', [1])
  if (copy) mesh.upstream.configuration.setCluster('copy', [2], copy)
  const [app, server] = [mesh.upstream.server(1), mesh.upstream.server(2)]
  app.onStream = (stream) => {
    if (stream.ended) stream.respond(200)
  }
  return Object.assign(mesh, { app, server })
}

/** Copies begin in a turn of their own. */
async function begun(mesh: MemoryExchange): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  mesh.clock.advance(0)
}

t.test('a copy comes after its original, and leaves nothing when it is answered or fails', async (t) => {
  const mesh = meshOf()
  mesh.send({ fields: ['expect', '100-continue'] })
  mesh.clock.advance(0)
  t.same(mesh.server.targets, [], 'the original goes first')
  await begun(mesh)
  t.equal(field(mesh.app.streams[0]?.head.fields ?? [], 'expect'), '100-continue')
  t.equal(field(mesh.server.stream.head.fields, 'expect'), undefined)
  t.equal(mesh.leftovers.active, 1)
  mesh.server.stream.respond(500)
  mesh.send()
  await begun(mesh)
  mesh.server.stream.sendHead(200)
  mesh.server.stream.sendEnd()
  mesh.send()
  await begun(mesh)
  mesh.server.stream.fail('protocol')
  t.same(mesh.counts, ['mirror_sent', 'mirror_sent', 'mirror_failed'])
  t.same(mesh.leftovers, NOTHING_LEFT)
  t.equal(mesh.clock.pending, 0)
})

t.test('a copy is given up at the timeout of the route, or after 15 s', async (t) => {
  for (const [timeoutMs, lasts] of [
    [1000, 1000],
    [0, 15_000],
  ] as const) {
    const mesh = meshOf({ timeoutMs })
    mesh.send()
    mesh.clock.advance(0)
    await begun(mesh)
    mesh.clock.advance(lasts - 1)
    t.same(mesh.counts, [])
    mesh.clock.advance(1)
    t.same(mesh.counts, ['mirror_failed'])
    t.equal(mesh.server.streams[0]?.resetBy, 'timeout')
    t.same(mesh.leftovers, NOTHING_LEFT)
    t.equal(mesh.clock.pending, 0)
  }
})

t.test('copies wait for their cluster, no longer than they may, and count against its limit', async (t) => {
  const mesh = meshOf({ timeoutMs: 300 }, null)
  mesh.send()
  mesh.clock.advance(0)
  await begun(mesh)
  mesh.clock.advance(300)
  t.same(mesh.counts, ['mirror_failed'])
  t.equal(mesh.clock.pending, 0)
  mesh.send()
  mesh.clock.advance(0)
  await begun(mesh)
  const limits = { maxConnections: 9, maxPendingRequests: 9, maxRequests: 1 }
  mesh.upstream.configuration.setCluster('copy', [2], { limits })
  mesh.clock.advance(0)
  t.equal(mesh.server.streams.length, 1)
  mesh.send()
  mesh.clock.advance(0)
  await begun(mesh)
  t.equal(mesh.server.streams.length, 1)
  t.same(mesh.counts, ['mirror_failed', 'mirror_overflow'])
  mesh.server.stream.respond(200)
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('a copy has the body and trailers, whenever they came, and nothing of it is shared', async (t) => {
  const mesh = new MemoryExchange()
  const { configuration } = mesh.upstream
  for (const [name, port] of [
    ['app', 1],
    ['copy', 2],
  ] as const)
    configuration.setCluster(name, [port], { tls: meshTls(['a']) })
  for (const port of [1, 2])
    Object.assign(mesh.upstream.server(port), {
      identity: identityOf('a'),
      alpn: port === 1 ? 'h2' : ALPN_LINK,
    })
  mesh.hop = { ...mesh.hop, http2: true }
  const caller = mesh.send({ method: 'POST', open: true })
  caller.say('before ')
  mesh.setRoutes([forwardTo({ app: 1 }, { mirrors: [COPY] })])
  mesh.clock.advance(0)
  caller.say('and after')
  caller.finish(['t', '1'])
  const bare = mesh.send({ method: 'POST', open: true })
  bare.finish(['t', '2'])
  const whole = new MemoryExchange()
  whole.upstream.configuration.setCluster('copy', [2])
  whole.send({ method: 'POST', open: true }).finish(['t', '3'])
  whole.setRoutes([forwardTo({ app: 1 }, { mirrors: [COPY] })])
  await begun(mesh)
  await begun(whole)
  const [server, app] = [mesh.upstream.server(2), mesh.upstream.server(1)]
  for (const { streams } of [server, app])
    t.same(
      streams.map(({ body, trailers }) => [body, trailers]),
      [
        ['before and after', ['t', '1']],
        ['', ['t', '2']],
      ],
    )
  t.same(
    [server, app].map(({ streams }) => field(streams[0]?.head.fields ?? [], PROTOCOL_HEADER)),
    ['2', undefined],
  )
  t.equal(whole.upstream.server(2).streams.length, 1, 'also of a request that was whole before its route')
})

t.test('what is too large, not whole or an upgrade is not copied', async (t) => {
  const mesh = meshOf({ upgrades: ['websocket'] })
  const large = mesh.send({ method: 'PUT', open: true })
  mesh.clock.advance(0)
  for (let i = 0; i < 3; i++) large.say('x'.repeat(40_000))
  large.finish()
  mesh.send({ method: 'PUT', open: true }).leave()
  mesh.send({ upgrade: 'websocket', open: true }).leave()
  await begun(mesh)
  t.same(mesh.counts, ['mirror_body_too_large', 'mirror_incomplete'])
  t.same(mesh.server.targets, [])
})

t.test('a share of nothing is nobody, also with the least draw; all is all', async (t) => {
  for (const [percent, copies] of [
    [0, 0],
    [100, 1],
  ] as const) {
    const mesh = meshOf({ mirrors: [{ ...COPY, percent }] })
    mesh.send()
    mesh.clock.advance(0)
    await begun(mesh)
    t.equal(mesh.server.streams.length, copies)
  }
})

t.test('a copy goes where its original was addressed to, if its cluster says so', async (t) => {
  const mesh = meshOf({}, { discovery: { kind: 'original-dst' } })
  mesh.hop = { ...mesh.hop, original: { host: '10.0.0.7', port: 80 } }
  mesh.send()
  mesh.clock.advance(0)
  await begun(mesh)
  t.equal(mesh.upstream.server('10.0.0.7:80').streams.length, 1)
})
