import t, { type Test } from 'tap'
import * as frame from './frame.ts'
import type { Http2Options } from './options.ts'
import type { RawPeer } from './testing/raw-peer.ts'
import { GET, POST, rig } from './testing/server-rig.ts'

async function flood(
  t: Test,
  what: string,
  code: number,
  play: (peer: RawPeer, i: number) => void,
  options: Http2Options = {},
): Promise<void> {
  const { peer, run, handler, server } = rig(options)
  let rounds = 0
  let last = ''
  while (!last.startsWith('GOAWAY') && rounds < 300) {
    for (let i = 0; i < 100; i++) play(peer, rounds * 100 + i)
    rounds++
    last = run().at(-1) ?? ''
    await new Promise(setImmediate)
  }
  t.match(last, new RegExp(`code ${code}$`), `${what}: after ${rounds * 100}`)
  t.equal(server.active, 0)
  t.ok(handler.requests.length <= 12_000, `${what}: ${handler.requests.length} requests were begun`)
}

t.test('floods end their connection', async (t) => {
  const calm = 11
  await flood(t, 'PING', calm, (peer) => peer.frame(frame.PING, 0, 0, '12345678'))
  await flood(t, 'SETTINGS', calm, (peer) => peer.frame(frame.SETTINGS, 0, 0))
  await flood(t, 'PRIORITY', calm, (peer) => peer.frame(frame.PRIORITY, 0, 3, '12345'))
  await flood(t, 'WINDOW_UPDATE', calm, (peer) => peer.number(frame.WINDOW_UPDATE, 0, 1))
  await flood(t, 'unknown', calm, (peer) => peer.frame(0x77, 0, 0, ''))
  await flood(t, 'empty DATA', calm, (peer, i) => {
    if (i === 0) peer.headers(1, POST, false)
    peer.frame(frame.DATA, 0, 1)
  })
  await flood(t, 'rapid reset', calm, (peer, i) => {
    peer.headers(i * 2 + 1, GET)
    peer.number(frame.RST_STREAM, i * 2 + 1, 8)
  })
  await flood(t, 'made to reset', calm, (peer, i) => {
    peer.headers(i * 2 + 1, POST, false)
    peer.number(frame.WINDOW_UPDATE, i * 2 + 1, 0)
  })
  await flood(t, 'malformed requests', calm, (peer, i) => peer.headers(i * 2 + 1, [':method', 'GET']))
  await flood(t, 'CONTINUATION', calm, (peer, i) => {
    if (i === 0) peer.frame(frame.HEADERS, 0, 1, '')
    peer.frame(frame.CONTINUATION, 0, 1, 'x')
  })
  await flood(t, 'long CONTINUATION', calm, (peer, i) => {
    if (i === 0) peer.frame(frame.HEADERS, 0, 1, '')
    peer.frame(frame.CONTINUATION, 0, 1, '\0'.repeat(16_000))
  })
})

t.test('honest work is no flood', async (t) => {
  const { peer, run, handler, clock, server } = rig()
  // Cancelled after 10 ms each, for longer than any burst.
  for (let i = 0; i < 30_000; i++) {
    peer.headers(i * 2 + 1, GET)
    if (i % 100 < 99) continue
    run()
    clock.advance(10)
    for (let j = i - 99; j <= i; j++) peer.number(frame.RST_STREAM, j * 2 + 1, 8)
    t.strictSame(run(), [])
    await new Promise(setImmediate)
  }
  t.equal(handler.requests.length, 30_000)
  // Cancelled right after the answer began.
  for (let i = 30_000; i < 45_000; i++) {
    peer.headers(i * 2 + 1, GET)
    run()
    handler.last.stream.head({ status: 200, fields: [] }, false)
    peer.number(frame.RST_STREAM, i * 2 + 1, 8)
    if (i % 100 === 0) await new Promise(setImmediate)
  }
  t.notOk(run().some((text) => text.startsWith('GOAWAY')))
  t.equal(server.active, 0)
})
