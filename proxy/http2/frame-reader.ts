import { DATA, DEFAULT_FRAME_BYTES, FRAME_HEADER_BYTES, PADDED, readUint32 } from './frame.ts'

/** Takes frames as they come. Any call may set `stopped`, after which nothing more is read. */
export interface FrameSink {
  readonly stopped: boolean
  /** A DATA frame begins; `length` counts padding too. */
  onDataFrame(streamId: number, flags: number, length: number): void
  /** A part of its payload, never empty. Valid during the call. */
  onDataBytes(bytes: Buffer): void
  /** The frame that began is whole. */
  onDataEnd(): void
  /** Any other frame; the payload is `from..to` of `bytes`, valid during the call. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void
  /** A frame longer than 16,384 bytes, our SETTINGS_MAX_FRAME_SIZE. */
  onFrameTooLong(type: number, length: number): void
  /** A DATA frame whose padding is not shorter than its payload. */
  onBadPadding(): void
}

/**
 * Cuts a byte stream into frames, whatever pieces it comes in. Payloads of DATA are handed on without a
 * copy; other frames are copied only where a read boundary divides them.
 */
export class FrameReader {
  readonly #sink: FrameSink
  // What of a frame's head or of a divided frame's payload has come.
  #partial: Buffer = Buffer.allocUnsafeSlow(64)
  #have = 0
  #inPayload = false

  #type = 0
  #flags = 0
  #streamId = 0
  #length = 0
  // Inside a DATA frame: bytes of content, then of padding; the pad length itself may be still to come.
  #inData = false
  #content = 0
  #padding = 0
  #needsPadLength = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  push(chunk: Buffer, at: number): void {
    const sink = this.#sink
    const end = chunk.length
    while (at < end && !sink.stopped) {
      if (this.#inData) {
        at = this.#data(chunk, at)
      } else if (this.#inPayload) {
        at = this.#fill(chunk, at, this.#length)
        if (this.#have === this.#length) {
          this.#have = 0
          this.#inPayload = false
          sink.onFrame(this.#type, this.#flags, this.#streamId, this.#partial, 0, this.#length)
        }
      } else if (this.#have === 0 && end - at >= FRAME_HEADER_BYTES) {
        this.#head(chunk, at)
        at = this.#begin(chunk, at + FRAME_HEADER_BYTES)
      } else {
        at = this.#fill(chunk, at, FRAME_HEADER_BYTES)
        if (this.#have === FRAME_HEADER_BYTES) {
          this.#have = 0
          this.#head(this.#partial, 0)
          at = this.#begin(chunk, at)
        }
      }
    }
  }

  #head(bytes: Buffer, at: number): void {
    this.#length =
      ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number)
    this.#type = bytes[at + 3] as number
    this.#flags = bytes[at + 4] as number
    // The reserved bit is ignored (section 4.1).
    this.#streamId = readUint32(bytes, at + 5) & 0x7fff_ffff
  }

  #begin(chunk: Buffer, at: number): number {
    const length = this.#length
    const sink = this.#sink
    if (length > DEFAULT_FRAME_BYTES) {
      sink.onFrameTooLong(this.#type, length)
      return at
    }
    if (this.#type === DATA) {
      this.#content = length
      this.#padding = 0
      this.#needsPadLength = (this.#flags & PADDED) !== 0
      if (this.#needsPadLength && length === 0) {
        sink.onBadPadding()
        return at
      }
      this.#inData = true
      sink.onDataFrame(this.#streamId, this.#flags, length)
      return sink.stopped ? at : this.#data(chunk, at)
    }
    if (chunk.length - at >= length) {
      sink.onFrame(this.#type, this.#flags, this.#streamId, chunk, at, at + length)
      return at + length
    }
    this.#inPayload = true
    return at
  }

  #data(chunk: Buffer, at: number): number {
    if (this.#needsPadLength && at < chunk.length) {
      this.#needsPadLength = false
      this.#padding = chunk[at++] as number
      this.#content -= 1 + this.#padding
      if (this.#content < 0) {
        this.#sink.onBadPadding()
        return at
      }
    }
    if (this.#needsPadLength) return at
    const left = chunk.length - at
    if (this.#content > 0 && left > 0) {
      const count = left < this.#content ? left : this.#content
      this.#content -= count
      this.#sink.onDataBytes(chunk.subarray(at, at + count))
      at += count
      if (this.#sink.stopped) return at
    }
    if (this.#content === 0) {
      const skip = Math.min(chunk.length - at, this.#padding)
      this.#padding -= skip
      at += skip
      if (this.#padding === 0) {
        this.#inData = false
        this.#sink.onDataEnd()
      }
    }
    return at
  }

  /** Collects up to `wanted` bytes in #partial. */
  #fill(chunk: Buffer, at: number, wanted: number): number {
    if (this.#partial.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(wanted < 1024 ? 1024 : DEFAULT_FRAME_BYTES)
      this.#partial.copy(larger, 0, 0, this.#have)
      this.#partial = larger
    }
    const count = Math.min(wanted - this.#have, chunk.length - at)
    chunk.copy(this.#partial, this.#have, at, at + count)
    this.#have += count
    return at + count
  }
}
