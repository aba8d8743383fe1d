import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { EventStreams, type EventStream } from './event-streams.ts'

/** A server of streams; each that is open is handed out, and tells when it has ended. */
async function serve(t: Test) {
  const clock = new ManualClock(0)
  const streams = new EventStreams(clock)
  const begun = Promise.withResolvers<EventStream>()
  const ended = Promise.withResolvers<void>()
  const app = fastify({ forceCloseConnections: true })
  app.get('/', (request, reply) => {
    const begin = (stream: EventStream) => {
      begun.resolve(stream)
      return () => ended.resolve()
    }
    streams.open(request, reply, begin, () => Promise.resolve(true))
    return reply
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return { clock, streams, port: (app.server.address() as AddressInfo).port, begun, ended }
}

t.test('a reader that does not read is left, with a bounded amount of what waits for it', async (t) => {
  const { streams, port, begun, ended } = await serve(t)
  const slow = connect(port, '127.0.0.1')
  slow.on('error', () => {})
  t.teardown(() => slow.destroy())
  slow.pause()
  slow.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  const stream = await begun.promise
  t.equal(streams.size, 1)
  const event = 'a'.repeat(1024 * 1024)
  // Buffers of the kernel take some megabytes, by its settings.
  let sent = 0
  while (streams.size > 0 && sent < 256) {
    stream.send('request', event)
    sent++
    await new Promise(setImmediate)
  }
  t.equal(streams.size, 0, `it was let go after ${sent} MiB, and makes room for another`)
  await ended.promise
  stream.send('request', event)
  t.equal(streams.size, 0, 'what comes later goes nowhere')
})

t.test('one that reads all of it stays, however much it is', async (t) => {
  const { streams, port, begun, clock } = await serve(t)
  const reader = connect(port, '127.0.0.1')
  t.teardown(() => reader.destroy())
  let read = 0
  reader.on('data', (chunk) => (read += chunk.length))
  reader.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  const stream = await begun.promise
  const event = 'a'.repeat(1024 * 1024)
  for (let sent = 1; sent <= 16; sent++) {
    stream.send('request', event)
    while (read < sent * event.length) await once(reader, 'data')
  }
  clock.advance(60_000)
  t.equal(streams.size, 1)
})
