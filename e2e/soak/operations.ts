import { Client, credentials } from '@grpc/grpc-js'
import { Agent, get } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import type { Pair } from '../pair/testing/pair.ts'
import { exchange, grpcStream, grpcUnary, tcpEcho, webSocketEcho, WrongAnswer } from '../traffic/uses.ts'

/** One use of the pair, from its start to its answer. Rejects where the answer is not the right one. */
export type Operation = () => Promise<void>

const BODY = Buffer.alloc(16 * 1024, 'soak ')
const LARGE = Buffer.alloc(256 * 1024, 'soak ')

/** What a caller does, by name. `close` ends the connections that are kept. */
export function operations(pair: Pair): {
  all: ReadonlyMap<string, Operation>
  close: () => void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const place = (name: string) => ({ host: '127.0.0.1', port: pair.port(name) })
  const http = async (path: string, body: Buffer | undefined, kept: boolean): Promise<void> => {
    const method = body ? 'POST' : 'GET'
    const answer = await exchange({ ...place('web'), path, method, body, agent: kept ? agent : undefined })
    if (answer.status !== 200 || answer.body.length !== (body?.length ?? 1024))
      throw new WrongAnswer(`a wrong answer to ${path}`)
  }

  let session: ClientHttp2Session | undefined
  const streams = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session
    session = connectHttp2(`http://127.0.0.1:${pair.port('web')}`)
    session.on('error', () => {})
    return session
  }
  const http2 = (giveUp: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = streams().request({ ':path': giveUp ? '/slow' : '/1k' })
      let bytes = 0
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length))
      stream.on('error', reject)
      stream.on('close', () => (giveUp || bytes === 1024 ? resolve() : reject(new Error('a short answer'))))
      if (giveUp) setTimeout(() => stream.close(8), 5)
    })

  const client = new Client(`127.0.0.1:${pair.port('grpc')}`, credentials.createInsecure())
  const gone = (): Promise<void> =>
    new Promise((resolve) => {
      const sent = get({ port: pair.port('web'), host: '127.0.0.1', path: '/slow', agent: false })
      sent.on('error', () => {})
      sent.on('close', () => resolve())
      setTimeout(() => sent.destroy(), 5)
    })

  const all = new Map<string, Operation>([
    ['HTTP/1.1 1 KiB', () => http('/1k', undefined, true)],
    ['HTTP/1.1 upload 16 KiB', () => http('/echo', BODY, true)],
    ['HTTP/1.1 new connection', () => http('/1k', undefined, false)],
    ['HTTP/1.1 given up', gone],
    ['HTTP/2 1 KiB', () => http2(false)],
    ['HTTP/2 given up', () => http2(true)],
    ['gRPC unary 16 KiB', () => grpcUnary(client, BODY)],
    ['gRPC stream', () => grpcStream(client, BODY, 10)],
    ['WebSocket', () => webSocketEcho(place('chat'), 'soak', 5)],
    ['TCP 256 KiB', () => tcpEcho(place('tcp'), LARGE)],
  ])
  return {
    all,
    close() {
      agent.destroy()
      session?.destroy()
      client.close()
    },
  }
}
