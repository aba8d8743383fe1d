import { COMPRESSION_ERROR, ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, PROTOCOL_ERROR } from './error-code.ts'
import { FieldBlock } from './field-block.ts'
import * as frame from './frame.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import type { ResolvedOptions } from './options.ts'

// Frames that one block of fields may be spread over, beyond those that it fills, and how far its bytes may go beyond
// the decoded limit.
const CONTINUATION_SLACK = 16
const BLOCK_SLACK = 16 * 1024

/** Takes blocks as they are whole. */
export interface BlockSink {
  /** `block` of the reader holds the fields, decoded. `end`: END_STREAM came with them. */
  onBlock(streamId: number, end: boolean): void
  /** A frame whose padding is not shorter than its payload. */
  onBadPadding(): void
  /** The connection cannot go on. */
  fail(code: number, detail: string): void
}

/** Puts blocks of fields together from HEADERS and CONTINUATION (RFC 9113 sections 6.2 and 6.10) and decodes them. */
export class BlockReader {
  /** What was decoded last. */
  readonly block: FieldBlock
  /** Whose block the next frame has to go on with; 0: none is open. */
  openStream = 0
  readonly #sink: BlockSink
  readonly #decoder: HpackDecoder
  readonly #mostBytes: number
  readonly #mostFrames: number
  #flags = 0
  #parts: Buffer[] = []
  #bytes = 0
  #selfDependent = false

  constructor(sink: BlockSink, options: ResolvedOptions) {
    this.#sink = sink
    const { maxBytes } = options.headLimits
    this.block = new FieldBlock(options.headLimits, options.spelling)
    this.#decoder = new HpackDecoder(Math.max(4096, options.headerTableBytes))
    this.#mostBytes = maxBytes + BLOCK_SLACK
    this.#mostFrames = CONTINUATION_SLACK + Math.ceil(maxBytes / frame.DEFAULT_FRAME_BYTES)
  }

  /** The payload of a frame is `from..to` of `bytes`. */
  headers(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const sink = this.#sink
    if (streamId === 0) return sink.fail(PROTOCOL_ERROR, 'HEADERS on stream 0')
    if ((flags & frame.PADDED) !== 0) {
      if (from === to) return sink.fail(FRAME_SIZE_ERROR, 'HEADERS without the length of its padding')
      to -= bytes[from++] as number
    }
    this.#selfDependent = false
    if ((flags & frame.HAS_PRIORITY) !== 0) {
      if (to - from < 5)
        return sink.fail(to < from ? PROTOCOL_ERROR : FRAME_SIZE_ERROR, 'HEADERS is cut short')
      this.#selfDependent = (frame.readUint32(bytes, from) & 0x7fff_ffff) === streamId
      from += 5
    }
    if (to < from) return sink.onBadPadding()
    if ((flags & frame.END_HEADERS) !== 0) return this.#decode(streamId, flags, bytes, from, to)
    this.openStream = streamId
    this.#flags = flags
    this.#bytes = to - from
    this.#parts.push(Buffer.from(bytes.subarray(from, to)))
  }

  continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    const streamId = this.openStream
    if (streamId === 0) return this.#sink.fail(PROTOCOL_ERROR, 'CONTINUATION without HEADERS')
    this.#bytes += to - from
    // CVE-2024-27983 and its like: bounded in count and bytes before anything is decoded.
    if (this.#parts.length > this.#mostFrames || this.#bytes > this.#mostBytes)
      return this.#sink.fail(ENHANCE_YOUR_CALM, 'a block of fields is too long')
    this.#parts.push(Buffer.from(bytes.subarray(from, to)))
    if ((flags & frame.END_HEADERS) === 0) return
    const block = Buffer.concat(this.#parts)
    this.#parts = []
    this.openStream = 0
    this.#decode(streamId, this.#flags, block, 0, block.length)
  }

  #decode(streamId: number, flags: number, bytes: Buffer, from: number, to: number): void {
    const block = this.block
    block.begin()
    if (!this.#decoder.decode(bytes, from, to, block))
      return this.#sink.fail(COMPRESSION_ERROR, 'a block of fields cannot be decoded')
    if (this.#selfDependent) block.fault ||= 'a stream depends on itself'
    this.#sink.onBlock(streamId, (flags & frame.END_STREAM) !== 0)
  }
}
