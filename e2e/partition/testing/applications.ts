import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer as createTcp } from 'node:net'
import { Calls, serveEcho } from '../../pair/testing/grpc-service.ts'
import { EchoServer } from '../../pair/testing/websocket-server.ts'
import type { Counts } from './messages.ts'

/** Ports of the applications of a node, at its address. */
export const APPLICATION = { http1: 8080, grpc: 8081, chat: 8082, tcp: 8083 }

const CHUNK = Buffer.alloc(1024, 'download ')

/**
 * The applications of node `number`. Answers have the number in `x-node`. Where the node `holds`, `/held` gets no
 * answer, and `/part` the half of one.
 */
export async function serveApplications(number: number, holds: boolean): Promise<() => Counts> {
  const posts: Record<string, number> = {}
  let held = 0
  const web = createHttp((message, response) => {
    const what = message.url?.split(/[/?]/)[1]
    response.setHeader('x-node', number)
    if (message.method === 'POST') posts[message.url ?? ''] = (posts[message.url ?? ''] ?? 0) + 1
    if (holds && (what === 'held' || what === 'part')) {
      held++
      response.on('close', () => held--)
      if (what === 'part') {
        response.setHeader('content-length', 2 * CHUNK.length)
        response.write(CHUNK)
      }
      return
    }
    message.resume().on('end', () => response.end(what === 'part' ? Buffer.concat([CHUNK, CHUNK]) : 'ok'))
    message.on('error', () => {})
  })
  web.keepAliveTimeout = 0
  const chat = new EchoServer()
  let relays = 0
  const echo = createTcp((socket) => {
    relays++
    socket.on('error', () => {}).on('close', () => relays--)
    // First of all, who it is.
    socket.write(`${number}\n`)
    socket.pipe(socket)
  })
  web.listen(APPLICATION.http1)
  chat.http.listen(APPLICATION.chat)
  echo.listen(APPLICATION.tcp)
  await Promise.all([web, chat.http, echo].map((server) => once(server, 'listening')))
  await serveEcho(new Calls(), `0.0.0.0:${APPLICATION.grpc}`)
  return () => ({ posts, open: { webSockets: chat.sockets.size, relays, held } })
}
