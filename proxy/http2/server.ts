import { UPGRADE_HEADER } from '../../core/contract.ts'
import { field, type ResponseHead } from '../http/message.ts'
import type { ServerConnection, ServerHandler, ServerStream } from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import { Http2Connection } from './connection.ts'
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  nameOfCode,
  NO_ERROR,
  PROTOCOL_ERROR,
  reasonOfCode,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from './error-code.ts'
import { UNKNOWN_LENGTH } from './field-block.ts'
import { LARGEST_STREAM_ID, PREFACE } from './frame.ts'
import { resolveOptions, type Http2Options, type ResolvedOptions } from './options.ts'
import { readRequestHead } from './request-head.ts'
import { tunnelStatus, writeStatus } from './response-head.ts'
import { ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS } from './settings.ts'
import { Http2Stream, type StreamConnection } from './stream.ts'

// Room for :status.
const STATUS_BYTES = 24
const DRAIN_PING = 2
// For the PING of a drain to come back.
const DRAIN_PING_MS = 1000
// What a client began between a PING and the GOAWAY behind it is here a round trip later. Milliseconds, at least.
const DRAIN_GRACE_MS = 10

/**
 * Serves HTTP/2 (RFC 9113, extended CONNECT by RFC 8441) on a connection that starts with the client's
 * preface. Bytes that were read before go to `transport.reader.onData`.
 */
export function serveHttp2(
  transport: Transport,
  handler: ServerHandler,
  options: Http2Options = {},
): ServerConnection {
  return new Http2Server(transport, handler, resolveOptions(options))
}

class Http2ServerStream extends Http2Stream implements ServerStream {
  /** In the connection's clock. Milliseconds. */
  readonly openedAt: number
  /** The final head was sent. */
  answered = false
  readonly #headRequest: boolean
  readonly #extendedConnect: boolean
  protected readonly isServer = true

  constructor(
    connection: StreamConnection,
    id: number,
    headRequest: boolean,
    extendedConnect: boolean,
    openedAt: number,
  ) {
    super(connection, id)
    this.#headRequest = headRequest
    this.#extendedConnect = extendedConnect
    this.openedAt = openedAt
  }

  informational(head: ResponseHead): void {
    if (this.dead || this.answered) return
    this.#write(head.status, head, false)
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.dead || this.answered) return
    this.answered = true
    const ignored = this.#extendedConnect && field(head.fields, UPGRADE_HEADER) !== undefined
    const status = this.#extendedConnect && !ignored ? tunnelStatus(head.status) : head.status
    this.bodiless = this.#headRequest || status === 204 || status === 304
    // A tunnel that was refused is a request as any.
    if (status >= 300) this.tunnel = false
    this.connection.guard.answered()
    this.#write(status, head, end)
    if (!end) return
    this.localEnded = true
    this.connection.settle(this)
  }

  #write(status: number, head: ResponseHead, end: boolean): void {
    const connection = this.connection
    const spelling = connection.spellingOf(head)
    writeStatus(connection.beginBlock(head.fields, spelling, STATUS_BYTES), status)
    connection.writeFields(head.fields, spelling)
    connection.endBlock(this.id, end)
  }
}

class Http2Server extends Http2Connection implements ServerConnection {
  protected readonly isServer = true
  readonly #handler: ServerHandler
  #prefaceAt = 0
  #lastOpened = 0
  #lastProcessed = 0
  #draining = false
  #sentLastGoaway = false
  #drainedAt = 0
  #cancelDrainTimer: (() => void) | undefined
  // Streams that the client reset in this turn of the event loop: they keep their places until it is over,
  // so that what one read can start is bounded by the places (CVE-2023-44487).
  #resetInTurn = 0
  readonly #release = (): void => {
    this.#resetInTurn = 0
  }

  constructor(transport: Transport, handler: ServerHandler, options: ResolvedOptions) {
    super(transport, options)
    this.#handler = handler
    this.sendSettings([MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams, ENABLE_CONNECT_PROTOCOL, 1])
  }

  protected get lastProcessed(): number {
    return this.#lastProcessed
  }

  override onData(chunk: Buffer): void {
    if (this.#prefaceAt === PREFACE.length) return super.onData(chunk)
    let at = 0
    while (at < chunk.length && this.#prefaceAt < PREFACE.length)
      if (chunk[at++] !== PREFACE[this.#prefaceAt++]) return this.fail(PROTOCOL_ERROR, 'no HTTP/2 preface')
    if (!this.stopped) this.readFrames(chunk, at)
  }

  protected isIdle(streamId: number): boolean {
    return streamId > this.#lastOpened || (streamId & 1) === 0
  }

  protected onHeaders(streamId: number, end: boolean): void {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) stream.receiveTrailers(this.block, end)
    else if (streamId > this.#lastOpened && (streamId & 1) === 1) this.#open(streamId, end)
    // Section 5.1.1: numbers only grow.
    else if (this.isIdle(streamId) || !this.closedStreams.mayHaveBeenOpen(streamId))
      this.fail(PROTOCOL_ERROR, 'the number of a stream is out of order')
    // Section 5.1: a connection error where the peer itself ended the stream.
    else if (this.closedStreams.hasEnded(streamId)) this.fail(STREAM_CLOSED, 'HEADERS on a closed stream')
    else this.afterClose(streamId)
  }

  #open(streamId: number, end: boolean): void {
    this.#lastOpened = streamId
    // Section 6.8: what comes after the last GOAWAY was told that it is not processed.
    if (this.#sentLastGoaway) return this.closedStreams.add(streamId, true)
    const block = this.block
    if (this.streams.size + this.#resetInTurn >= this.options.maxConcurrentStreams) {
      this.refuse(streamId, REFUSED_STREAM)
      this.countIdleFrame()
      return
    }
    this.#lastProcessed = streamId
    const now = this.options.clock.now()
    if (block.tooLarge) return this.#tooLarge(streamId, end, now)
    const head = readRequestHead(block)
    if (typeof head === 'string' || (end && block.contentLength > 0)) {
      this.refuse(streamId, PROTOCOL_ERROR)
      this.#handler.onRefused(0, typeof head === 'string' ? head : 'content-length without content')
      this.#countAbandoned(now)
      return
    }
    const stream = new Http2ServerStream(this, streamId, head.method === 'HEAD', head.upgrade !== '', now)
    stream.tunnel = head.upgrade !== '' || head.method === 'CONNECT'
    stream.bodyLeft = stream.tunnel ? UNKNOWN_LENGTH : block.contentLength
    stream.remoteEnded = end
    this.streams.add(stream)
    stream.reader = this.#handler.onRequest(stream, head, end)
  }

  #tooLarge(streamId: number, end: boolean, now: number): void {
    writeStatus(this.beginBlock([], '', STATUS_BYTES), 431)
    this.endBlock(streamId, true)
    if (end) this.closedStreams.add(streamId, false)
    else this.refuse(streamId, NO_ERROR)
    this.#handler.onRefused(431, 'the head is beyond the limits')
    this.#countAbandoned(now)
  }

  #countAbandoned(since: number): void {
    if (!this.guard.abandonedSince(since)) this.fail(ENHANCE_YOUR_CALM, 'too many abandoned requests')
  }

  protected onPeerReset(stream: Http2Stream, code: number): void {
    if (this.#resetInTurn++ === 0) setImmediate(this.#release)
    this.loseStream(stream, reasonOfCode(code), `the client reset the stream: ${nameOfCode(code)}`)
    this.onStreamBroken(stream)
  }

  onStreamBroken(stream: Http2Stream): void {
    if (stream instanceof Http2ServerStream && !stream.answered) this.#countAbandoned(stream.openedAt)
  }

  /** Section 8.1: an answer that is whole before its request asks for the rest to stop; so nobody waits for that. */
  override settle(stream: Http2Stream): void {
    if (!stream.localEnded || stream.remoteEnded || stream.tunnel || stream.dead) super.settle(stream)
    else stream.reset('cancel')
  }

  sweep(nowMs: number, limitMs: number): void {
    for (const stream of this.streams.all())
      if (stream.stalledFor(nowMs) >= limitMs)
        stream.fail(CANCEL, 'the client took nothing of its answer', 'stalled')
  }

  /** The client goes: what it asked for is still answered. */
  protected onGoaway(): void {
    this.#draining = true
    this.#finishDrain()
  }

  protected onStreamGone(): void {
    if (this.#sentLastGoaway && this.streams.size === 0 && !this.stopped) this.shut('cancel', 'drained')
  }

  /**
   * Section 6.8: first a GOAWAY that refuses nothing, and the real one when all that was on its way is here. The PING that
   * tells stands before it: clients are about that take nothing after a GOAWAY but what belongs to their streams.
   */
  drain(): void {
    if (this.#draining || this.stopped) return
    this.#draining = true
    this.#drainedAt = this.options.clock.now()
    this.writePing(DRAIN_PING)
    this.writeGoaway(LARGEST_STREAM_ID, NO_ERROR, '')
    this.#cancelDrainTimer = this.options.clock.after(DRAIN_PING_MS, () => this.#finishDrain())
  }

  protected override onPong(payload: number): void {
    if (payload !== DRAIN_PING || !this.#draining || this.#sentLastGoaway) return
    const { clock } = this.options
    this.#cancelDrainTimer?.()
    const graceMs = Math.max(DRAIN_GRACE_MS, Math.min(DRAIN_PING_MS, clock.now() - this.#drainedAt))
    this.#cancelDrainTimer = clock.after(graceMs, () => this.#finishDrain())
  }

  #finishDrain(): void {
    this.#cancelDrainTimer?.()
    if (this.#sentLastGoaway || this.stopped) return
    this.#sentLastGoaway = true
    this.writeGoaway(this.#lastProcessed, NO_ERROR, '')
    this.onStreamGone()
  }

  protected onOver(): void {
    this.#cancelDrainTimer?.()
    this.#handler.onClose()
  }
}
