// HTTP/2 by hand, RFC 9113: what a library would not send.
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { ADS } from './discovery.ts'
import { message, mountedToken } from './grpc.ts'
import { delay, openTls, tally, type Target } from './sockets.ts'

const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const END_HEADERS = 4

function frame(type: number, flags: number, stream: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** A string literal of HPACK, RFC 7541 section 5.2. */
function literal(text: string): Buffer {
  const length = [Math.min(text.length, 127)]
  let rest = text.length - 127
  if (rest >= 0) {
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
    length.push(rest)
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text)])
}

const indexed = (name: string, value: string) =>
  Buffer.concat([Buffer.of(0x40), literal(name), literal(value)])

const times = (bytes: Buffer, count: number) => Buffer.concat(Array<Buffer>(count).fill(bytes))

/** Pieces of one flood, after the head of a call that a token lets in; `at` counts them. */
type Flood = (at: number, head: Buffer) => Buffer

const HEADS_AT_ONCE = 100
const heads = (at: number, each: (stream: number) => Buffer[]): Buffer =>
  Buffer.concat(
    Array.from({ length: HEADS_AT_ONCE }, (_, index) => each(3 + 2 * (at * HEADS_AT_ONCE + index))).flat(),
  )

const FLOODS: Readonly<Record<string, Flood>> = {
  pings: () => times(frame(PING, 0, 0, Buffer.alloc(8)), 1000),
  settings: () => times(frame(SETTINGS, 0, 0), 1000),
  priorities: () => times(frame(PRIORITY, 0, 1, Buffer.of(0, 0, 0, 0, 16)), 1000),
  'window-updates': () => times(frame(WINDOW_UPDATE, 0, 1, Buffer.of(0, 0, 0, 1)), 1000),
  resets: (at, head) =>
    heads(at, (stream) => [
      frame(HEADERS, END_HEADERS, stream, head),
      frame(RST_STREAM, 0, stream, Buffer.of(0, 0, 0, 8)),
    ]),
  'zero-window-updates': (at, head) =>
    heads(at, (stream) => [
      frame(HEADERS, END_HEADERS, stream, head),
      frame(WINDOW_UPDATE, 0, stream, Buffer.alloc(4)),
    ]),
  continuations: (at, head) =>
    at === 0 ? frame(HEADERS, 0, 3, head) : frame(CONTINUATION, 0, 3, indexed('x', 'y'.repeat(10_000))),
  // Ten thousand fields of 3 KB, each a byte.
  fields: (at, head) =>
    frame(
      HEADERS,
      END_HEADERS,
      3 + 2 * at,
      Buffer.concat([head, indexed('x', 'y'.repeat(3000)), Buffer.alloc(10_000, 0x80 | 62)]),
    ),
  'empty-messages': () => frame(DATA, 0, 1, times(message(Buffer.alloc(0)), 3200)),
  // Two MiB, of which each byte is a frame.
  'message-in-bytes': (at) =>
    at === 0
      ? frame(DATA, 0, 1, message(Buffer.alloc(0), { length: 2 << 20 }))
      : times(frame(DATA, 0, 1, Buffer.alloc(1)), 1000),
  // On each stream a message that never ends.
  'unfinished-messages': (at, head) => {
    const stream = 3 + 2 * (at % 30)
    if (at >= 30) return frame(DATA, 0, stream, Buffer.alloc(16_000))
    const begun = frame(DATA, 0, stream, message(Buffer.alloc(0), { length: 2 << 20 }))
    return Buffer.concat([frame(HEADERS, END_HEADERS, stream, head), begun])
  },
}

const FLOOD_MS = 1500
const PIECES = 4000

/** Each flood on a connection of its own, one after the other, `count` times; gives which of them the other side ended. */
export async function floods(target: Target, count: number): Promise<unknown> {
  const token = mountedToken()
  const ended: string[] = []
  for (let round = 0; round < count; round++)
    for (const [name, flood] of Object.entries(FLOODS))
      if (await flooded(target, token, flood)) ended.push(name)
  return { ended: tally(ended) }
}

async function flooded(target: Target, token: string, flood: Flood): Promise<boolean> {
  const socket = await openTls(target, { ALPNProtocols: ['h2'] })
  if (!socket) return false
  const head = Buffer.concat([
    indexed(':method', 'POST'),
    indexed(':scheme', 'https'),
    indexed(':path', ADS),
    indexed(':authority', target.host),
    indexed('content-type', 'application/grpc'),
    indexed('te', 'trailers'),
    indexed('authorization', `Bearer ${token}`),
  ])
  socket.resume()
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(SETTINGS, 0, 0))
  socket.write(frame(HEADERS, END_HEADERS, 1, head))
  await pour(socket, (at) => flood(at, head))
  const over = socket.destroyed
  socket.destroy()
  return over
}

/** As fast as the other side takes it. */
async function pour(socket: Socket, piece: (at: number) => Buffer): Promise<void> {
  const until = performance.now() + FLOOD_MS
  const closed = once(socket, 'close').catch(() => {})
  for (let at = 0; at < PIECES && !socket.destroyed && performance.now() < until; at++)
    if (!socket.write(piece(at)))
      await Promise.race([once(socket, 'drain').catch(() => {}), closed, delay(until - performance.now())])
}
