import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import t from 'tap'
import { portOf, startPair, type Pair } from './testing/pair.ts'
import { dial, type RawConnection } from './testing/raw-http.ts'

// NTLM and Negotiate (RFC 4559): after the last leg the connection is the user's, whoever sends on it.

const users = new Map<Socket, string>()
const open = new Set<Socket>()
let wake = (): void => {}
let pair: Pair

t.before(async () => {
  const app = createServer((message, response) => {
    const { socket } = message
    const login = message.headers.authorization ?? message.headers['proxy-authorization']
    const [, scheme, leg, name] = /^\s*(\w+)\s+(\d):?(\w*)/.exec(login ?? '') ?? []
    if (scheme !== undefined && leg === '1') {
      response.writeHead(401, { 'www-authenticate': `${scheme} challenge`, 'content-length': 0 }).end()
      return
    }
    if (name !== undefined) users.set(socket, name)
    const user = users.get(socket)
    const body = user ?? 'stranger'
    response.writeHead(user === undefined ? 401 : 200, {
      'content-length': body.length,
      ...(user === undefined ? { 'WWW-Authenticate': ['negotiate', 'NTLM'] } : { 'Persistent-Auth': 'true' }),
    })
    response.end(body)
  })
  app.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => {
      open.delete(socket)
      users.delete(socket)
      wake()
    })
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  pair = await startPair(t, [{ name: 'app', kind: 'http', app: portOf(app), appProtocol: 'http1' }])
  t.teardown(() => {
    app.close()
    app.closeAllConnections()
  })
})

/** Someone who asks one thing after the other. */
interface Client {
  /** Resolves to status and body. */
  ask(fields?: string): Promise<string>
  leave(): void
}

async function http1(): Promise<Client> {
  const connection: RawConnection = await dial(pair.port('app'))
  return {
    async ask(fields = '') {
      connection.write(`GET / HTTP/1.1\r\nhost: a.test\r\n${fields && `${fields}\r\n`}\r\n`)
      const head = await connection.take(/\r\n\r\n/)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      return `${head.slice(9, 12)} ${await connection.take(new RegExp(`^[^]{${length}}`))}`.trim()
    },
    leave: () => connection.socket.destroy(),
  }
}

async function http2(): Promise<Client> {
  const session: ClientHttp2Session = connectHttp2(`http://127.0.0.1:${pair.port('app')}`)
  session.on('error', () => {})
  await once(session, 'connect')
  return {
    async ask(fields = '') {
      const [name = '', value = ''] = fields.split(/: (.*)/s)
      const request = session.request({ ':path': '/', ...(name ? { [name.toLowerCase()]: value } : {}) })
      const [head] = (await once(request, 'response')) as [{ ':status'?: number }]
      let body = ''
      for await (const chunk of request) body += String(chunk)
      return `${head[':status']} ${body}`.trim()
    },
    leave: () => session.destroy(),
  }
}

const SPELLINGS = [
  'Authorization: NTLM',
  'authorization: ntlm',
  'AUTHORIZATION: Negotiate',
  'Proxy-Authorization: NEGOTIATE',
  'Authorization:\tNegotiate',
]

for (const [kind, newClient] of [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const)
  t.test(`what an ${kind} caller logged in is his alone, beside others and after he has left`, async (t) => {
    const stranger = await newClient()
    t.equal(await stranger.ask(), '401 stranger')
    const spellings = kind === 'HTTP/2' ? SPELLINGS.filter((one) => one.includes(': ')) : SPELLINGS
    const play = async (spelling: string, i: number): Promise<Client> => {
      const client = await newClient()
      t.equal(await client.ask(), '401 stranger', spelling)
      t.equal(await client.ask(`${spelling} 1`), '401', spelling)
      t.equal(await client.ask(`${spelling} 2:user${i}`), `200 user${i}`, spelling)
      for (let turn = 0; turn < 5; turn++)
        t.same(await Promise.all([client.ask(), stranger.ask()]), [`200 user${i}`, '401 stranger'], spelling)
      return client
    }
    const clients: Client[] = []
    // One by one beside the stranger, whose requests come in turn.
    for (const [i, spelling] of spellings.entries()) clients.push(await play(spelling, i))
    t.equal(users.size, clients.length)
    t.same(
      await Promise.all(clients.map((client) => client.ask())),
      clients.map((_, i) => `200 user${i}`),
    )
    for (const client of clients) client.leave()
    while (users.size > 0) await new Promise<void>((resolve) => void (wake = resolve))
    const next = await newClient()
    t.same([await next.ask(), await stranger.ask()], ['401 stranger', '401 stranger'])
    next.leave()
    stranger.leave()
  })

t.test('a login in the first request of a connection, and many at once', async (t) => {
  const clients = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? http1() : http2())))
  const asked = async (client: Client, i: number): Promise<string[]> => {
    const answers = [await client.ask(`Authorization: Negotiate 2:u${i}`)]
    for (let turn = 0; turn < 5; turn++) answers.push(await client.ask())
    return answers
  }
  t.same(
    await Promise.all(clients.map(asked)),
    clients.map((_, i) => Array.from({ length: 6 }, () => `200 u${i}`)),
  )
  for (const client of clients) client.leave()
})
