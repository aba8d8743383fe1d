import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { listenError } from '../listener/connection-server.ts'

export interface Reply {
  readonly status: number
  readonly type?:
    | 'text/plain; charset=utf-8'
    | 'application/json'
    | 'text/plain; version=0.0.4; charset=utf-8'
  readonly body: string
}

/** Undefined: no such path. */
export type Handler = (url: URL, message: IncomingMessage) => Reply | undefined | Promise<Reply | undefined>

/**
 * A small HTTP server beside the data path, for GET only: nothing here changes the proxy. `localOnly` refuses
 * names in Host that are not this machine's, so that no web page can read it by DNS rebinding.
 */
export async function serveEndpoint(
  host: string,
  port: number,
  handler: Handler,
  options: { localOnly?: boolean } = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000, maxHeaderSize: 8192 },
    (message, response) => {
      answer(message, response, handler, options.localOnly ?? false).catch(() =>
        send(response, { status: 500, body: 'internal error\n' }),
      )
    },
  )
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(`${host}:${port}`, error)))
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return { server, port: typeof address === 'object' && address ? address.port : port }
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  handler: Handler,
  localOnly: boolean,
): Promise<void> {
  message.resume()
  if (localOnly && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(message.headers.host ?? ''))
    return send(response, { status: 403, body: 'only for this machine: the Host header names another\n' })
  if (message.method !== 'GET' && message.method !== 'HEAD')
    return send(response, { status: 405, body: 'only GET is served\n' })
  const url = URL.parse(message.url ?? '/', 'http://localhost')
  const reply = url ? await handler(url, message) : undefined
  send(response, reply ?? { status: 404, body: 'no such path; see /help\n' })
}

function send(response: ServerResponse, reply: Reply): void {
  if (response.headersSent) return
  response.writeHead(reply.status, {
    'content-type': reply.type ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(reply.body),
    'x-content-type-options': 'nosniff',
  })
  response.end(reply.body)
}

export function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', body: JSON.stringify(value, undefined, 2) + '\n' }
}
