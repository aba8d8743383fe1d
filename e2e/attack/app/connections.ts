import { delay, open, openTls, type Target } from './sockets.ts'

const DROP_MS = 1000

/** What each third of them says at first, and then a byte a second for ever: nothing, half a head, a body without end. */
const BEGINNINGS = [
  '',
  'GET / HTTP/1.1\r\nhost: server\r\nx-slow: a',
  'POST / HTTP/1.1\r\nhost: server\r\ncontent-length: 1000000000\r\n\r\n',
]

/** Connections that hold a server up, for so long; every second in TLS where the server speaks that: a handshake is work by itself. */
export async function hold(target: Target, count: number, holdMs: number, tls: boolean): Promise<unknown> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      const begins = BEGINNINGS[at % BEGINNINGS.length] ?? ''
      const socket = await (tls && at % 2 === 0 ? openTls(target) : open(target))
      if (socket && begins !== '') socket.write(begins)
      return { socket, slow: begins !== '' }
    }),
  )
  const until = performance.now() + holdMs
  while (performance.now() < until) {
    await delay(DROP_MS)
    for (const { socket, slow } of sockets) if (slow && socket?.writable) socket.write('a')
  }
  const opened = sockets.filter(({ socket }) => socket !== undefined)
  const left = opened.filter(({ socket }) => socket?.destroyed === false).length
  for (const { socket } of opened) socket?.destroy()
  return { opened: opened.length, left }
}

/** Handshake messages in records of so many bytes. RFC 8446 sections 4 and 5.1. */
function inRecords(message: Buffer, size: number): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    records.push(Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part)
  }
  return Buffer.concat(records)
}

/** A ClientHello of this length, all of it its random and what follows. */
function hello(length: number): Buffer {
  const message = Buffer.alloc(length)
  message[0] = 1
  message.writeUIntBE(length - 4, 1, 3)
  message.writeUInt16BE(0x0303, 4)
  return message
}

const HELLOS = [
  // 384 KiB in all, in records of a byte.
  inRecords(hello(65_000), 1),
  // The longest that a handshake message may say it is.
  inRecords(hello(65_000).fill(0xff, 1, 4), 100),
  // Records without anything in them, and ones that are no handshake.
  Buffer.concat(Array<Buffer>(20_000).fill(Buffer.from([0x16, 3, 1, 0, 0]))),
  Buffer.concat([inRecords(hello(600), 64).subarray(0, 69), Buffer.alloc(200_000, 0x15)]),
]

/** Each of them `count` times at once, in pieces: each is a reason to look again. */
export async function clientHellos(target: Target, count: number): Promise<unknown> {
  const all = Array.from({ length: count * HELLOS.length }, (_, at) => HELLOS[at % HELLOS.length])
  const sent = await Promise.all(all.map((records = Buffer.alloc(0)) => inPieces(target, records)))
  return { sent: sent.reduce((sum, one) => sum + one, 0) }
}

const PIECE = 1200

/** Gives how many bytes could be sent before the other side ended it. */
async function inPieces(target: Target, bytes: Buffer): Promise<number> {
  const socket = await open(target)
  if (!socket) return 0
  const over = new Promise((resolve) => socket.on('close', resolve))
  let sent = 0
  while (sent < bytes.length && socket.writable) {
    socket.write(bytes.subarray(sent, sent + PIECE))
    sent += PIECE
    await delay(0)
  }
  await Promise.race([over, delay(1000)])
  socket.destroy()
  return sent
}
