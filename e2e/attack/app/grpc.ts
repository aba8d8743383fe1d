// gRPC by hand: what a client library would not send is the point. gRPC over HTTP/2, length-prefixed messages.
import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import type { Target } from './sockets.ts'

const PATIENCE_MS = 6000

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]

/** A field of bytes. Protocol Buffers, encoding. */
export const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes])

export const fixed64 = (number: number, value: bigint): Buffer => {
  const bytes = Buffer.alloc(9)
  bytes[0] = (number << 3) | 1
  bytes.writeBigUInt64LE(value, 1)
  return bytes
}

/** A message behind its prefix: compressed or not, and its length, which may be a lie. */
export function message(bytes: Uint8Array, { compressed = false, length = bytes.length } = {}): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = compressed ? 1 : 0
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, bytes])
}

export function session({ host, port }: Target): Promise<ClientHttp2Session | undefined> {
  return new Promise((resolve) => {
    const opened = connect(`https://${host}:${port}`, { rejectUnauthorized: false })
    opened.on('error', () => resolve(undefined))
    opened.on('close', () => resolve(undefined))
    opened.on('connect', () => resolve(opened))
  })
}

export interface Call {
  readonly path: string
  readonly token?: string | undefined
  readonly bodies: readonly Uint8Array[]
  readonly encoding?: string
  /** Leaves the stream open. */
  readonly open?: boolean
}

export interface Outcome {
  /** Its grpc-status; `none`: it ended without; `open`: it has not ended in time; `closed`: its connection was not there. */
  readonly status: string
  readonly body: Buffer
}

export function call(on: ClientHttp2Session, asked: Call): Promise<Outcome> {
  return new Promise((resolve) => {
    if (on.destroyed || on.closed) return resolve({ status: 'closed', body: Buffer.alloc(0) })
    let status = 'none'
    const chunks: Buffer[] = []
    const finish = () => resolve({ status, body: Buffer.concat(chunks) })
    const stream: ClientHttp2Stream = on.request({
      ':method': 'POST',
      ':path': asked.path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(asked.encoding === undefined ? {} : { 'grpc-encoding': asked.encoding }),
      ...(asked.token === undefined ? {} : { authorization: `Bearer ${asked.token}` }),
    })
    stream.on('response', (headers) => (status = String(headers['grpc-status'] ?? status)))
    stream.on('trailers', (headers) => (status = String(headers['grpc-status'] ?? status)))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.on('close', finish)
    for (const body of asked.bodies) stream.write(body)
    if (asked.open !== true) stream.end()
    setTimeout(() => {
      if (status === 'none') status = 'open'
      finish()
      if (asked.open !== true) stream.close()
    }, PATIENCE_MS)
  })
}

/** Runs on so many connections at once; gives what came of those that could be had. */
export async function onSessions<T>(
  target: Target,
  sessions: number,
  run: (on: ClientHttp2Session, at: number) => Promise<T>,
): Promise<T[]> {
  const results = await Promise.all(
    Array.from({ length: sessions }, async (_, at) => {
      const on = await session(target)
      if (!on) return []
      const result = await run(on, at)
      on.destroy()
      return [result]
    }),
  )
  return results.flat()
}

/** The token that is mounted in the pod of who holds one. */
export const mountedToken = () => readFileSync('/var/run/secrets/weft/token/token', 'utf8').trim()
