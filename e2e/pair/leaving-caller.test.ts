import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, RawServer, type RawConnection } from './testing/raw-http.ts'

// An HTTP/1.1 caller that gives up with a FIN: its request is cancelled at the application, and counted as such.

let app: RawServer
let pair: Pair

t.before(async () => {
  app = await RawServer.listen()
  t.teardown(() => app.server.close())
  const path = { kind: 'http', app: portOf(app.server), appProtocol: 'http1' } as const
  pair = await startPair(t, [
    { ...path, name: 'cancelled' },
    {
      ...path,
      name: 'kept',
      listener: { metadata: { filter_metadata: { 'weft.dev': { keepHalfClosed: true } } } },
    },
  ])
})

const REQUESTS = {
  'a GET': 'GET /PATH HTTP/1.1\r\nhost: a.test\r\n\r\n',
  'a POST with its body': 'POST /PATH HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\nbody',
  'a POST within its body': 'POST /PATH HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\nbo',
}
const STAGES = {
  'before the answer': '',
  'within a download': 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegun',
  'within chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n',
}

const begin = async (name: string, request: string): Promise<[RawConnection, RawConnection]> => {
  const client = await dial(pair.port(name))
  client.write(request)
  const behind = await app.accept()
  await behind.take(/\r\n\r\n(body|bo)?$/)
  return [client, behind]
}

let number = 0
for (const [what, request] of Object.entries(REQUESTS))
  for (const [stage, answer] of Object.entries(STAGES))
    t.test(`${what}, and a FIN ${stage}`, async (t) => {
      const path = `/${number++}`
      const [client, behind] = await begin('cancelled', request.replace('/PATH', path))
      behind.write(answer)
      if (answer !== '') await client.take(/begun/)
      client.end()
      await behind.untilEnd()
      behind.end()
      await client.untilEnd()
      for (const proxy of [pair.caller, pair.server])
        t.match(await proxy.line((line) => line.path === path), {
          flags: 'DC',
          status: answer === '' ? 0 : 200,
        })
    })

t.test('a listener that keeps half-closed callers answers them', async (t) => {
  const [client, behind] = await begin('kept', REQUESTS['a GET'])
  client.end()
  behind.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkept')
  t.match(await client.untilEnd(), /^HTTP\/1.1 200 [^]*\r\n\r\nkept$/)
  behind.socket.destroy()
})
