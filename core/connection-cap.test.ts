import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { capConnections } from './connection-cap.ts'

async function serve(
  t: Test,
  cap: Parameters<typeof capConnections>[1],
  hold: (url: string) => Promise<void>,
) {
  const server = createServer((message, response) => {
    message.resume()
    void hold(message.url ?? '').then(() => response.end('ok'))
  })
  capConnections(server, cap)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return server
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

async function open(t: Test, server: Server, localAddress = '127.0.0.1'): Promise<Socket> {
  const accepted = once(server, 'connection')
  const socket = connect({ port: portOf(server), host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await accepted
  return socket
}

async function get(socket: Socket, url = '/'): Promise<string> {
  socket.write(`GET ${url} HTTP/1.1\r\nhost: a\r\n\r\n`)
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.toString().slice(0, 12)
}

t.test('who comes is served; who waited longest gives way', async (t) => {
  const server = await serve(t, { total: 8, perAddress: 4 }, async () => {})
  const old = [await open(t, server), await open(t, server), await open(t, server), await open(t, server)]
  const [first, second] = old as [Socket, Socket]
  t.equal(await get(first), 'HTTP/1.1 200', 'an idle one is served while there is room')
  const gone = once(second, 'close')
  t.equal(await get(await open(t, server)), 'HTTP/1.1 200')
  await gone
  t.notOk(first.destroyed, 'it was served after the second began to wait')
})

t.test(
  'a body that does not come is a wait for the client; a request that is worked on is not',
  async (t) => {
    let release = (): void => {}
    const working = new Promise<void>((resolve) => (release = resolve))
    const server = await serve(t, { total: 8, perAddress: 2 }, (url) =>
      url === '/slow' ? working : Promise.resolve(),
    )
    const slow = await open(t, server)
    const requested = once(server, 'request')
    const answer = get(slow, '/slow')
    await requested
    const upload = await open(t, server)
    const begun = once(server, 'request')
    upload.write('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1')
    await begun
    const gone = once(upload, 'close')
    t.equal(await get(await open(t, server)), 'HTTP/1.1 200')
    await gone
    release()
    t.equal(await answer, 'HTTP/1.1 200', 'the older one was being answered and stays')
  },
)

t.test('where all are worked on, the oldest gives way', async (t) => {
  const server = await serve(t, { total: 8, perAddress: 2 }, (url) =>
    url === '/slow' ? new Promise(() => {}) : Promise.resolve(),
  )
  const all = [await open(t, server), await open(t, server)]
  for (const socket of all) {
    const requested = once(server, 'request')
    socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
    await requested
  }
  const gone = once(all[0] as Socket, 'close')
  t.equal(await get(await open(t, server)), 'HTTP/1.1 200')
  await gone
  t.notOk(all[1]?.destroyed)
})

t.test('the address that holds most gives way to others', async (t) => {
  const server = await serve(t, { total: 4, perAddress: 3 }, async () => {})
  const honest = await open(t, server, '127.0.0.2')
  const greedy = [
    await open(t, server, '127.0.0.3'),
    await open(t, server, '127.0.0.3'),
    await open(t, server, '127.0.0.3'),
  ]
  const gone = once(greedy[0] as Socket, 'close')
  t.equal(await get(await open(t, server, '127.0.0.4')), 'HTTP/1.1 200')
  await gone
  t.equal(await get(honest), 'HTTP/1.1 200', 'who holds one keeps it, though it waits longest')
})
