import { isUtf8 } from 'node:buffer'
import { WeftError } from '../errors.ts'

/** Protocol Buffers wire types (protobuf.dev/programming-guides/encoding); groups (3, 4) are refused. */
export const VARINT = 0
export const FIXED64 = 1
export const LENGTH = 2
export const FIXED32 = 5

export function malformed(message: string): WeftError {
  return new WeftError('protobuf.malformed', message)
}

const MAX_BYTES = 0x7fffffff

/** What a writer begins in, unless another one is at it: a message grows there without being moved. */
const SCRATCH_BYTES = 64 * 1024
let scratch: Buffer | undefined

/** Writes from the end towards the front: a nested message's length is known when its header is written. */
export class Writer {
  #buffer: Buffer
  #view: DataView
  #at: number
  /** The buffer is the scratch, which the next writer takes. */
  #lent = true

  constructor() {
    this.#buffer = scratch ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES)
    scratch = undefined
    this.#view = new DataView(this.#buffer.buffer)
    this.#at = this.#buffer.length
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#at
  }

  /** All of it, in memory of its own. The writer is used up. */
  finish(): Buffer {
    if (!this.#lent) return this.#buffer.subarray(this.#at)
    const all = Buffer.allocUnsafeSlow(this.length)
    this.#buffer.copy(all, 0, this.#at)
    scratch = this.#buffer
    return all
  }

  /** May replace the buffer and its view: call it before reading either. */
  #reserve(bytes: number): number {
    if (bytes > this.#at) {
      const used = this.length
      const size = Math.max(this.#buffer.length * 2, used + bytes + 64)
      if (size > MAX_BYTES) throw new WeftError('protobuf.too_large', 'message is larger than 2 GiB')
      const grown = Buffer.allocUnsafeSlow(size)
      this.#buffer.copy(grown, size - used, this.#at)
      if (this.#lent) scratch = this.#buffer
      this.#lent = false
      this.#buffer = grown
      this.#view = new DataView(grown.buffer)
      this.#at = size - used
    }
    this.#at -= bytes
    return this.#at
  }

  tag(number: number, wire: number): void {
    this.uint32(((number << 3) | wire) >>> 0)
  }

  uint32(value: number): void {
    let at: number
    if (value < 0x80) {
      at = this.#reserve(1)
      this.#buffer[at] = value
      return
    }
    at = this.#reserve(value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5)
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[at] = rest
  }

  uint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    if (rest <= 0xffffffffn) return this.uint32(Number(rest))
    const bytes: number[] = []
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    bytes.push(Number(rest))
    const at = this.#reserve(bytes.length)
    this.#buffer.set(bytes, at)
  }

  fixed32(value: number): void {
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, true)
  }

  fixed64(value: bigint): void {
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true)
  }

  float(value: number): void {
    const at = this.#reserve(4)
    this.#view.setFloat32(at, value, true)
  }

  double(value: number): void {
    const at = this.#reserve(8)
    this.#view.setFloat64(at, value, true)
  }

  /** Content without its length. */
  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length)
    this.#buffer.set(bytes, at)
  }

  bytes(bytes: Uint8Array): void {
    this.raw(bytes)
    this.uint32(bytes.length)
  }

  string(text: string): void {
    const size = Buffer.byteLength(text)
    const at = this.#reserve(size)
    this.#buffer.write(text, at, size, 'utf8')
    this.uint32(size)
  }
}

/** Reads a bounded range; every read outside of it is an error, never a wrong value. */
export class Reader {
  readonly #buffer: Buffer
  #at: number
  #end: number

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = 0
    this.#end = bytes.byteLength
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** Bytes read so far. */
  get at(): number {
    return this.#at
  }

  #take(bytes: number): number {
    const from = this.#at
    if (bytes > this.#end - from) throw malformed('message is cut off')
    this.#at = from + bytes
    return from
  }

  /** Low 32 bits of a varint, as other implementations read 32-bit fields that hold more. */
  uint32(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#buffer[this.#take(1)]!
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw malformed('varint is longer than 10 bytes')
  }

  uint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#buffer[this.#take(1)]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw malformed('varint is longer than 10 bytes')
  }

  fixed32(): number {
    return this.#buffer.readUInt32LE(this.#take(4))
  }

  fixed64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#take(8))
  }

  float(): number {
    return this.#buffer.readFloatLE(this.#take(4))
  }

  double(): number {
    return this.#buffer.readDoubleLE(this.#take(8))
  }

  /** A copy: the bytes outlive the message that carried them. */
  bytes(): Uint8Array {
    const size = this.uint32()
    const from = this.#take(size)
    return Uint8Array.prototype.slice.call(this.#buffer, from, from + size)
  }

  /** The same without a copy: for who looks at them and keeps nothing. */
  view(): Uint8Array {
    const size = this.uint32()
    const from = this.#take(size)
    return this.#buffer.subarray(from, from + size)
  }

  string(): string {
    const size = this.uint32()
    const from = this.#take(size)
    const slice = this.#buffer.subarray(from, from + size)
    if (!isUtf8(slice)) throw malformed('string is not valid UTF-8')
    return slice.toString('utf8')
  }

  /** Narrows the reader to the length-delimited value that follows; hand the result to `leave`. */
  enter(): number {
    const size = this.uint32()
    const outer = this.#end
    if (size > outer - this.#at) throw malformed('message is cut off')
    this.#end = this.#at + size
    return outer
  }

  leave(outer: number): void {
    this.#end = outer
  }

  skip(wire: number): void {
    if (wire === VARINT) this.uint64()
    else if (wire === FIXED64) this.#take(8)
    else if (wire === LENGTH) this.#take(this.uint32())
    else if (wire === FIXED32) this.#take(4)
    else throw malformed(`wire type ${wire} is not supported`)
  }
}
