import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTcp } from 'node:net'
import { Calls, serveEcho } from '../../pair/testing/grpc-service.ts'
import { EchoServer } from '../../pair/testing/websocket-server.ts'
import { bytesOf } from '../content.ts'
import { PORTS } from '../ports.ts'

// The application of the storm: plain servers that know nothing of the mesh. What a write does is one line of its log,
// said before it is answered: it outlives the process, however that ends.

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function answer(message: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const [, what = '', number = '', size = ''] = (message.url ?? '').split('/')
  switch (what) {
    case 'bytes':
      return void response.end(bytesOf(Number(number), Number(size)))
    case 'write':
      writeSync(1, `wrote ${number}\n`)
      return void response.end(`${number} ${digest(body)}`)
    case 'digest':
      return void response.end(`${number} ${digest(body)}`)
    default:
      return void response.end('ok')
  }
}

const web = createServer((message, response) => {
  const chunks: Buffer[] = []
  message.on('data', (chunk: Buffer) => chunks.push(chunk))
  message.on('end', () => answer(message, Buffer.concat(chunks), response))
})
const chat = new EchoServer()
const tcp = createTcp({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {})
  socket.pipe(socket)
})
const grpc = await serveEcho(new Calls(), `0.0.0.0:${PORTS.grpc}`)
chat.http.listen(PORTS.chat)
tcp.listen(PORTS.tcp)
// The port of the probe is the last one.
web.listen(PORTS.web)

process.on('SIGTERM', () => {
  // What runs is finished, as applications do that end in order.
  web.close()
  chat.http.close()
  tcp.close()
  for (const socket of chat.sockets) socket.close(1001)
  grpc.server.tryShutdown(() => process.exit(0))
  setTimeout(() => process.exit(0), 3000)
})
