import { PEER_FRAME, SPELLING_SETTING } from '../../core/contract.ts'
import { LONGEST_PEER_WORKLOAD, parsePeerWorkload } from '../../core/peer-workload.ts'
import type { ResetReason } from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BlockReader, type BlockSink } from './block-reader.ts'
import { ClosedStreams } from './closed-streams.ts'
import {
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  FRAME_SIZE_ERROR,
  nameOfCode,
  NO_ERROR,
  PROTOCOL_ERROR,
  reasonOfCode,
  SETTINGS_TIMEOUT,
  STREAM_CLOSED,
} from './error-code.ts'
import type { FieldBlock } from './field-block.ts'
import { FloodGuard } from './flood-guard.ts'
import * as frame from './frame.ts'
import { FrameReader, type FrameSink } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import { IdleTimeout } from './idle-timeout.ts'
import { KeepAlive, type PingedConnection, type Urgency } from './keep-alive.ts'
import type { ResolvedOptions } from './options.ts'
import { SendTurns } from './send-turns.ts'
import {
  encodeSettings,
  HEADER_TABLE_SIZE,
  INITIAL_WINDOW_SIZE,
  MAX_HEADER_LIST_SIZE,
  PeerSettings,
} from './settings.ts'
import type { Http2Stream, StreamConnection } from './stream.ts'
import { StreamTable } from './stream-table.ts'

// For the peer to take what was written and to close.
const LINGER_AFTER_ERROR_MS = 1000
const LINGER_MS = 30_000

/** What both roles of an HTTP/2 connection share (RFC 9113): frames, settings, windows, the end. */
export abstract class Http2Connection
  extends FrameWriter
  implements TransportReader, FrameSink, BlockSink, StreamConnection, PingedConnection
{
  readonly options: ResolvedOptions
  readonly peer: PeerSettings
  readonly streams = new StreamTable()
  readonly closedStreams = new ClosedStreams()
  /** The block of fields that was decoded last. */
  readonly block: FieldBlock
  readonly #blocks: BlockReader
  readonly #reader: FrameReader
  readonly #turns: SendTurns
  readonly #keepAlive: KeepAlive | undefined
  readonly #idle: IdleTimeout | undefined

  /** No frame is read any more. */
  stopped = false
  readonly firstStreamWindow: number
  heldBytes = 0
  #receiveWindow: number
  #consumed = 0

  #sawSettings = false
  #sawPeer = false
  #cancelSettingsTimer: (() => void) | undefined
  #cancelLinger: (() => void) | undefined

  // The DATA frame that is being read.
  #dataStream: Http2Stream | undefined
  #dataFlags = 0
  #dataLength = 0

  constructor(transport: Transport, options: ResolvedOptions) {
    super(
      transport,
      new FloodGuard(options.clock, options.abandonedBurst, options.abandonedPerSecond),
      new HpackEncoder({ tableBytes: options.headerTableBytes }),
    )
    this.options = options
    this.peer = new PeerSettings(options.assumedStreams)
    this.#blocks = new BlockReader(this, options)
    this.block = this.#blocks.block
    this.#reader = new FrameReader(this)
    this.#turns = new SendTurns(this)
    // A peer that does not know our SETTINGS yet counts with the default.
    this.firstStreamWindow = Math.max(frame.DEFAULT_WINDOW_BYTES, options.streamWindowBytes >>> 2)
    this.#receiveWindow = Math.max(frame.DEFAULT_WINDOW_BYTES, options.connectionWindowBytes)
    if (options.idleTimeoutMs > 0) this.#idle = new IdleTimeout(this, options.idleTimeoutMs, options.clock)
    this.#keepAlive = options.keepAlive && new KeepAlive(this, options.keepAlive, options.clock)
  }

  /** Until its SETTINGS are here, the other end of a link is taken to be of our version. */
  protected override get saysSpelling(): boolean {
    return this.options.spelling && (this.peer.spelling || !this.peer.received)
  }

  /** Sends SETTINGS (`entries` of the role first) and opens the connection's window. */
  protected sendSettings(entries: number[]): void {
    const options = this.options
    entries.push(
      INITIAL_WINDOW_SIZE,
      this.firstStreamWindow,
      MAX_HEADER_LIST_SIZE,
      options.headLimits.maxBytes,
    )
    if (options.headerTableBytes > 4096) entries.push(HEADER_TABLE_SIZE, options.headerTableBytes)
    if (options.spelling) entries.push(SPELLING_SETTING, 1)
    this.writeFrame(frame.SETTINGS, 0, 0, encodeSettings(entries))
    const more = this.#receiveWindow - frame.DEFAULT_WINDOW_BYTES
    if (more > 0) this.writeWindowUpdate(0, more)
    this.#cancelSettingsTimer = options.clock.after(options.settingsTimeoutMs, () =>
      this.fail(SETTINGS_TIMEOUT, 'SETTINGS were not acknowledged in time'),
    )
    this.#keepAlive?.start()
    this.#idle?.start()
    this.transport.reader = this
  }

  get active(): number {
    return this.streams.size
  }

  get urgency(): Urgency {
    return this.streams.size > 0 ? 'stream' : 'nothing'
  }

  onSuspect(_suspect: boolean): void {}

  /** Somebody waits for the peer's answer from now on. */
  protected asked(): void {
    this.#keepAlive?.asked()
  }

  // --- What the roles differ in

  /** Whether no frame of this stream may come yet. */
  protected abstract isIdle(streamId: number): boolean
  /** `this.block` holds a decoded block of fields. */
  protected abstract onHeaders(streamId: number, end: boolean): void
  protected abstract onPeerReset(stream: Http2Stream, code: number): void
  protected abstract onGoaway(lastStreamId: number, code: number): void
  abstract drain(): void
  /** A stream left the table. */
  protected abstract onStreamGone(): void
  abstract onStreamBroken(stream: Http2Stream): void
  /** The highest stream of the peer that we processed. */
  protected abstract readonly lastProcessed: number
  protected abstract readonly isServer: boolean
  protected onPeerSettings(): void {}
  protected onPong(_payload: number): void {}
  /** Once, after every stream was reset. */
  protected abstract onOver(): void

  // --- Transport

  onData(chunk: Buffer): void {
    this.#keepAlive?.heard()
    if (!this.stopped) this.#reader.push(chunk, 0)
  }

  protected readFrames(chunk: Buffer, at: number): void {
    this.#reader.push(chunk, at)
  }

  /** HTTP/2 has no half-closed connections: a peer that sends FIN is gone. */
  onEnd(): void {
    if (!this.stopped) this.shut(this.isServer ? 'cancel' : 'connection', 'the peer closed the connection')
    else this.transport.end()
  }

  onWritable(): void {
    this.#turns.run()
    this.#turns.wake()
  }

  onClose(error: Error | undefined): void {
    this.stopped = true
    this.#cancelSettingsTimer?.()
    this.#cancelLinger?.()
    this.#keepAlive?.stop()
    this.#idle?.stop()
    const detail = error === undefined ? 'the connection was closed' : error.message
    this.#loseAll(this.isServer && error === undefined ? 'cancel' : 'connection', detail)
    this.onOver()
  }

  destroy(reason: ResetReason = 'connection'): void {
    if (!this.stopped) {
      this.stopped = true
      this.#loseAll(reason, 'the connection was closed')
    }
    this.transport.destroy()
  }

  /** Ends the connection for what the peer did. */
  fail(code: number, detail: string): void {
    if (this.stopped) return
    this.writeGoaway(this.lastProcessed, code, detail)
    this.shut(reasonOfCode(code), `${nameOfCode(code)}: ${detail}`, LINGER_AFTER_ERROR_MS)
  }

  /** Loses the streams that are open, sends what was written, and FIN. */
  protected shut(reason: ResetReason, detail: string, lingerMs = LINGER_MS): void {
    this.stopped = true
    this.#cancelSettingsTimer?.()
    this.#keepAlive?.stop()
    this.#idle?.stop()
    this.#loseAll(reason, detail)
    this.transport.end()
    this.#cancelLinger ??= this.options.clock.after(lingerMs, () => this.transport.destroy())
  }

  #loseAll(reason: ResetReason, detail: string): void {
    if (this.streams.size === 0) return
    const streams = this.streams.all()
    this.streams.clear()
    for (const stream of streams) {
      stream.closed = true
      stream.lose(reason, detail)
    }
  }

  // --- Streams

  settle(stream: Http2Stream): void {
    if (!stream.localEnded || !stream.remoteEnded || stream.closed) return
    this.#remove(stream, false)
  }

  #remove(stream: Http2Stream, reset: boolean): void {
    stream.closed = true
    this.streams.delete(stream)
    this.closedStreams.add(stream.id, reset)
    if (this.streams.size === 0) this.#idle?.streamOver()
    this.onStreamGone()
  }

  resetStream(stream: Http2Stream, code: number): void {
    this.writeReset(stream.id, code)
    if (!stream.closed) this.#remove(stream, true)
  }

  /** Takes a stream out that ended without our RST_STREAM. */
  protected loseStream(stream: Http2Stream, reason: ResetReason, detail: string): void {
    if (!stream.closed) this.#remove(stream, false)
    stream.lose(reason, detail)
  }

  /** Refuses a stream that nobody has seen yet. */
  protected refuse(streamId: number, code: number): void {
    this.writeReset(streamId, code)
    this.closedStreams.add(streamId, true)
  }

  protected countIdleFrame(): boolean {
    if (this.guard.idleFrame(this.transport.congested)) return true
    this.fail(ENHANCE_YOUR_CALM, 'too many frames without effect')
    return false
  }

  /** A frame with content for a stream that is not open. */
  protected afterClose(streamId: number): void {
    if (!this.countIdleFrame() || this.closedStreams.wasReset(streamId)) return
    this.writeReset(streamId, STREAM_CLOSED)
  }

  // --- Frames that come

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.#dataStream = undefined
    this.#dataFlags = flags
    this.#dataLength = length
    if (this.#blocks.openStream !== 0 || !this.#sawSettings)
      return this.fail(PROTOCOL_ERROR, 'DATA where another frame must stand')
    if (streamId === 0 || this.isIdle(streamId)) return this.fail(PROTOCOL_ERROR, 'DATA on an idle stream')
    this.#receiveWindow -= length
    if (this.#receiveWindow < 0) return this.fail(FLOW_CONTROL_ERROR, 'more DATA than the window allows')
    if (length > 0) this.guard.progress()
    else if ((flags & frame.END_STREAM) === 0 && !this.countIdleFrame()) return
    const stream = this.streams.get(streamId)
    if (stream === undefined) this.afterClose(streamId)
    else if (stream.beginData(length)) this.#dataStream = stream
  }

  onDataBytes(bytes: Buffer): void {
    if (this.#dataStream !== undefined) this.#dataStream.receive(bytes)
  }

  onDataEnd(): void {
    const stream = this.#dataStream
    if (stream === undefined || stream.dead) {
      this.credit(this.#dataLength)
      return
    }
    const end = (this.#dataFlags & frame.END_STREAM) !== 0
    if (end) stream.receiveEnd(undefined)
    stream.endData(this.#dataLength)
  }

  onFrameTooLong(): void {
    this.fail(FRAME_SIZE_ERROR, 'a frame is longer than 16384 bytes')
  }

  onBadPadding(): void {
    this.fail(PROTOCOL_ERROR, 'padding is longer than the frame')
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    if (!this.#sawSettings && (type !== frame.SETTINGS || (flags & frame.ACK) !== 0))
      return this.fail(PROTOCOL_ERROR, 'the first frame is not SETTINGS')
    const openBlock = this.#blocks.openStream
    if (openBlock !== 0 && (type !== frame.CONTINUATION || streamId !== openBlock))
      return this.fail(PROTOCOL_ERROR, 'a block of fields is interrupted')
    switch (type) {
      case frame.HEADERS:
        return this.#blocks.headers(flags, streamId, bytes, from, to)
      case frame.CONTINUATION:
        return this.#blocks.continuation(flags, bytes, from, to)
      case frame.WINDOW_UPDATE:
        return this.#windowUpdate(streamId, bytes, from, to)
      case frame.RST_STREAM:
        return this.#rstStream(streamId, bytes, from, to)
      case frame.SETTINGS:
        return this.#settings(flags, streamId, bytes, from, to)
      case frame.PING:
        return this.#ping(flags, streamId, bytes, from, to)
      case frame.GOAWAY:
        return this.#goaway(streamId, bytes, from, to)
      case frame.PRIORITY:
        return this.#priority(streamId, bytes, from, to)
      case frame.PUSH_PROMISE:
        return this.fail(PROTOCOL_ERROR, 'PUSH_PROMISE is not enabled')
      case PEER_FRAME:
        return this.#peerSays(streamId, bytes, from, to)
      default:
        // Section 5.5: unknown types are ignored.
        this.countIdleFrame()
    }
  }

  /** The first one of a connection counts; one that says nothing that can be read is as any unknown frame. */
  #peerSays(streamId: number, bytes: Buffer, from: number, to: number): void {
    const { onPeer } = this.options
    if (!this.countIdleFrame() || !onPeer || this.#sawPeer || streamId !== 0) return
    if (to - from > LONGEST_PEER_WORKLOAD) return
    this.#sawPeer = true
    const workload = bytes.latin1Slice(from, to)
    if (parsePeerWorkload(workload)) onPeer(workload)
  }

  onBlock(streamId: number, end: boolean): void {
    // A server of ours may be asked in bad faith; what we asked for comes on a connection of many.
    if (this.block.bomb && this.isServer)
      return this.fail(ENHANCE_YOUR_CALM, 'a block of fields that unpacks to many times the limit')
    this.guard.progress()
    this.onHeaders(streamId, end)
  }

  #windowUpdate(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4) return this.fail(FRAME_SIZE_ERROR, 'WINDOW_UPDATE has 4 bytes')
    if (!this.countIdleFrame()) return
    const increment = frame.readUint32(bytes, from) & 0x7fff_ffff
    if (streamId === 0) {
      if (increment === 0) return this.fail(PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
      this.sendWindow += increment
      if (this.sendWindow > frame.LARGEST_WINDOW) return this.fail(FLOW_CONTROL_ERROR, 'the window overflows')
      this.#turns.run()
      return
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.isIdle(streamId)) this.fail(PROTOCOL_ERROR, 'WINDOW_UPDATE on an idle stream')
    } else if (increment === 0) stream.fail(PROTOCOL_ERROR, 'WINDOW_UPDATE of 0')
    else if (stream.widenSendWindow(increment)) this.#turns.run()
    else stream.fail(FLOW_CONTROL_ERROR, 'the window overflows')
  }

  #rstStream(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (to - from !== 4) return this.fail(FRAME_SIZE_ERROR, 'RST_STREAM has 4 bytes')
    if (streamId === 0 || this.isIdle(streamId))
      return this.fail(PROTOCOL_ERROR, 'RST_STREAM on an idle stream')
    const stream = this.streams.get(streamId)
    if (stream === undefined) this.countIdleFrame()
    else this.onPeerReset(stream, frame.readUint32(bytes, from))
  }

  #settings(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId !== 0) return this.fail(PROTOCOL_ERROR, 'SETTINGS on a stream')
    if ((flags & frame.ACK) !== 0) {
      if (to !== from) return this.fail(FRAME_SIZE_ERROR, 'an acknowledgement with content')
      this.#cancelSettingsTimer?.()
      this.countIdleFrame()
      return
    }
    this.#sawSettings = true
    if (!this.countIdleFrame()) return
    const before = this.peer.initialWindowSize
    const error = this.peer.apply(bytes, from, to, !this.isServer)
    if (error !== NO_ERROR) return this.fail(error, 'SETTINGS are malformed')
    if (this.peer.leastHeaderTableSize < this.peer.headerTableSize)
      this.encoder.setPeerLimit(this.peer.leastHeaderTableSize)
    this.encoder.setPeerLimit(this.peer.headerTableSize)
    this.writeFrame(frame.SETTINGS, frame.ACK, 0, undefined)
    const delta = this.peer.initialWindowSize - before
    if (delta !== 0) {
      for (const stream of this.streams.all())
        // Section 6.9.2: a window may become negative, but not too large.
        if (!stream.widenSendWindow(delta)) return this.fail(FLOW_CONTROL_ERROR, 'a window overflows')
      this.#turns.run()
    }
    this.onPeerSettings()
  }

  #ping(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId !== 0) return this.fail(PROTOCOL_ERROR, 'PING on a stream')
    if (to - from !== 8) return this.fail(FRAME_SIZE_ERROR, 'PING has 8 bytes')
    if (!this.countIdleFrame()) return
    if ((flags & frame.ACK) === 0) this.writeFrame(frame.PING, frame.ACK, 0, bytes.subarray(from, to))
    else this.onPong(frame.readUint32(bytes, from + 4))
  }

  #goaway(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId !== 0) return this.fail(PROTOCOL_ERROR, 'GOAWAY on a stream')
    if (to - from < 8) return this.fail(FRAME_SIZE_ERROR, 'GOAWAY has at least 8 bytes')
    if (!this.countIdleFrame()) return
    this.onGoaway(frame.readUint32(bytes, from) & 0x7fff_ffff, frame.readUint32(bytes, from + 4))
  }

  // Section 5.3: priorities are not used, but RFC 7540's rules of form are kept.
  #priority(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId === 0) return this.fail(PROTOCOL_ERROR, 'PRIORITY on stream 0')
    if (!this.countIdleFrame()) return
    const badSize = to - from !== 5
    if (!badSize && (frame.readUint32(bytes, from) & 0x7fff_ffff) !== streamId) return
    const code = badSize ? FRAME_SIZE_ERROR : PROTOCOL_ERROR
    const stream = this.streams.get(streamId)
    if (stream !== undefined) stream.fail(code, 'PRIORITY is malformed')
    else if (this.isIdle(streamId)) this.fail(code, 'PRIORITY is malformed')
    else this.writeReset(streamId, code)
  }

  // --- Windows

  /** Gives `length` bytes of the connection's window back, in steps of half of it. */
  credit(length: number): void {
    this.#consumed += length
    const size = Math.max(frame.DEFAULT_WINDOW_BYTES, this.options.connectionWindowBytes)
    if (this.#consumed * 2 < size || this.stopped) return
    this.#receiveWindow += this.#consumed
    this.writeWindowUpdate(0, this.#consumed)
    this.#consumed = 0
  }

  get hasWaiters(): boolean {
    return this.#turns.waiting
  }

  awaitWindow(stream: Http2Stream): void {
    this.#turns.add(stream)
  }

  awaitTransport(stream: Http2Stream): void {
    stream.owesWritable = true
    this.#turns.addWaking(stream)
  }
}
