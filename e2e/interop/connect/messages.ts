import { Reader, Writer } from 'protobufjs/minimal.js'

// connectconformance talks with the programs that it tests over their standard input and output: each message behind its
// length, four bytes, the most significant first (connectrpc.com/conformance, docs/authoring_test_cases.md).

const LENGTH_BYTES = 4

/** Collects chunks and gives each message that is whole. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0)

  add(chunk: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const whole: Buffer[] = []
    while (this.#rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#rest.readUInt32BE(0)
      if (this.#rest.length < end) break
      whole.push(this.#rest.subarray(LENGTH_BYTES, end))
      this.#rest = this.#rest.subarray(end)
    }
    return whole
  }
}

/** A message behind its length. */
export function framed(message: Uint8Array): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(message.length)
  return Buffer.concat([length, message])
}

const VARINT = 0

/** The message with another number in `field`, a uint32; all other fields stay as they are. */
export function withNumber(message: Uint8Array, field: number, value: number): Uint8Array {
  const reader = Reader.create(message)
  const writer = Writer.create()
  const parts: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const from = reader.pos
    const tag = reader.uint32()
    reader.skipType(tag & 7)
    if (tag >>> 3 !== field) parts.push(message.subarray(from, reader.pos))
  }
  parts.push(
    writer
      .uint32((field << 3) | VARINT)
      .uint32(value)
      .finish(),
  )
  return Buffer.concat(parts)
}
