// Speaks each protocol to the Service `app`, and prints what came of it as one JSON object.
import { once } from 'node:events'
import { get as httpGet, request, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { get as httpsGet } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'

const host = 'app'
const trust = { ca: process.env['TLS_CA'], servername: 'shop.example' }

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp({ host, port })
  await once(socket, 'connect')
  return socket
}

/** What comes next on a connection; it then ends. */
async function hear(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  socket.destroy()
  return chunk.toString('latin1')
}

async function say(socket: Socket, bytes: string): Promise<string> {
  socket.write(bytes, 'latin1')
  return hear(socket)
}

async function http(port: number): Promise<string> {
  const [answer] = (await once(httpGet({ host, port, agent: false }), 'response')) as [IncomingMessage]
  return text(answer)
}

async function https(port: number): Promise<string> {
  const [answer] = (await once(httpsGet({ host, port, ...trust, agent: false }), 'response')) as [
    IncomingMessage,
  ]
  return text(answer)
}

async function session<T>(port: number, use: (session: ClientHttp2Session) => Promise<T>): Promise<T> {
  const opened = connectHttp2(`http://${host}:${port}`)
  try {
    return await use(opened)
  } finally {
    opened.close()
  }
}

const h2c = (port: number): Promise<string> =>
  session(port, (opened) => text(opened.request({ ':path': '/' }).setEncoding('utf8')))

const grpc = (port: number): Promise<string> =>
  session(port, async (opened) => {
    const call = opened.request({
      ':method': 'POST',
      ':path': '/app.Echo/Say',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const heads = once(call, 'response') as Promise<[Record<string, unknown>]>
    const trailers = once(call, 'trailers') as Promise<[Record<string, unknown>]>
    call.end(Buffer.from([0, 0, 0, 0, 2, 0x68, 0x69]))
    const body = await text(call)
    const [[head], [end]] = await Promise.all([heads, trailers])
    return `${body.slice(5)} ${String(end['grpc-status'])} ${String(head['caller'])}`
  })

async function webSocket(port: number): Promise<string> {
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  }
  const asked = request({ host, port, headers })
  asked.end()
  const [answer, socket] = (await once(asked, 'upgrade')) as [IncomingMessage, Socket]
  return `${await say(socket, 'frames')} ${String(answer.headers['x-caller'])}`
}

async function secure(port: number): Promise<string> {
  const socket = connectTls({ host, port, ...trust, ALPNProtocols: ['own-protocol'] })
  await once(socket, 'secureConnect')
  let heard = ''
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString()
    if (heard.endsWith('end')) socket.destroy()
  })
  socket.write('end')
  await once(socket, 'close')
  return `${heard} ${String(socket.authorized)}`
}

const greeted = async (port: number): Promise<string> => hear(await tcp(port))

const all: Record<string, () => Promise<string>> = {
  http: () => http(8001),
  https: () => https(8002),
  'kubernetes.io/h2c': () => h2c(8003),
  'kubernetes.io/ws': () => webSocket(8004),
  'http on a port of kubernetes.io/ws': () => http(8004),
  grpc: () => grpc(8005),
  // Looks like HTTP, and is nobody's business.
  tcp: async () => say(await tcp(8006), 'GET /  HTTP/1.1\r\nhost:  as it is\r\n\r\n'),
  tls: () => secure(8007),
  'own TLS on a port of http': () => secure(8008),
  'undeclared HTTP/1.1': () => http(9001),
  'undeclared HTTP/2': () => h2c(9002),
  'undeclared TLS': () => secure(9003),
  'undeclared, unknown bytes': async () => say(await tcp(9004), '\0\x01\xff binary'),
  'undeclared, a line of text': async () => say(await tcp(9004), 'HELO there\r\n'),
  'undeclared, cut in its first word': async () => {
    const socket = await tcp(9004)
    socket.write('GE')
    return hear(socket)
  },
  // Longer than detection waits where no route is bound.
  'undeclared, routed and late': async () => {
    const socket = await tcp(9007)
    await new Promise((resolve) => setTimeout(resolve, 3500))
    return say(socket, 'GET / HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n')
  },
  'undeclared, the server first': () => greeted(9005),
  'declared opaque, the server first': () => greeted(9006),
}
for (const port of (process.env['GREETING_PORTS'] ?? '').split(',').map(Number))
  all[`port ${port}`] = () => greeted(port)

const results = await Promise.all(
  Object.entries(all).map(async ([name, probe]) => {
    const began = performance.now()
    const said = await probe().catch((error: unknown) => `failed: ${String(error)}`)
    return [name, { said, ms: Math.round(performance.now() - began) }] as const
  }),
)
console.log(JSON.stringify(Object.fromEntries(results)))
process.exit(0)
