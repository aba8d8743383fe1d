import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { Duplex } from 'node:stream'

// RFC 6455, as much as an echo needs: frames of a client, masked, and ours, not.

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const CONTINUATION = 0
const CLOSE = 8
const PING = 9
const PONG = 10

/** A server that echoes messages as they came, frame for frame, and answers pings. */
export class WebSocketServer {
  readonly http: Server
  /** Close codes that clients sent, in their order; 1006 for a connection that broke. */
  readonly closes: number[] = []
  readonly sockets = new Set<Duplex>()
  #watch: (() => void)[] = []

  constructor() {
    this.http = createServer((message, response) => {
      if (message.url === '/hang') return
      response.statusCode = 426
      response.end('upgrade')
    })
    this.http.on('upgrade', (message, socket: Duplex, head: Buffer) => {
      if (message.url === '/refused')
        return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno')
      const key = String(message.headers['sec-websocket-key'])
      const accept = createHash('sha1')
        .update(key + GUID)
        .digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n` +
          (message.headers['sec-websocket-protocol'] ? `sec-websocket-protocol: echo\r\n\r\n` : '\r\n'),
      )
      this.#serve(socket, head)
    })
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => void this.#watch.push(resolve))
  }

  #serve(socket: Duplex, head: Buffer): void {
    this.sockets.add(socket)
    let code = 1006
    let buffer: Buffer = head
    const take = (): void => {
      for (let frame = readFrame(buffer); frame; frame = readFrame(buffer)) {
        buffer = buffer.subarray(frame.length)
        if (frame.opcode === CLOSE) {
          code = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005
          socket.end(writeFrame(true, CLOSE, frame.payload))
        } else if (frame.opcode === PING) socket.write(writeFrame(true, PONG, frame.payload))
        else if (frame.opcode !== PONG) socket.write(writeFrame(frame.last, frame.opcode, frame.payload))
      }
    }
    socket.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk])
      take()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.sockets.delete(socket)
      this.closes.push(code)
      for (const watch of this.#watch.splice(0)) watch()
    })
    socket.on('end', () => socket.end())
    take()
  }
}

interface Frame {
  readonly last: boolean
  readonly opcode: number
  readonly payload: Buffer
  /** Of the whole frame. */
  readonly length: number
}

function readFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 6) return undefined
  const short = (bytes[1] as number) & 0x7f
  const masked = ((bytes[1] as number) & 0x80) !== 0
  if (!masked) throw new Error('a client must mask its frames')
  const at = short === 126 ? 4 : short === 127 ? 10 : 2
  if (bytes.length < at + 4) return undefined
  const size =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
  if (bytes.length < at + 4 + size) return undefined
  const mask = bytes.subarray(at, at + 4)
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size))
  for (let i = 0; i < size; i++) payload[i] = (payload[i] as number) ^ (mask[i & 3] as number)
  return {
    last: ((bytes[0] as number) & 0x80) !== 0,
    opcode: (bytes[0] as number) & 0xf,
    payload,
    length: at + 4 + size,
  }
}

/** A frame that a server sends. */
export function writeFrame(last: boolean, opcode: number, payload: Buffer): Buffer {
  const size = payload.length
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10)
  head[0] = (last ? 0x80 : 0) | (opcode === CONTINUATION ? 0 : opcode)
  if (size < 126) head[1] = size
  else if (size < 65_536) {
    head[1] = 126
    head.writeUInt16BE(size, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(size), 2)
  }
  return Buffer.concat([head, payload])
}
