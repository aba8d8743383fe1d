/** What load and origin need of RFC 9113 and RFC 7541, and no more. */

export const FrameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const END_STREAM = 1
export const ACK = 1
export const END_HEADERS = 4
export const PADDED = 8
export const PRIORITY = 0x20
export const DEFAULT_WINDOW = 65_535
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(payload, 9)
  return bytes
}

/** Pairs of identifier and value. */
export function settings(...pairs: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  pairs.forEach(([identifier, value], i) => {
    payload.writeUInt16BE(identifier, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  })
  return frame(FrameType.settings, 0, 0, payload)
}

export function windowUpdate(stream: number, by: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(by)
  return frame(FrameType.windowUpdate, 0, stream, payload)
}

/** A field that both sides put into their table: literal with incremental indexing, no Huffman code. */
export function literal(name: string | number, value: string): Buffer {
  const start =
    typeof name === 'number' ? Buffer.from([0x40 | name]) : Buffer.concat([Buffer.from([0x40]), text(name)])
  return Buffer.concat([start, text(value)])
}

/** A field that nobody keeps: for a peer whose table has no room. */
export function passing(name: string | number, value: string): Buffer {
  const bytes = literal(name, value)
  // The index of a literal without indexing has four bits; 15 and more take a second byte.
  if (typeof name !== 'number' || name < 15)
    return Buffer.concat([Buffer.from([(bytes[0] as number) & 0x0f]), bytes.subarray(1)])
  return Buffer.concat([Buffer.from([0x0f, name - 15]), bytes.subarray(1)])
}

export function indexed(index: number): Buffer {
  return Buffer.from([0x80 | index])
}

function text(value: string): Buffer {
  if (value.length > 126) throw new Error(`${value} is too long for this encoder`)
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
}

/** A gRPC message of this many bytes with its five bytes of prefix. */
export function grpcMessage(size: number): Buffer {
  const bytes = Buffer.alloc(5 + size, 'x')
  bytes[0] = 0
  bytes.writeUInt32BE(size, 1)
  return bytes
}

export interface FrameReader {
  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void
}

/** Cuts what a connection brings into frames. */
export class Frames {
  readonly #reader: FrameReader
  #rest: Buffer | undefined

  constructor(reader: FrameReader) {
    this.#reader = reader
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk
    this.#rest = undefined
    let at = 0
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3)
      const end = at + 9 + length
      if (end > bytes.length) break
      const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff
      this.#reader.onFrame(bytes[at + 3] as number, bytes[at + 4] as number, stream, bytes, at + 9, end)
      at = end
    }
    if (at < bytes.length) this.#rest = Buffer.from(bytes.subarray(at))
  }
}
