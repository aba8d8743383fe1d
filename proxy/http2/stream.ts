import type { Fields } from '../http/message.ts'
import type { BodyReader, BodyWriter, ResetReason } from '../http/stream.ts'
import { spellTrailers } from '../http/spelling.ts'
import {
  codeOfReason,
  FLOW_CONTROL_ERROR,
  NO_ERROR,
  PROTOCOL_ERROR,
  reasonOfCode,
  STREAM_CLOSED,
} from './error-code.ts'
import { ByteQueue } from '../transport/byte-queue.ts'
import { UNKNOWN_LENGTH, type FieldBlock } from './field-block.ts'
import { END_STREAM, LARGEST_WINDOW } from './frame.ts'
import type { FrameWriter } from './frame-writer.ts'
import type { ResolvedOptions } from './options.ts'
import type { PeerSettings } from './settings.ts'

const NO_READER: BodyReader = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} }

type Writing =
  | 'writeData'
  | 'writeTrailers'
  | 'writeWindowUpdate'
  | 'beginBlock'
  | 'writeFields'
  | 'endBlock'
  | 'spellingOf'

/** What a stream needs of its connection. */
export interface StreamConnection extends Readonly<
  Pick<FrameWriter, 'transport' | 'guard' | 'sendWindow' | Writing>
> {
  readonly options: ResolvedOptions
  readonly peer: PeerSettings
  /** Window that a new stream starts with. */
  readonly firstStreamWindow: number
  /** Received for paused streams and still here. Bytes. */
  heldBytes: number
  /** Streams wait for the connection's window or the transport: who has something new stands behind them. */
  readonly hasWaiters: boolean
  /** The stream has bytes and a window of its own; it waits for the connection's or the transport. */
  awaitWindow(stream: Http2Stream): void
  /** Has onWritable called once the transport takes more. */
  awaitTransport(stream: Http2Stream): void
  /** Gives `length` bytes of the connection's window back. */
  credit(length: number): void
  /** Takes a stream whose halves both ended out of the table. */
  settle(stream: Http2Stream): void
  resetStream(stream: Http2Stream, code: number): void
  /** The peer broke a stream's rules; it was reset. */
  onStreamBroken(stream: Http2Stream): void
}

/** One stream, either role: both halves with their windows and what waits in them. */
export abstract class Http2Stream implements BodyWriter {
  readonly id: number
  readonly connection: StreamConnection
  reader: BodyReader = NO_READER

  /** Bytes that we may send. */
  sendWindow: number
  /** END_STREAM is on its way to the transport. */
  localEnded = false
  /** Stands in the connection's line for its window or the transport. */
  queuedToSend = false
  /** Waits to hear that the transport takes more. */
  queuedToWake = false
  /** data() returned false and onWritable has not followed. */
  owesWritable = false
  /** Nothing of what the caller sends has a place (HEAD, 204, 304). */
  bodiless = false
  /** Waits for a window or the transport; made when it is needed. */
  #queue: ByteQueue | undefined
  /** Some of the queue was sent since the last sweep; when the first sweep after that was. */
  #sentSinceSweep = false
  #stalledSince: number | undefined
  #endQueued = false
  #trailers: Fields | undefined

  /** END_STREAM was received. */
  remoteEnded = false
  /** Content that is still to come by content-length, or UNKNOWN_LENGTH. */
  bodyLeft = UNKNOWN_LENGTH
  /** Bytes that the peer may send. */
  #receiveWindow: number
  #windowSize: number
  /** Taken by the reader, not yet given back by WINDOW_UPDATE. */
  #consumed = 0
  #paused = false
  #pausedOnce = false
  /** Received while the reader paused; made when it is needed. */
  #held: ByteQueue | undefined
  #endHeld = false
  #trailersHeld: Fields | undefined
  /** Of the connection's window: held back because too much is held altogether. */
  #owedToConnection = 0

  /** A CONNECT: its bytes are the tunnel's, and it has no trailers. */
  tunnel = false
  /** Reset, from either side. */
  dead = false
  /** Not in the connection's table any more. */
  closed = false

  constructor(connection: StreamConnection, id: number) {
    this.connection = connection
    this.id = id
    this.sendWindow = connection.peer.initialWindowSize
    this.#receiveWindow = this.#windowSize = connection.firstStreamWindow
  }

  // --- The half that we send

  data(chunk: Uint8Array): boolean {
    if (this.dead || this.localEnded || this.#endQueued || this.bodiless || chunk.length === 0) return true
    const connection = this.connection
    const length = chunk.length
    let sent = 0
    if (!this.hasQueued && !connection.hasWaiters) {
      sent = Math.min(length, this.sendWindow, connection.sendWindow)
      if (sent > 0) {
        connection.writeData(this.id, chunk, 0, sent, 0)
        this.sendWindow -= sent
        if (sent === length) {
          if (!connection.transport.congested) return true
          connection.awaitTransport(this)
          return false
        }
      } else sent = 0
    }
    ;(this.#queue ??= new ByteQueue()).push(sent === 0 ? chunk : chunk.subarray(sent))
    this.owesWritable = true
    if (this.sendWindow > 0) connection.awaitWindow(this)
    return false
  }

  end(trailers: Fields | undefined): void {
    if (this.dead || this.localEnded || this.#endQueued) return
    if (this.hasQueued) {
      this.#endQueued = true
      this.#trailers = trailers
      return
    }
    this.#finish(trailers)
  }

  #finish(trailers: Fields | undefined): void {
    this.localEnded = true
    if (trailers !== undefined && trailers.length > 0) this.connection.writeTrailers(this.id, trailers)
    else this.connection.writeData(this.id, NO_BYTES, 0, 0, END_STREAM)
    this.connection.settle(this)
  }

  /** The peer wants no more of what we send: it goes nowhere. */
  stopSending(): void {
    this.#queue?.clear()
    this.#endQueued = false
    this.#trailers = undefined
    this.wake()
    this.localEnded = true
    this.connection.settle(this)
  }

  /** How long nothing of what waits could be sent, as far as sweeps have seen it. Milliseconds. */
  stalledFor(nowMs: number): number {
    if (!this.hasQueued || this.#sentSinceSweep) {
      this.#sentSinceSweep = false
      this.#stalledSince = undefined
      return 0
    }
    this.#stalledSince ??= nowMs
    return nowMs - this.#stalledSince
  }

  get hasQueued(): boolean {
    return this.#queue !== undefined && this.#queue.length > 0
  }

  /** Sends one frame of what is queued; the connection has a window and calls this in turns. */
  sendQueued(limit: number): void {
    const queue = this.#queue
    const first = queue?.first(Math.min(limit, this.sendWindow))
    if (!queue || !first || first.length === 0 || this.sendWindow <= 0) return
    this.sendWindow -= first.length
    const last = queue.length === first.length && this.#endQueued && !this.#trailers?.length
    this.connection.writeData(this.id, first, 0, first.length, last ? END_STREAM : 0)
    queue.drop(first.length)
    this.#sentSinceSweep = true
    if (queue.length > 0) return
    if (last) {
      this.localEnded = true
      this.connection.settle(this)
    } else if (this.#endQueued) this.#finish(this.#trailers)
    else if (this.connection.transport.congested) this.connection.awaitTransport(this)
    else this.wake()
  }

  wake(): void {
    if (!this.owesWritable || this.dead || this.#endQueued || this.localEnded) return
    this.owesWritable = false
    this.reader.onWritable()
  }

  /** WINDOW_UPDATE, or a new initial window (`delta` below 0 too). False: beyond 2^31-1. */
  widenSendWindow(delta: number): boolean {
    this.sendWindow += delta
    if (this.sendWindow > LARGEST_WINDOW) return false
    if (this.sendWindow > 0 && this.hasQueued) this.connection.awaitWindow(this)
    return true
  }

  reset(reason: ResetReason): void {
    if (this.dead) return
    // A server that has answered asks the rest of an upload to stop (RFC 9113 section 8.1).
    const code = this.localEnded && this.isServer ? NO_ERROR : codeOfReason(reason)
    this.#kill()
    if (!this.closed) this.connection.resetStream(this, code)
  }

  /** True in the server's role. */
  protected abstract readonly isServer: boolean

  // --- The half that the peer sends

  /** A DATA frame of `length` bytes, padding included, begins. False: it is not taken. */
  beginData(length: number): boolean {
    if (this.remoteEnded) {
      this.fail(STREAM_CLOSED, 'DATA after the end of the stream')
      return false
    }
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0) {
      this.fail(FLOW_CONTROL_ERROR, 'more DATA than the stream window allows')
      return false
    }
    return true
  }

  receive(bytes: Buffer): void {
    if (this.dead) return
    if (this.bodyLeft !== UNKNOWN_LENGTH) {
      this.bodyLeft -= bytes.length
      if (this.bodyLeft < 0) {
        this.fail(PROTOCOL_ERROR, 'more content than content-length says')
        return
      }
    }
    if (!this.#paused && this.#heldBytes === 0) return this.reader.onData(bytes)
    ;(this.#held ??= new ByteQueue()).push(bytes)
    this.connection.heldBytes += bytes.length
  }

  /** Something of what came waits for its reader. */
  get holds(): boolean {
    return this.#endHeld || this.#heldBytes > 0
  }

  get #heldBytes(): number {
    return this.#held === undefined ? 0 : this.#held.length
  }

  /** A whole DATA frame was taken: gives windows back where the reader keeps up. */
  endData(length: number): void {
    const connection = this.connection
    if (this.#heldBytes > 0 && connection.heldBytes > connection.options.heldBytes)
      this.#owedToConnection += length
    else connection.credit(length)
    this.#consumed += length
    this.#giveBack()
  }

  #giveBack(): void {
    if (this.remoteEnded || this.dead || this.#paused || this.#heldBytes > 0) return
    if (this.#consumed * 2 < this.#windowSize) return
    let increment = this.#consumed
    this.#consumed = 0
    // Who never paused gets the full window.
    const full = this.connection.options.streamWindowBytes
    if (!this.#pausedOnce && this.#windowSize < full) {
      increment += full - this.#windowSize
      this.#windowSize = full
    }
    this.#receiveWindow += increment
    this.connection.writeWindowUpdate(this.id, increment)
  }

  receiveEnd(trailers: Fields | undefined): void {
    if (this.dead) return
    if (this.bodyLeft > 0) {
      this.fail(PROTOCOL_ERROR, 'less content than content-length says')
      return
    }
    this.remoteEnded = true
    if (this.#heldBytes > 0 || this.#paused) {
      this.#endHeld = true
      this.#trailersHeld = trailers
    } else this.reader.onEnd(trailers)
    this.connection.settle(this)
  }

  /** A second block of fields: must be trailers. */
  receiveTrailers(block: FieldBlock, end: boolean): void {
    if (this.remoteEnded) return this.fail(STREAM_CLOSED, 'HEADERS after the end of the stream')
    // Section 8.5: nothing but DATA on a connected stream.
    if (this.tunnel) return this.fail(PROTOCOL_ERROR, 'HEADERS in a tunnel')
    if (!end) return this.fail(PROTOCOL_ERROR, 'trailers without END_STREAM')
    if (block.fault !== '') return this.fail(PROTOCOL_ERROR, `trailers: ${block.fault}`)
    if (block.hasPseudo) return this.fail(PROTOCOL_ERROR, 'a pseudo field in trailers')
    if (block.tooLarge) return this.fail(codeOfReason('overload'), 'trailers beyond the limits')
    if (block.spelling !== undefined) spellTrailers(block.fields, block.spelling)
    this.receiveEnd(block.fields)
  }

  pause(): void {
    this.#paused = this.#pausedOnce = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#held) this.#deliver(this.#held)
    if (this.#paused || this.dead) return
    this.#payConnection()
    if (this.#endHeld) {
      this.#endHeld = false
      this.reader.onEnd(this.#trailersHeld)
    } else this.#giveBack()
  }

  #deliver(held: ByteQueue): void {
    while (held.length > 0 && !this.#paused && !this.dead) {
      const bytes = held.take()
      this.connection.heldBytes -= bytes.length
      this.reader.onData(bytes)
      held.giveBack()
    }
  }

  #payConnection(): void {
    if (this.#owedToConnection === 0) return
    const owed = this.#owedToConnection
    this.#owedToConnection = 0
    this.connection.credit(owed)
  }

  // --- Both

  /** Breaks the stream for what the peer did: RST_STREAM to it, onReset to the reader. */
  fail(code: number, detail: string, reason: ResetReason = reasonOfCode(code)): void {
    if (this.dead) return
    this.#kill()
    this.connection.resetStream(this, code)
    this.connection.onStreamBroken(this)
    this.reader.onReset(reason, detail)
  }

  /** The stream ended from elsewhere: the peer's RST_STREAM, GOAWAY, the connection. */
  lose(reason: ResetReason, detail: string): void {
    if (this.dead) return
    // What is held of a message that came whole is still delivered, and tells that there is no answer to give.
    if (this.remoteEnded && this.localEnded) return
    this.#kill()
    this.reader.onReset(reason, detail)
  }

  #kill(): void {
    this.dead = true
    this.owesWritable = false
    this.#queue?.clear()
    this.connection.heldBytes -= this.#heldBytes
    this.#held?.clear()
    this.#endHeld = false
    this.#payConnection()
  }
}

const NO_BYTES = new Uint8Array(0)
