import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { startAlone } from './testing/alone.ts'
import { portOf } from './testing/pair.ts'
import { dial } from './testing/raw-http.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a.test\r\n\r\n'

t.test('told to go, a proxy gives idle connections one more answer that says so, and new ones', async (t) => {
  const app = createServer((_, response) => void response.end('ok'))
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
  const { proxy, port } = await startAlone(t, { name: 'app', kind: 'http', app: portOf(app) }, [
    '--drain-seconds',
    '60',
  ])
  const idle = await Promise.all([dial(port), dial(port), dial(port)])
  const [used] = idle
  if (!used) throw new Error('no connection')
  used.write(GET)
  t.notMatch(await used.take(/\r\n\r\nok/), /connection: close/i)
  proxy.signal('SIGTERM')
  await proxy.until(() => proxy.stderr.includes('draining') || undefined)
  // Each request starts the quiet time anew, so that the last one is in time on a busy machine, too.
  for (const connection of idle) {
    connection.write(GET)
    t.match(await connection.take(/\r\n\r\nok/), /^HTTP\/1.1 200 [^]*connection: close/i)
    t.equal(await connection.untilEnd(), '')
    connection.end()
  }
  await proxy.ended
})
