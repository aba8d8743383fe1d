import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import { connected } from '../../core/testing/connected.ts'
import { portOf, startPair, type Pair } from './testing/pair.ts'

// Opaque TCP through a pair: who speaks first and who ends first is the application's own affair.

const LARGE = Buffer.alloc(4 * 1024 * 1024, 'bytes ')
let pair: Pair
let lastWords: Buffer
let heard: () => void

async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onConnection).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return portOf(server)
}

/** What comes until the peer's FIN; our own side stays open. */
async function toEnd(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(chunks)
}

async function open(name: string): Promise<Socket> {
  const socket = connect({ port: pair.port(name), host: '127.0.0.1', allowHalfOpen: true })
  await connected(socket)
  return socket
}

t.before(async () => {
  pair = await startPair(t, [
    // Speaks first, and repeats what it is told.
    {
      name: 'greeting',
      kind: 'tcp',
      app: await serve((socket) => {
        socket.write('220 ready\r\n')
        socket.pipe(socket)
      }),
    },
    // Takes everything to the client's FIN, and answers only then.
    {
      name: 'sum',
      kind: 'tcp',
      app: await serve((socket) => {
        void toEnd(socket).then((all) => {
          socket.write(String(all.length))
          socket.end(LARGE)
        })
      }),
    },
    // Ends its side at once and goes on to listen.
    {
      name: 'last-words',
      kind: 'tcp',
      app: await serve((socket) => {
        socket.end('over\n')
        void toEnd(socket).then((all) => {
          lastWords = all
          heard()
        })
      }),
    },
  ])
})

t.test('a server that speaks first is not waited for', async (t) => {
  const socket = await open('greeting')
  const [first] = (await once(socket, 'data')) as [Buffer]
  t.equal(first.toString(), '220 ready\r\n')
  socket.write('EHLO a\r\n')
  const [second] = (await once(socket, 'data')) as [Buffer]
  t.equal(second.toString(), 'EHLO a\r\n')
  socket.end()
  await once(socket, 'end')
  t.match(await pair.caller.line(({ details }) => details === 'closed'), { protocol: 'TCP', flags: '-' })
})

t.test('a client that ends its side gets the whole answer', async (t) => {
  const socket = await open('sum')
  socket.end(LARGE)
  const answer = await toEnd(socket)
  t.equal(answer.toString('latin1', 0, 7), String(LARGE.length))
  t.equal(answer.length, 7 + LARGE.length)
})

t.test('a server that ends its side hears the client out', async (t) => {
  const done = new Promise<void>((resolve) => (heard = resolve))
  const socket = await open('last-words')
  t.equal((await toEnd(socket)).toString(), 'over\n', 'its FIN came alone')
  socket.end(LARGE)
  await done
  t.ok(lastWords.equals(LARGE))
})
