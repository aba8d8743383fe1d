// One server a protocol, each on the port that the Service declares for it. What it says tells how the connection came:
// HTTP that the sidecar saw has x-forwarded-client-cert, everything else comes as the client sent it.
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { bytesBehindProxyProtocol, httpBehindProxyProtocol } from './proxy-protocol.ts'

const own = { cert: process.env['TLS_CERT'], key: process.env['TLS_KEY'] }

const caller = (fields: Record<string, unknown>): string =>
  /URI=([^;]*)/.exec(String(fields['x-forwarded-client-cert']))?.[1] ?? 'unseen'

const http = (message: IncomingMessage, response: ServerResponse): void => {
  // Probed as many applications are: a redirect first, and only the kubelet gets further.
  if (message.url === '/up') response.writeHead(302, { location: '/ready' })
  else if (message.url === '/ready') response.statusCode = isKubelet(message) ? 200 : 403
  response.end(`HTTP/${message.httpVersion} ${caller(message.headers)}`)
}

const isKubelet = ({ headers }: IncomingMessage): boolean =>
  (headers['user-agent'] ?? '').startsWith('kube-probe/') && headers.accept === '*/*'

function http2(): Server {
  return createHttp2Server((message, response) =>
    response.end(`HTTP/${message.httpVersion} ${caller(message.headers)}`),
  )
}

function webSocket(): Server {
  return createHttpServer(http).on('upgrade', (message: IncomingMessage, socket: Socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-caller: ${caller(message.headers)}\r\n\r\n`,
    )
    socket.on('error', () => {})
    socket.pipe(socket)
  })
}

/** One message comes back as it was, with status 0 in trailers and the caller in metadata. */
function grpc(): Server {
  return createHttp2Server().on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', caller: caller(headers) },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  })
}

function echo(socket: Socket): void {
  socket.on('error', () => {})
  socket.pipe(socket)
}

/** Whoever connects is greeted before it says a word. */
function greeting(socket: Socket): void {
  socket.write(`220 ${socket.localPort} ready\r\n`)
  echo(socket)
}

const secure = (): Server =>
  createTlsServer({ ...own, ALPNProtocols: ['own-protocol', 'http/1.1'] }, (socket) => {
    socket.write(`${String(socket.servername)} ${String(socket.alpnProtocol)} `)
    echo(socket)
  })

const servers: Record<number, () => Server> = {
  8001: () => createHttpServer(http),
  8002: () => createHttpsServer(own, http),
  8003: http2,
  8004: webSocket,
  8005: grpc,
  8006: () => createTcpServer(echo),
  8007: secure,
  8008: secure,
  8010: httpBehindProxyProtocol,
  8011: bytesBehindProxyProtocol,
  9001: () => createHttpServer(http),
  9002: http2,
  9003: secure,
  9004: () => createTcpServer(echo),
  9005: () => createTcpServer(greeting),
  9006: () => createTcpServer(greeting),
  9007: () => createHttpServer(http),
}
for (const port of (process.env['GREETING_PORTS'] ?? '').split(','))
  servers[Number(port)] = () => createTcpServer(greeting)

for (const [port, make] of Object.entries(servers)) make().listen(Number(port), '0.0.0.0')
process.on('SIGTERM', () => process.exit(0))
