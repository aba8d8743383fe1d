import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { serveEndpoint, type EndpointOptions, type Handler } from './http-endpoint.ts'

async function serve(t: Test, handler: Handler, options: EndpointOptions = {}) {
  const { server, port } = await serveEndpoint('127.0.0.1', 0, handler, options)
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (text: string): Socket => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    socket.write(text)
    return socket
  }
}

const GET = 'GET /ready HTTP/1.1\r\nhost: a\r\n\r\n'

async function status(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.toString().slice(0, 12)
}

t.test('200 connections that say nothing, or half of a request, shut nobody out', async (t) => {
  const open = await serve(t, () => ({ status: 200, body: 'LIVE\n' }))
  for (const said of [
    '',
    'GET /ready HTTP/1.1\r\nhost:',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n',
  ]) {
    const held = Array.from({ length: 200 }, () => open(said))
    await Promise.all(held.map((socket) => once(socket, 'connect')))
    t.equal(await status(open(GET)), 'HTTP/1.1 200', JSON.stringify(said))
  }
})

t.test('nor do 200 requests that are still worked on', async (t) => {
  const open = await serve(t, (url) =>
    url.pathname === '/slow' ? new Promise(() => {}) : { status: 200, body: 'LIVE\n' },
  )
  const held = Array.from({ length: 200 }, () => open('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n'))
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  t.equal(await status(open(GET)), 'HTTP/1.1 200')
})

t.test(
  'who sends the next request before the answer is let go: nothing is kept for those that read none',
  async (t) => {
    let asked = 0
    const open = await serve(t, () => {
      asked++
      return { status: 200, body: 'x'.repeat(64 << 10) }
    })
    const greedy = open(GET.repeat(5000)).pause()
    await new Promise((resolve) => greedy.once('close', resolve).resume())
    t.equal(asked, 1)
    // One after the other, as many as one likes.
    const polite = open('')
    for (let i = 0; i < 200; i++) {
      polite.write(GET)
      let length = 0
      while (length < 64 << 10) length += ((await once(polite, 'data')) as [Buffer])[0].length
    }
    t.equal(asked, 201)
    t.notOk(polite.destroyed)
  },
)

t.test('who takes too long for a request, the next one or the answer is let go', async (t) => {
  const { server, port } = await serveEndpoint(
    '127.0.0.1',
    0,
    () => ({ status: 200, body: 'x'.repeat(64 << 20) }),
    { patienceMs: 50 },
  )
  t.teardown(() => server.close())
  for (const [name, said, reads] of [
    ['nothing', '', true],
    ['half a head', 'GET /ready HTTP/1.1\r\nhost:', true],
    ['no next request', GET, true],
    ['an answer that is not read', GET, false],
  ] as const) {
    const accepted = once(server, 'connection')
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    t.teardown(() => socket.destroy())
    if (reads) socket.resume()
    socket.write(said)
    const [connection] = (await accepted) as [Socket]
    await new Promise((resolve) => connection.once('close', resolve))
    t.ok(connection.destroyed, name)
  }
})

t.test('the host that a request names is this machine, wherever it names it', async (t) => {
  const open = await serve(t, () => ({ status: 200, body: 'LIVE\n' }), { localOnly: true })
  const said = (target: string, ...hosts: string[]): Promise<string> =>
    status(open(`GET ${target} HTTP/1.1\r\n${hosts.map((host) => `host: ${host}\r\n`).join('')}\r\n`))
  for (const host of ['localhost', 'LOCALHOST.:15000', '127.0.0.1:15000', '[::1]:15000'])
    t.equal(await said('/ready', host), 'HTTP/1.1 200', host)
  t.equal(await said('http://localhost:15000/ready', 'localhost:15000'), 'HTTP/1.1 200')
  for (const host of [
    '',
    'rebound.example',
    '127.0.0.1.rebound.example',
    'localhost.rebound.example',
    '127.1',
  ])
    t.equal(await said('/ready', host), 'HTTP/1.1 403', host)
  t.equal(await said('/ready', 'localhost', 'rebound.example'), 'HTTP/1.1 403', 'two')
  t.equal(await said('http://rebound.example/ready', 'localhost'), 'HTTP/1.1 403', 'a target that is a URI')
})
