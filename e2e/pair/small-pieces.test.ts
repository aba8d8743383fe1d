import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { startAlone } from './testing/alone.ts'
import { portOf, startPair } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

const REQUESTS = 4
const PIECES = 65_000
const NAMES = 900
const LONG = 50_000

t.test('bodies that come byte by byte take what they hold, not what their pieces do', async (t) => {
  let read = 0
  const app = createServer((message, response) => {
    message.on('data', (chunk: Buffer) => void (read += chunk.length))
    // Until there is an answer the body is kept for another try.
    message.on('end', () => response.end('ok'))
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  const { proxy, port } = await startAlone(t, { name: 'app', kind: 'http', app: portOf(app) })
  const before = proxy.memoryKib('now')
  const clients = await Promise.all(Array.from({ length: REQUESTS }, () => dial(port)))
  const head = 'POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n'
  for (const client of clients) client.write(`${head}${'1\r\nx\r\n'.repeat(PIECES)}0\r\n\r\n`)
  for (const client of clients) {
    t.match(await client.take(/\r\n\r\n/), /^HTTP\/1.1 200 /)
    client.socket.destroy()
  }
  t.equal(read, REQUESTS * PIECES)
  const grown = (proxy.memoryKib('peak') - before) / 1024
  t.ok(grown < 25, `${grown.toFixed(0)} MiB more at its peak`)
})

t.test('what a link remembers of names and values is not the heads that they came in', async (t) => {
  const app = createServer({ maxHeaderSize: 2 * LONG }, (_, response) => void response.end('ok'))
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  const path = { name: 'app', kind: 'http', app: portOf(app), appProtocol: 'http1' } as const
  const pair = await startPair(t, [path], { flags: ['--access-log', 'failed'] })
  const client = await dial(pair.port('app'))
  const before = pair.caller.memoryKib('now')
  for (let i = 0; i < NAMES; i++) {
    const field = `x-name-${i}: a value for the table, and more of this head\r\nx-fill: ${'f'.repeat(LONG)}${i}`
    const name = `x-${i}-${'n'.repeat(LONG)}: value`
    for (const line of [field, name]) {
      client.write(`GET / HTTP/1.1\r\nhost: a.test\r\n${line}\r\n\r\n`)
      await client.take(/\r\n\r\nok/)
    }
  }
  const grown = (pair.caller.memoryKib('now') - before) / 1024
  t.ok(grown < 70, `${grown.toFixed(0)} MiB more`)
  client.socket.destroy()
})
