import { once } from 'node:events'
import { connect, createServer, type ServerHttp2Session } from 'node:http2'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Servers that go away in order, as those do that are rolled or have a longest age for connections: RFC 9113 section
// 6.8 says what they did not process, so that no request is lost and none is done twice.

const REQUESTS = 2000
const AT_ONCE = 100
// Streams after which the application ends a connection.
const AGE = 25

const done = new Map<string, number>()
let sessions = 0
let pair: Pair

t.before(async () => {
  const app = createServer()
  app.on('session', (session: ServerHttp2Session) => {
    sessions++
    let streams = 0
    session.on('stream', () => {
      if (++streams === AGE) session.close()
    })
    session.on('error', () => {})
  })
  app.on('request', (message, response) => {
    const id = String(message.headers['x-id'])
    done.set(id, (done.get(id) ?? 0) + 1)
    void text(message).then((body) => response.end(`${id} ${body.length}`))
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => app.close())
  pair = await startPair(t, [{ name: 'app', kind: 'http', app: portOf(app), appProtocol: 'http2' }])
})

t.test(
  'writes to a server that goes away again and again: each is answered, each was done once',
  async (t) => {
    const session = connect(`http://127.0.0.1:${pair.port('app')}`)
    t.teardown(() => session.close())
    const post = async (id: number): Promise<string> => {
      const stream = session.request({ ':method': 'POST', ':path': '/', 'x-id': String(id) })
      const head = once(stream, 'response') as Promise<[Record<string, unknown>]>
      stream.end('x'.repeat(id % 3000))
      const body = await text(stream.setEncoding('utf8'))
      const [{ ':status': status }] = await head
      return `${String(status)} ${body}`
    }
    const failures: string[] = []
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < REQUESTS) {
        const id = next++
        const said = await post(id).catch(String)
        if (said !== `200 ${id} ${id % 3000}`) failures.push(`${id}: ${said}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    t.strictSame(failures.slice(0, 5), [], `${failures.length} failed`)
    t.equal(done.size, REQUESTS)
    t.ok([...done.values()].every((times) => times === 1))
    t.ok(sessions > REQUESTS / AGE / 3, `over ${sessions} connections`)
  },
)
