import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { capConnections, refusePipelined } from '../../core/connection-cap.ts'
import { namedHosts } from '../../core/named-hosts.ts'
import { listenError } from '../listener/connection-server.ts'

export interface Reply {
  readonly status: number
  /** Content type; plain text unless said otherwise. */
  readonly type?: string
  readonly body: string | Buffer
}

/** Undefined: no such path. */
export type Handler = (url: URL, message: IncomingMessage) => Reply | undefined | Promise<Reply | undefined>

export interface EndpointOptions {
  /** Refuses names in Host that are not this machine's, so that no web page can read it by DNS rebinding. */
  readonly localOnly?: boolean
  /** How long a client may take for its request, for its next one, and for reading the answer; milliseconds, default 5000. */
  readonly patienceMs?: number
}

// The kubelet holds none between probes, Prometheus one. Whoever holds more gives way to whoever comes.
const CONNECTIONS = { total: 64, perAddress: 16 }

const LOCAL = /^(localhost\.?|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i

/** A small HTTP server beside the data path, for GET only: nothing here changes the proxy. Nobody takes it by holding it. */
export async function serveEndpoint(
  host: string,
  port: number,
  handler: Handler,
  { localOnly = false, patienceMs = 5000 }: EndpointOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer(
    {
      requestTimeout: patienceMs,
      headersTimeout: patienceMs,
      keepAliveTimeout: patienceMs,
      // Node looks at the first two only this often; 30 s unless said.
      connectionsCheckingInterval: Math.min(patienceMs, 1000),
      maxHeaderSize: 8192,
    },
    (message, response) => {
      if (refusePipelined(message.socket, response)) return
      answer(message, response, handler, localOnly)
        .catch(() => send(response, { status: 500, body: 'internal error\n' }))
        .finally(() => message.socket.setTimeout(patienceMs))
    },
  )
  capConnections(server, CONNECTIONS)
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
  if (localOnly && !isForThisMachine(message))
    return send(response, { status: 403, body: 'only for this machine: the Host header names another\n' })
  if (message.method !== 'GET' && message.method !== 'HEAD')
    return send(response, { status: 405, body: 'only GET is served\n' })
  const url = URL.parse(message.url ?? '/', 'http://localhost')
  const reply = url ? await handler(url, message) : undefined
  send(response, reply ?? { status: 404, body: 'no such path; see /help\n' })
}

function isForThisMachine(message: IncomingMessage): boolean {
  const hosts = namedHosts(message)
  return hosts.length > 0 && hosts.every((host) => LOCAL.test(host))
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
