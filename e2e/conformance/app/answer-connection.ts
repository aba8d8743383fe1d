import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { HELLO } from './call.ts'

/** RFC 6455 section 1.3. */
const WEBSOCKET = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** RFC 6455 section 5.2: the last frame of a text. */
const TEXT = 0x81
const MASK_AT = 2
const MASKED_AT = 6

/** Says its version once the caller has said hello, and closes. */
export function answerConnection(version: string, socket: Duplex): void {
  let heard = ''
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    heard += String(bytes)
    if (heard === HELLO) socket.end(JSON.stringify({ version }))
  })
}

/** The same over a WebSocket, of which hello is one short frame. */
export function answerWebSocket(version: string, { headers }: IncomingMessage, socket: Duplex): void {
  const accept = createHash('sha1').update(`${headers['sec-websocket-key']}${WEBSOCKET}`).digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let heard = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    heard = Buffer.concat([heard, bytes])
    const text = heard
      .subarray(MASKED_AT, MASKED_AT + HELLO.length)
      .map((byte, at) => byte ^ (heard[MASK_AT + (at % 4)] ?? 0))
    if (String(text) !== HELLO) return
    const body = Buffer.from(JSON.stringify({ version }))
    socket.end(Buffer.concat([Buffer.from([TEXT, body.length]), body]))
  })
}
