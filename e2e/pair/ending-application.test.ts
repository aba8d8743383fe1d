import t from 'tap'
import { portOf, startPair } from './testing/pair.ts'
import { dial, RawServer } from './testing/raw-http.ts'

const HEAD = /\r\n\r\n/
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

t.test(
  'an application that ends closes what waits for it: a read is asked again, a write is not',
  async (t) => {
    const app = await RawServer.listen()
    const pair = await startPair(t, [{ name: 'app', kind: 'http', app: portOf(app.server) }])
    t.teardown(() => app.server.close())
    const client = await dial(pair.port('app'))
    t.teardown(() => client.socket.destroy())

    client.write('GET /read HTTP/1.1\r\nhost: a.test\r\n\r\n')
    const closing = await app.accept()
    await closing.take(HEAD)
    closing.socket.destroy()
    const again = await app.accept()
    t.match(await again.take(HEAD), /^GET \/read HTTP\/1.1\r\n/)
    again.write(ANSWER)
    t.match(await client.take(/\r\n\r\nok/), /^HTTP\/1.1 200 /)
    again.socket.destroy()

    client.write('POST /write HTTP/1.1\r\nhost: a.test\r\ncontent-length: 0\r\n\r\n')
    const written = await app.accept()
    await written.take(HEAD)
    written.socket.destroy()
    t.match(await client.take(HEAD), /^HTTP\/1.1 503 [^]*connection_termination/)
  },
)
