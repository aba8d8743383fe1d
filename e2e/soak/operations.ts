import { Client, credentials } from '@grpc/grpc-js'
import { Agent, get, request } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { ECHO } from '../pair/testing/grpc-service.ts'
import type { Pair } from '../pair/testing/pair.ts'

/** One use of the pair, from its start to its answer. Rejects where the answer is not the right one. */
export type Operation = () => Promise<void>

const same = (bytes: Buffer): Buffer => bytes
const BODY = Buffer.alloc(16 * 1024, 'soak ')
const LARGE = Buffer.alloc(256 * 1024, 'soak ')

/** What a caller does, by name. `close` ends the connections that are kept. */
export function operations(pair: Pair): {
  all: ReadonlyMap<string, Operation>
  close: () => void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const http = (path: string, body: Buffer | undefined, kept: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(
        {
          port: pair.port('web'),
          host: '127.0.0.1',
          path,
          method: body ? 'POST' : 'GET',
          agent: kept ? agent : false,
        },
        (response) => {
          let bytes = 0
          response.on('data', (chunk: Buffer) => (bytes += chunk.length))
          response.on('error', reject)
          response.on('end', () => right(response.statusCode === 200 && bytes === (body?.length ?? 1024)))
        },
      )
      const right = (ok: boolean): void => (ok ? resolve() : reject(new Error(`a wrong answer to ${path}`)))
      sent.on('error', reject)
      sent.end(body)
    })

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
  const unary = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(ECHO.unary.path, same, same, BODY, (error, reply) =>
        error || !reply?.equals(BODY) ? reject(error ?? new Error('another message')) : resolve(),
      )
    })
  const streaming = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const call = client.makeBidiStreamRequest<Buffer, Buffer>(ECHO.both.path, same, same)
      let left = 10
      call.on('data', () => (--left > 0 ? call.write(BODY) : call.end()))
      call.on('error', reject)
      call.on('end', () => resolve())
      call.write(BODY)
    })

  const webSocket = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${pair.port('chat')}/`)
      let left = 5
      socket.addEventListener('open', () => socket.send('soak'))
      socket.addEventListener('message', () => (--left > 0 ? socket.send('soak') : socket.close()))
      socket.addEventListener('close', () => (left === 0 ? resolve() : reject(new Error('closed early'))))
    })

  const tcp = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: pair.port('tcp'), host: '127.0.0.1' })
      let bytes = 0
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
      socket.on('error', reject)
      socket.on('close', () => (bytes === LARGE.length ? resolve() : reject(new Error('a short echo'))))
      socket.end(LARGE)
    })

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
    ['gRPC unary 16 KiB', unary],
    ['gRPC stream', streaming],
    ['WebSocket', webSocket],
    ['TCP 256 KiB', tcp],
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
