import { once } from 'node:events'
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import t, { type Test } from 'tap'
import { startAlone } from './testing/alone.ts'
import { portOf, startPair } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

// Servers that take few streams a connection (SETTINGS_MAX_CONCURRENT_STREAMS), and bursts that come before they say so.

const BURST = 12

/** Answers what it allows, and has Node.js refuse the rest. */
async function serve(t: Test, most: number) {
  const server = createServer({ settings: { maxConcurrentStreams: most } })
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {})
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200 })
      stream.end('ok')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return {
    server,
    sessions,
    path: { name: 'app', kind: 'http', app: portOf(server), appProtocol: 'http2' } as const,
  }
}

/** Statuses of a burst of requests, each on a connection of its own. */
async function burst(port: number, method: string): Promise<string[]> {
  const clients = await Promise.all(Array.from({ length: BURST }, () => dial(port)))
  for (const client of clients)
    client.write(`${method} / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\nhi`)
  return Promise.all(
    clients.map(async (client) => {
      const head = await client.take(/\r\n\r\n/)
      client.socket.destroy()
      return head.slice(9, 12)
    }),
  )
}

const ALL = Array.from({ length: BURST }, () => '200')

for (const between of ['one proxy', 'a pair'])
  for (const most of [1, 2, 5])
    t.test(`${most} at once, behind ${between}`, async (t) => {
      const { server, sessions, path } = await serve(t, most)
      const port =
        between === 'a pair' ? (await startPair(t, [path])).port('app') : (await startAlone(t, path)).port
      t.same(await burst(port, 'POST'), ALL, 'cold')
      for (const session of sessions) session.destroy()
      t.same(await burst(port, 'GET'), ALL, 'over new connections')
      for (const session of sessions) session.close()
      t.same(await burst(port, 'POST'), ALL, 'behind a GOAWAY')
      server.updateSettings({ maxConcurrentStreams: 1 })
      for (const session of sessions) if (!session.destroyed) session.settings({ maxConcurrentStreams: 1 })
      t.same(await burst(port, 'POST'), ALL, 'fewer than before')
    })
