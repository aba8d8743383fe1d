import { HEAD_LIMITS, type HeadLimits } from '../http/head-limits.ts'
import type { BodyReader, ResetReason, ServerConnection, ServerHandler } from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BodyDecoder, type BodySink } from './body-decoder.ts'
import { type Deadlines, type Perishable, systemDeadlines } from './deadlines.ts'
import { LINGER_MS, MAX_DISCARD_BYTES } from './limits.ts'
import { Linger } from './linger.ts'
import { MessageError } from './message-error.ts'
import type { ParsedRequest } from './request-head.ts'
import { RequestReader } from './request-reader.ts'
import { errorResponse } from './error-response.ts'
import { Http1ServerStream, type ServerStreamOwner } from './server-stream.ts'

export interface Http1ServerOptions {
  /** What the client used: `https` over TLS. Default `http`. */
  readonly scheme?: string
  /** From the first byte of a head to its last; 0: no limit. Default 60 s. */
  readonly headersTimeoutMs?: number
  /** Between requests; 0: no limit. Default 1 h. */
  readonly idleTimeoutMs?: number
  /**
   * A client that ends its side waits for the answer (RFC 9112 section 9.6). Default false: it has given up, as to nginx
   * and Envoy, since nothing else tells of one that leaves.
   */
  readonly keepHalfClosed?: boolean
  /** Of heads and trailers. Default `HEAD_LIMITS`. */
  readonly headLimits?: HeadLimits
  /** For tests. */
  readonly deadlines?: Deadlines
}

/**
 * Serves HTTP/1.1 and 1.0 (RFC 9112) on a connection that a client opened. Requests are answered one after
 * the other; what a client sends ahead waits in its socket. After the end of an answer its request's reader
 * hears nothing more: what is left of the request is read and dropped, within bounds.
 */
export function serveHttp1(
  transport: Transport,
  handler: ServerHandler,
  options: Http1ServerOptions,
): ServerConnection {
  const connection = new Http1Server(transport, handler, options)
  transport.reader = connection
  return connection
}

const IDLE = 0
const HEAD = 1
const BUSY = 2
const TUNNEL = 3
/** Our last byte is written; what still comes is dropped until the client has seen it. */
const LINGERING = 4
const CLOSED = 5

class Http1Server implements ServerConnection, ServerStreamOwner, TransportReader, BodySink, Perishable {
  readonly transport: Transport
  deadline = Infinity
  readonly #handler: ServerHandler
  readonly #headersTimeoutMs: number
  readonly #idleTimeoutMs: number
  readonly #keepHalfClosed: boolean
  readonly #deadlines: Deadlines
  readonly #heads: RequestReader
  readonly #decoder: BodyDecoder
  readonly #lingering = new Linger()

  #phase = IDLE
  #stream: Http1ServerStream | undefined
  #requestDone = true
  #keepAlive = true
  /** Bytes that came before their turn, copied: the next request (pipelining), or a tunnel's first. */
  #ahead: Buffer | undefined
  #pausedByReader = false
  #pausedForTurn = false
  #processing = false
  /** Bytes of a request that was answered early. */
  #discarded = 0
  #draining = false
  #peerEnded = false
  #destroyReason: ResetReason | undefined

  constructor(transport: Transport, handler: ServerHandler, options: Http1ServerOptions) {
    this.transport = transport
    this.#handler = handler
    const limits = options.headLimits ?? HEAD_LIMITS
    this.#heads = new RequestReader(options.scheme ?? 'http', limits)
    this.#decoder = new BodyDecoder(limits)
    this.#headersTimeoutMs = options.headersTimeoutMs || (options.headersTimeoutMs === 0 ? Infinity : 60_000)
    this.#idleTimeoutMs = options.idleTimeoutMs || (options.idleTimeoutMs === 0 ? Infinity : 3_600_000)
    this.#keepHalfClosed = options.keepHalfClosed ?? false
    this.#deadlines = options.deadlines ?? systemDeadlines
    this.#deadlines.add(this)
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
  }

  // ServerConnection.

  get active(): number {
    return this.#stream === undefined ? 0 : 1
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    // A request may be on its way here: it is answered, and learns by `connection: close` that it was the last.
    if (this.#phase !== IDLE) return
    this.deadline = this.#deadlines.now + LINGER_MS
  }

  destroy(reason?: ResetReason): void {
    if (this.#phase === CLOSED) return
    this.#destroyReason = reason
    this.transport.destroy()
  }

  // From the client.

  onData(chunk: Buffer): void {
    if (this.#ahead !== undefined) this.#ahead = Buffer.concat([this.#ahead, chunk])
    else this.#process(chunk)
  }

  onEnd(): void {
    this.#peerEnded = true
    if (this.#ahead === undefined) this.#afterEnd()
  }

  /** The client ended its side, and every byte before that was taken. */
  get #nothingFollows(): boolean {
    return this.#peerEnded && this.#ahead === undefined && !this.#processing
  }

  onWritable(): void {
    const stream = this.#stream
    if (stream?.started && !stream.ended) stream.reader?.onWritable()
  }

  onClose(error: Error | undefined): void {
    if (this.#phase === CLOSED) return
    const whole = this.#requestDone
    const reader = this.#closeStream()
    this.#phase = CLOSED
    this.#ahead = undefined
    this.#deadlines.remove(this)
    reader?.onReset(
      this.#destroyReason ?? (whole ? 'cancel' : 'connection'),
      error?.message ?? 'the connection was closed',
    )
    this.#handler.onClose()
  }

  onDeadline(): void {
    if (this.#phase === HEAD) this.#refuse(new MessageError(408, 'head_timeout', 'the head took too long'))
    else if (this.#phase === IDLE) this.#linger()
    else if (this.#phase === BUSY) this.#finish(false)
    else {
      const unread = (this.transport.pending ?? 0) > 0
      const byMs = Math.min(this.#headersTimeoutMs, 60_000)
      const deadline = unread ? this.#lingering.extend(this.#deadlines.now, byMs) : undefined
      if (deadline === undefined) this.transport.destroy()
      else this.deadline = deadline
    }
  }

  onBody(chunk: Buffer): void {
    const stream = this.#stream as Http1ServerStream
    if (!stream.ended) return stream.reader?.onData(chunk)
    this.#discarded += chunk.length
    if (this.#discarded > MAX_DISCARD_BYTES) this.#finish(false)
  }

  // From its stream.

  mayKeepAlive(stream: Http1ServerStream, end: boolean): boolean {
    if (!this.#keepAlive || this.#draining || this.#nothingFollows || stream.method === 'CONNECT')
      return false
    if (this.#requestDone) return true
    // RFC 9110 section 10.1.1: a client without its 100 may or may not send what it announced.
    return !stream.awaitsContinue && !(end && this.#decoder.bytesLeft > MAX_DISCARD_BYTES)
  }

  tunnelOpened(stream: Http1ServerStream): void {
    this.#phase = TUNNEL
    this.#requestDone = false
    // Inside `onRequest` there is no reader yet: `#start` goes on.
    if (stream.reader !== undefined) this.#takeAhead()
  }

  tunnelRefused(stream: Http1ServerStream): void {
    if (!stream.ended) stream.reader?.onEnd(undefined)
  }

  sendingEnded(stream: Http1ServerStream): void {
    if (stream.tunnel) {
      this.transport.end()
      if (this.#requestDone) this.#tunnelOver()
      return
    }
    if (this.#requestDone) return this.#finish(true)
    if (stream.closes || stream.awaitsContinue || this.#decoder.bytesLeft > MAX_DISCARD_BYTES) {
      return this.#finish(false)
    }
    // An early answer: the rest of the request is dropped, and must come soon.
    this.#discarded = 0
    this.deadline = this.#deadlines.now + LINGER_MS
    this.pauseReading(false)
  }

  sendingFailed(stream: Http1ServerStream, detail: string): void {
    const reader = this.#closeStream()
    if (stream.started) {
      // What was sent must not pass for a whole answer.
      this.#phase = LINGERING
      this.transport.abort()
    } else {
      const text = 'the response of the upstream cannot be sent in HTTP/1.1'
      this.transport.writeLatin1(errorResponse(502, text))
      this.#linger()
    }
    reader?.onReset('protocol', detail)
  }

  streamReset(stream: Http1ServerStream): void {
    const graceful = stream.ended && !stream.tunnel
    this.#closeStream()
    if (graceful) return this.#linger()
    this.#phase = LINGERING
    this.transport.abort()
  }

  pauseReading(on: boolean): void {
    if (this.#pausedByReader === on) return
    this.#pausedByReader = on
    this.#applyPause()
  }

  // Taking bytes.

  #process(chunk: Buffer): void {
    this.#processing = true
    let at = 0
    try {
      while (at < chunk.length) at = this.#step(chunk, at)
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      this.#refuse(error)
    } finally {
      this.#processing = false
    }
  }

  /** Takes something from `at` on; returns where it stopped. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#phase) {
      case IDLE:
      case HEAD:
        return this.#headBytes(chunk, at)
      case BUSY:
        if (!this.#requestDone) return this.#bodyBytes(chunk, at)
        // The next request, or a tunnel's first bytes: both wait for the answer.
        this.#ahead = Buffer.from(chunk.subarray(at))
        this.#pausedForTurn = true
        this.#applyPause()
        return chunk.length
      case TUNNEL:
        if (!this.#requestDone) this.#stream?.reader?.onData(at === 0 ? chunk : chunk.subarray(at))
        return chunk.length
      default:
        this.deadline = this.#lingering.heard(this.#deadlines.now, this.deadline)
        return chunk.length
    }
  }

  #headBytes(chunk: Buffer, at: number): number {
    const heads = this.#heads
    const request = heads.read(chunk, at)
    const position = heads.position
    if (request !== undefined) this.#start(request)
    else if (this.#phase === IDLE && heads.within) {
      this.#phase = HEAD
      this.deadline = this.#deadlines.now + this.#headersTimeoutMs
    }
    return position
  }

  #start(request: ParsedRequest): void {
    const head = request.head
    if (request.chunked) this.#decoder.startChunked()
    else this.#decoder.startLength(request.contentLength > 0 ? request.contentLength : 0)
    const whole = this.#decoder.done
    this.#requestDone = whole
    this.#keepAlive = request.keepAlive
    this.#phase = BUSY
    this.deadline = Infinity
    const stream = new Http1ServerStream(
      this,
      head.method,
      head.upgrade,
      request.http10,
      request.expectContinue && !whole,
    )
    this.#stream = stream
    const tunnel = stream.wantsTunnel
    const reader = this.#handler.onRequest(stream, head, whole && !tunnel)
    stream.reader = reader
    // The handler may have answered before it returned.
    if (this.#stream !== stream || !tunnel || !stream.started) return
    if (stream.tunnel) this.#takeAhead()
    else if (!stream.ended) reader.onEnd(undefined)
  }

  #bodyBytes(chunk: Buffer, at: number): number {
    const end = this.#decoder.feed(chunk, at, this)
    if (this.#phase === BUSY && this.#decoder.done && !this.#requestDone) {
      this.#requestDone = true
      const stream = this.#stream as Http1ServerStream
      if (stream.ended) this.#finish(true)
      else stream.reader?.onEnd(this.#decoder.trailers)
    }
    return end
  }

  /** The client's FIN, once all that came before it was taken. */
  #afterEnd(): void {
    switch (this.#phase) {
      case TUNNEL:
        if (this.#requestDone) return
        this.#requestDone = true
        this.#stream?.reader?.onEnd(undefined)
        if (this.#stream?.ended) this.#tunnelOver()
        return
      case BUSY: {
        const whole = this.#requestDone
        if (whole && this.#keepHalfClosed) return
        const stream = this.#stream as Http1ServerStream
        if (stream.ended) return this.#finish(false)
        const reader = this.#closeStream()
        this.#phase = LINGERING
        this.transport.destroy()
        if (whole) reader?.onReset('cancel', 'the client left before its answer')
        else reader?.onReset('connection', 'the client closed the connection inside a request')
        return
      }
      case IDLE:
      case HEAD:
        this.#linger()
        return
      default:
    }
  }

  // Between requests.

  /** The stream is over; its reader, unless it was told everything. */
  #closeStream(): BodyReader | undefined {
    const stream = this.#stream
    if (stream === undefined) return undefined
    this.#stream = undefined
    stream.over = true
    this.#decoder.stop()
    const told = stream.ended && (!stream.tunnel || this.#requestDone)
    return told ? undefined : stream.reader
  }

  #finish(whole: boolean): void {
    const stream = this.#stream as Http1ServerStream
    this.#closeStream()
    const keepsAlive = whole && this.#keepAlive && !stream.closes && !this.#draining
    if (!keepsAlive || this.#nothingFollows) return this.#linger()
    this.#phase = IDLE
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
    if (this.#pausedByReader) this.pauseReading(false)
    if (!this.#processing) this.#takeAhead()
  }

  #tunnelOver(): void {
    this.#closeStream()
    this.#linger()
  }

  /** What waited for its turn. */
  #takeAhead(): void {
    const ahead = this.#ahead
    if (ahead === undefined) return
    this.#ahead = undefined
    this.#pausedForTurn = false
    this.#applyPause()
    this.#process(ahead)
    if (this.#peerEnded && this.#ahead === undefined) this.#afterEnd()
  }

  #applyPause(): void {
    if (this.#pausedByReader || this.#pausedForTurn) this.transport.pause()
    else this.transport.resume()
  }

  #refuse(error: MessageError): void {
    if (this.#phase >= LINGERING) return
    const stream = this.#stream
    const reader = this.#closeStream()
    if (stream?.started && !stream.ended) {
      this.#phase = LINGERING
      this.transport.abort()
    } else {
      if (!stream?.ended) this.transport.writeLatin1(errorResponse(error.status, error.message))
      this.#linger()
    }
    if (stream === undefined) this.#handler.onRefused(error.status, error.code)
    else reader?.onReset('protocol', error.message)
  }

  /** FIN after our last byte, and reading on for a moment. */
  #linger(): void {
    if (this.#phase >= LINGERING) return
    this.#phase = LINGERING
    this.#ahead = undefined
    this.#heads.clear()
    this.deadline = this.#lingering.begin(this.#deadlines.now)
    this.#pausedByReader = false
    this.#pausedForTurn = false
    this.transport.end()
    this.transport.resume()
  }
}
