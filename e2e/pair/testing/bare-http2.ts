import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { portOf, type Teardown } from './pair.ts'

const PREFACE_BYTES = 24
const FRAME_HEAD_BYTES = 9
// Types and flags of frames: RFC 9113 section 6.
const HEADERS = 1
const SETTINGS = 4
const ACK = 1
const END_OF_BOTH = 5

/** An HTTP/2 server of bare frames, which answers each request with a status alone, also one that Node refuses to send. */
export class BareHttp2 {
  status = 200
  port = 0

  static async listen(t: Teardown): Promise<BareHttp2> {
    const bare = new BareHttp2()
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      bare.#serve(socket)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
    bare.port = portOf(server)
    return bare
  }

  #serve(socket: Socket): void {
    let came = Buffer.alloc(0)
    let at = PREFACE_BYTES
    socket.on('error', () => {})
    socket.write(frame(SETTINGS, 0, 0))
    socket.on('data', (chunk: Buffer) => {
      came = Buffer.concat([came, chunk])
      while (came.length >= at + FRAME_HEAD_BYTES) {
        const length = came.readUIntBE(at, 3)
        if (came.length < at + FRAME_HEAD_BYTES + length) return
        const [type, flags] = [came[at + 3], came[at + 4] ?? 0]
        if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0))
        if (type === HEADERS) socket.write(this.#answer(came.readUInt32BE(at + 5)))
        at += FRAME_HEAD_BYTES + length
      }
    })
  }

  #answer(stream: number): Buffer {
    // A literal that is not indexed, its name the eighth of the static table (RFC 7541 section 6.2.2).
    const status = Buffer.from(String(this.status))
    return frame(HEADERS, END_OF_BOTH, stream, Buffer.concat([Buffer.from([8, status.length]), status]))
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
