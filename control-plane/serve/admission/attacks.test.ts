import { once } from 'node:events'
import { status } from '@grpc/grpc-js'
import t from 'tap'
import { open, push, report, setUp } from './testing/telemetry-server.ts'

t.test('what a stranger sends is not read, and its connection ends', async (t) => {
  const { session, calls, client } = await setUp(t)
  const stranger = session()
  const streams = Array.from({ length: 16 }, () => open(stranger))
  for (const stream of streams) stream.write(Buffer.alloc(256 * 1024))
  // With an error or without: `once` would take that for a failure.
  await new Promise((resolve) => stranger.once('close', resolve))
  t.equal(calls(), 0)
  t.ok(await push(client(), 'web'))
})

t.test('refused calls have their status before that, and their messages are never decoded', async (t) => {
  const { client, calls } = await setUp(t)
  const huge = Buffer.alloc(2 * 1024 * 1024 - 16)
  await t.rejects(push(client(), 'bad', huge), { code: status.UNAUTHENTICATED })
  t.equal(calls(), 0)
})

t.test('connections that say nothing give way, and honest callers come through', async (t) => {
  const { socket, client } = await setUp(t)
  const idle = Array.from({ length: 300 }, () => socket())
  let closed = 0
  const given = new Promise<void>((resolve) => {
    for (const one of idle) one.resume().once('close', () => ++closed === 300 - 128 && resolve())
  })
  await Promise.all(idle.map((one) => once(one, 'connect')))
  for (let i = 0; i < 5; i++) t.ok(await push(client(), `web${i}`))
  await given
  t.ok(await push(client(), 'late'))
  t.ok(closed < idle.length, 'only those beyond what an address may have')
})

t.test('a caller that holds calls open, never ending its requests, is bounded', async (t) => {
  const { session, client } = await setUp(t)
  const held = Array.from({ length: 3 }, () => session())
  const streams = held.flatMap((one) =>
    Array.from({ length: 20 }, () => open(one, { authorization: 'Bearer greedy' })),
  )
  const heads = await Promise.all(
    streams
      .slice(32)
      .map(async (stream) => ((await once(stream, 'response')) as [Record<string, string>])[0]),
  )
  t.ok(
    heads.every((head) => head['grpc-status'] === String(status.RESOURCE_EXHAUSTED)),
    'those beyond 32',
  )
  await t.rejects(push(client(), 'greedy'), { code: status.RESOURCE_EXHAUSTED })
  t.ok(await push(client(), 'web'), 'others are not concerned')
})

t.test('a report of too many parts is refused, and what it holds is not built', async (t) => {
  const { client, metrics } = await setUp(t)
  t.strictSame(await push(client(), 'web', report(4000)), {})
  t.equal(metrics.series, 1)
  await t.rejects(push(client(), 'greedy', report(30_000)), {
    code: status.RESOURCE_EXHAUSTED,
    details: /more than 20000 parts/,
  })
  // A resource with a million attributes of two bytes each.
  const attributes = Buffer.alloc(1024 * 1024)
  for (let i = 0; i < attributes.length; i += 2) attributes[i] = 0x0a
  const wrap = (bytes: Buffer): Buffer => {
    const head = [0x0a]
    for (let rest = bytes.length; ; rest >>>= 7) {
      head.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80)
      if (rest < 0x80) break
    }
    return Buffer.concat([Buffer.from(head), bytes])
  }
  t.strictSame(await push(client(), 'greedy', wrap(wrap(attributes))), {}, 'nothing of it is looked at')
  await t.rejects(push(client(), 'web', Buffer.from('0aff', 'hex')), { code: status.INVALID_ARGUMENT })
})

t.test('who sent what is much to work out waits, and others do not', async (t) => {
  const { client } = await setUp(t, () => 2 ** 40)
  t.ok(await push(client(), 'greedy'))
  await t.rejects(push(client(), 'greedy'), { code: status.RESOURCE_EXHAUSTED, details: /sends too much/ })
  t.ok(await push(client(), 'web'))
})
