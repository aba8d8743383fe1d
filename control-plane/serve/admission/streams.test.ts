import { once } from 'node:events'
import { connect, constants, createServer, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2'
import { status } from '@grpc/grpc-js'
import t from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { Allowances } from './allowance.ts'
import { Connections } from './connections.ts'
import { NewCalls } from './new-calls.ts'
import { RefusalLog } from './refusal-log.ts'
import { guardStreams } from './streams.ts'
import { message } from './testing/messages.ts'
import { open, push, setUp } from './testing/telemetry-server.ts'

type Head = Record<string, string | undefined>

/** What a call is answered at once: head and status in one. */
async function answer(stream: ClientHttp2Stream): Promise<Head> {
  const [head] = (await once(stream, 'response')) as [Head]
  return head
}

const WEB = { authorization: 'Bearer web' }
const EMPTY = message(Buffer.alloc(0))
const COMPRESSED = message(Buffer.alloc(0), { flag: 1 })

t.test('who says an encoding is refused before a message is read, with a token and without', async (t) => {
  const { session, client, calls } = await setUp(t)
  for (const token of [{}, WEB])
    for (const encoding of ['gzip', 'deflate', 'identity, gzip', 'snappy', '']) {
      const stream = open(session(), { ...token, 'grpc-encoding': encoding })
      // A frame of them: each would start a decompression.
      stream.write(Buffer.concat(Array<Buffer>(3000).fill(COMPRESSED)))
      t.match(
        await answer(stream),
        {
          'grpc-status': String(status.UNIMPLEMENTED),
          'grpc-accept-encoding': 'identity',
          'grpc-message': 'grpc-encoding: only identity is served',
        },
        `"${encoding}"`,
      )
    }
  t.equal(calls(), 0)
  const plain = open(session(), { ...WEB, 'grpc-encoding': 'identity' })
  plain.end(EMPTY)
  t.match(await answer(plain), { 'grpc-accept-encoding': 'identity' }, 'no other is offered')
  t.ok(await push(client(), 'web'))
})

t.test('messages that no honest caller sends end their call', async (t) => {
  const { session, client, calls } = await setUp(t)
  for (const [bytes, code] of [
    [COMPRESSED, status.INTERNAL],
    [message(Buffer.alloc(0), { length: 0xffff_ffff }), status.RESOURCE_EXHAUSTED],
    [Buffer.concat(Array<Buffer>(3000).fill(EMPTY)), status.RESOURCE_EXHAUSTED],
  ] as const) {
    const stream = open(session(), WEB)
    stream.write(bytes)
    t.match(await answer(stream), { 'grpc-status': String(code) })
  }
  t.equal(calls(), 0)
  t.ok(await push(client(), 'web'))
})

t.test('unfinished messages of one caller are bounded, and are no more when their calls end', async (t) => {
  const { session, client } = await setUp(t)
  const unfinished = () => {
    const stream = open(session(), { authorization: 'Bearer greedy' })
    stream.write(message(Buffer.alloc(2_000_000), { length: 2_000_001 }))
    return stream
  }
  const first = Array.from({ length: 4 }, unfinished)
  t.match(await Promise.race(first.map(answer)), { 'grpc-status': String(status.RESOURCE_EXHAUSTED) })
  t.ok(await push(client(), 'web'), 'others are not concerned')
  for (const stream of first) stream.close(constants.NGHTTP2_CANCEL)
  await Promise.all(first.map(async (stream) => stream.destroyed || once(stream, 'close')))
  t.ok(await push(client(), 'greedy'))
})

t.test('a connection that opens too many streams ends, whatever they ask for', async (t) => {
  const { session, client } = await setUp(t)
  for (const [head, most] of [
    [{}, 64],
    [{ authorization: 'Bearer greedy' }, 256],
  ] as const) {
    const one = session()
    const goaway = once(one, 'goaway') as Promise<[number]>
    const first = open(one, head)
    first.end(EMPTY)
    await answer(first)
    let opened = 1
    while (!one.closed && !one.destroyed && opened < 2000) {
      const stream = open(one, { ...head, ':path': '/no.Service/Method' })
      stream.end()
      opened++
      await new Promise((resolve) => stream.once('close', resolve))
    }
    t.ok(opened > most && opened < 2000, `after ${opened} streams`)
    t.equal((await goaway)[0], constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
  t.ok(await push(client(), 'web'))
})

t.test('an answered call leaves nothing open, even if its request never ends', async (t) => {
  const clock = new ManualClock()
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  guardStreams(server, {
    connections: new Connections(undefined, clock),
    allowances: new Allowances(undefined, clock),
    longest: () => 100,
    callersKnown: true,
    calls: new NewCalls(),
    refusals: new RefusalLog(silentLogger, clock),
    clock,
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const session = connect(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`)
  t.teardown(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  await once(stream.resume(), 'end')
  t.equal(clock.pending, 1, 'for a moment its caller may end it')
  t.notOk(stream.closed)
  clock.advance(3000)
  await once(stream, 'close')
  t.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR)
  t.equal(clock.pending, 0)
})
