import { SPELLING_HEADER } from '../../core/contract.ts'
import type { Fields } from '../http/message.ts'
import { spellingOfTrailers, type Spelling } from '../http/spelling.ts'
import type { Transport } from '../transport/transport.ts'
import type { FloodGuard } from './flood-guard.ts'
import * as frame from './frame.ts'
import { BLOCK_OVERHEAD, FIELD_OVERHEAD, type HpackEncoder } from './hpack/encoder.ts'

const EMPTY = Buffer.alloc(0)
// Payloads above this are handed to the transport apart from their frame header.
const COPIED_WITH_HEADER = 2048

/** The frames that a connection sends (RFC 9113 section 6), straight into the transport's buffer. */
export class FrameWriter {
  readonly transport: Transport
  readonly guard: FloodGuard
  readonly encoder: HpackEncoder
  /** Bytes that we may send on all streams together. */
  sendWindow = frame.DEFAULT_WINDOW_BYTES

  // The block that is being written.
  #outBuffer: Buffer = EMPTY
  #outAt = 0
  #outInPlace = false

  constructor(transport: Transport, guard: FloodGuard, encoder: HpackEncoder) {
    this.transport = transport
    this.guard = guard
    this.encoder = encoder
  }

  writeData(streamId: number, bytes: Uint8Array, from: number, to: number, flags: number): void {
    const transport = this.transport
    this.sendWindow -= to - from
    for (;;) {
      const count = Math.min(to - from, frame.DEFAULT_FRAME_BYTES)
      const more = from + count < to
      const small = count <= COPIED_WITH_HEADER
      const { buffer, at } = transport.reserve(frame.FRAME_HEADER_BYTES + (small ? count : 0))
      frame.writeFrameHeader(buffer, at, count, frame.DATA, more ? 0 : flags, streamId)
      const whole = from === 0 && count === bytes.length
      if (small) {
        if (count > 0)
          buffer.set(whole ? bytes : bytes.subarray(from, from + count), at + frame.FRAME_HEADER_BYTES)
        transport.commit(frame.FRAME_HEADER_BYTES + count)
      } else {
        transport.commit(frame.FRAME_HEADER_BYTES)
        transport.write(whole ? bytes : bytes.subarray(from, from + count))
      }
      this.guard.progress()
      if (!more) return
      from += count
    }
  }

  /** The peer may be told how names are written. */
  protected get saysSpelling(): boolean {
    return false
  }

  /** What the peer is told of how a message's names are written, or ''. */
  spellingOf({ spelling }: { readonly spelling?: Spelling | undefined }): string {
    return spelling !== undefined && this.saysSpelling ? spelling.text : ''
  }

  /** Starts a block with room for the text in `fields`, `spelling`, and `pseudoBytes`. End it by `endBlock`. */
  beginBlock(fields: Fields, spelling: string, pseudoBytes: number): HpackEncoder {
    let bytes =
      frame.FRAME_HEADER_BYTES + BLOCK_OVERHEAD + pseudoBytes + (fields.length >> 1) * FIELD_OVERHEAD
    if (spelling !== '') bytes += SPELLING_HEADER.length + spelling.length + FIELD_OVERHEAD
    for (let i = 0; i < fields.length; i++) bytes += (fields[i] as string).length
    this.#outInPlace = bytes <= frame.DEFAULT_FRAME_BYTES
    if (this.#outInPlace) {
      const { buffer, at } = this.transport.reserve(bytes)
      this.#outBuffer = buffer
      this.#outAt = at
    } else {
      this.#outBuffer = Buffer.allocUnsafe(bytes)
      this.#outAt = 0
    }
    this.encoder.begin(this.#outBuffer, this.#outAt + frame.FRAME_HEADER_BYTES)
    return this.encoder
  }

  writeFields(fields: Fields, spelling: string): void {
    const encoder = this.encoder
    for (let i = 0; i < fields.length; i += 2) encoder.field(fields[i] as string, fields[i + 1] as string)
    if (spelling !== '') encoder.field(SPELLING_HEADER, spelling)
  }

  endBlock(streamId: number, end: boolean): void {
    const from = this.#outAt + frame.FRAME_HEADER_BYTES
    const length = this.encoder.position - from
    const flags = end ? frame.END_STREAM : 0
    this.guard.progress()
    if (this.#outInPlace) {
      frame.writeFrameHeader(
        this.#outBuffer,
        this.#outAt,
        length,
        frame.HEADERS,
        flags | frame.END_HEADERS,
        streamId,
      )
      this.transport.commit(frame.FRAME_HEADER_BYTES + length)
      return
    }
    for (let sent = 0; sent === 0 || sent < length;) {
      const count = Math.min(length - sent, frame.DEFAULT_FRAME_BYTES)
      const last = sent + count === length ? frame.END_HEADERS : 0
      const type = sent === 0 ? frame.HEADERS : frame.CONTINUATION
      const part = this.#outBuffer.subarray(from + sent, from + sent + count)
      this.writeFrame(type, (sent === 0 ? flags : 0) | last, streamId, part)
      sent += count
    }
    this.#outBuffer = EMPTY
  }

  writeTrailers(streamId: number, trailers: Fields): void {
    const spelling = this.saysSpelling ? (spellingOfTrailers(trailers)?.text ?? '') : ''
    this.beginBlock(trailers, spelling, 0)
    this.writeFields(trailers, spelling)
    this.endBlock(streamId, true)
  }

  writeWindowUpdate(streamId: number, increment: number): void {
    this.#writeNumber(frame.WINDOW_UPDATE, streamId, increment)
  }

  writeReset(streamId: number, code: number): void {
    this.#writeNumber(frame.RST_STREAM, streamId, code)
  }

  #writeNumber(type: number, streamId: number, value: number): void {
    const { buffer, at } = this.transport.reserve(frame.FRAME_HEADER_BYTES + 4)
    frame.writeFrameHeader(buffer, at, 4, type, 0, streamId)
    frame.writeUint32(buffer, at + frame.FRAME_HEADER_BYTES, value)
    this.transport.commit(frame.FRAME_HEADER_BYTES + 4)
  }

  /** PING whose last four bytes are `payload`. */
  writePing(payload: number): void {
    const bytes = Buffer.alloc(8)
    frame.writeUint32(bytes, 4, payload)
    this.writeFrame(frame.PING, 0, 0, bytes)
  }

  protected writeGoaway(lastStreamId: number, code: number, detail: string): void {
    const payload = Buffer.alloc(8 + detail.length)
    frame.writeUint32(payload, 0, lastStreamId)
    frame.writeUint32(payload, 4, code)
    payload.write(detail, 8, 'latin1')
    this.writeFrame(frame.GOAWAY, 0, 0, payload)
  }

  protected writeFrame(type: number, flags: number, streamId: number, payload: Uint8Array | undefined): void {
    const length = payload === undefined ? 0 : payload.length
    const { buffer, at } = this.transport.reserve(frame.FRAME_HEADER_BYTES + length)
    frame.writeFrameHeader(buffer, at, length, type, flags, streamId)
    if (payload !== undefined) buffer.set(payload, at + frame.FRAME_HEADER_BYTES)
    this.transport.commit(frame.FRAME_HEADER_BYTES + length)
  }
}
