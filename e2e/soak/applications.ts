import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer as createTcp } from 'node:net'
import { Calls, serveEcho } from '../pair/testing/grpc-service.ts'
import { portOf, type Teardown } from '../pair/testing/pair.ts'
import type { Path } from '../pair/testing/bootstrap.ts'
import { EchoServer } from '../pair/testing/websocket-server.ts'

const ANSWER = Buffer.alloc(1024, 'soak ')

/** The servers behind the pair, and the paths to them. */
export async function applications(t: Teardown): Promise<Path[]> {
  const web = createHttp((message, response) => {
    if (message.url === '/echo') return void message.pipe(response)
    // Long enough for its caller to give up.
    if (message.url === '/slow') return void setTimeout(() => response.end(), 50)
    response.end(ANSWER)
  }).listen(0, '127.0.0.1')
  const chat = new EchoServer()
  chat.http.listen(0, '127.0.0.1')
  const echo = createTcp({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    socket.pipe(socket)
  }).listen(0, '127.0.0.1')
  await Promise.all([web, chat.http, echo].map((server) => once(server, 'listening')))
  const grpc = await serveEcho(new Calls())
  t.teardown(() => {
    web.close()
    web.closeAllConnections()
    chat.http.close()
    echo.close()
    grpc.server.forceShutdown()
  })
  const upgrade_configs = [{ upgrade_type: 'websocket' }]
  return [
    // HTTP/2 callers come out as HTTP/1.1: one application for both.
    { name: 'web', kind: 'http', app: portOf(web), appProtocol: 'http1' },
    { name: 'grpc', kind: 'http', app: grpc.port, appProtocol: 'http2' },
    {
      name: 'chat',
      kind: 'http',
      app: portOf(chat.http),
      route: { upgrade_configs },
      innerRoute: { upgrade_configs },
    },
    { name: 'tcp', kind: 'tcp', app: portOf(echo) },
  ]
}
