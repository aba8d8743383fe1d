import { HEAD_LIMITS, type HeadLimits } from '../http/head-limits.ts'
import type { RequestHead, ResponseHead } from '../http/message.ts'
import type {
  ClientConnection,
  ClientHandler,
  ClientStream,
  ClientStreamReader,
  ResetReason,
} from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BodyDecoder, type BodySink } from './body-decoder.ts'
import { Http1ClientStream } from './client-stream.ts'
import { type Deadlines, type Perishable, systemDeadlines } from './deadlines.ts'
import { LINGER_MS, MAX_INFORMATIONAL } from './limits.ts'
import { malformed, MessageError } from './message-error.ts'
import type { ParsedResponse } from './response-head.ts'
import { ResponseReader } from './response-reader.ts'
import type { StreamOwner } from './stream.ts'

export interface Http1ClientOptions {
  /**
   * An unused connection closes after this; 0: no limit. Default 4 s: Node's servers close after 5 s, and the
   * side that sends requests should be the first. A shorter `Keep-Alive: timeout` of the server counts.
   */
  readonly idleTimeoutMs?: number
  /** Of the heads and trailers of answers. Default `HEAD_LIMITS`. */
  readonly headLimits?: HeadLimits
  /** For tests. */
  readonly deadlines?: Deadlines
}

/**
 * Sends HTTP/1.1 requests (RFC 9112) on a connection that we opened, one at a time. `open` where `free` is 0,
 * or with a head that cannot be sent, gives a dead stream whose reader is told in a microtask.
 * `onChange` is called when the connection becomes free or closed, not by `open` itself.
 */
export function connectHttp1(
  transport: Transport,
  handler: ClientHandler,
  options: Http1ClientOptions,
): ClientConnection {
  const connection = new Http1Client(transport, handler, options)
  transport.reader = connection
  return connection
}

class Http1Client implements ClientConnection, StreamOwner, TransportReader, BodySink, Perishable {
  readonly protocol = 'http/1.1'
  readonly transport: Transport
  carried = 0
  closed = false
  closedIdle = false
  announcedIdleMs: number | undefined = undefined
  deadline = Infinity
  readonly #handler: ClientHandler
  readonly #deadlines: Deadlines
  readonly #heads: ResponseReader
  readonly #decoder: BodyDecoder
  #idleTimeoutMs: number
  #stream: Http1ClientStream | undefined
  #headDone = false
  #keepAlive = true
  #draining = false
  #pausedByReader = false
  /** Bytes given to the socket when the request was opened. */
  #handedBefore = -1

  constructor(transport: Transport, handler: ClientHandler, options: Http1ClientOptions) {
    this.transport = transport
    this.#handler = handler
    const limits = options.headLimits ?? HEAD_LIMITS
    this.#heads = new ResponseReader(limits)
    this.#decoder = new BodyDecoder(limits)
    this.#idleTimeoutMs = options.idleTimeoutMs || (options.idleTimeoutMs === 0 ? Infinity : 4_000)
    this.#deadlines = options.deadlines ?? systemDeadlines
    this.#deadlines.add(this)
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
  }

  get active(): number {
    return this.#stream === undefined ? 0 : 1
  }

  get free(): number {
    return this.#stream === undefined && !this.closed && !this.#draining ? 1 : 0
  }

  get endedByPeer(): boolean {
    return this.transport.endedByPeer ?? false
  }

  open(head: RequestHead, end: boolean, reader: ClientStreamReader): ClientStream {
    const stream = new Http1ClientStream(this, head, reader)
    if (this.free === 0) {
      stream.over = true
      queueMicrotask(() => reader.onReset('refused', 'the connection takes no request now'))
      return stream
    }
    this.#handedBefore = this.transport.handed ?? -1
    const problem = stream.start(head, end)
    if (problem !== undefined) {
      stream.over = true
      queueMicrotask(() => reader.onReset('protocol', problem))
      return stream
    }
    this.#stream = stream
    this.#headDone = false
    this.deadline = Infinity
    return stream
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    if (this.#stream === undefined) this.#close()
  }

  destroy(): void {
    this.transport.destroy()
  }

  // From the server.

  onData(chunk: Buffer): void {
    const stream = this.#stream
    if (stream === undefined) {
      // Bytes that no request asked for could only pass for the answer to the next one.
      if (this.closed) return
      this.closedIdle = true
      return this.#destroyNow()
    }
    if (!stream.answered) {
      if (this.#nothingSent) {
        // Likewise: our request has not left yet.
        this.#fail('refused', 'the server sent bytes before it was asked')
        return
      }
      stream.answered = true
    }
    if (stream.responseEnded) return this.#destroyNow()
    let at = 0
    try {
      while (at < chunk.length) {
        at = this.#step(stream, chunk, at)
        if (this.#stream !== stream) return
        if (stream.responseEnded && at < chunk.length) return this.#destroyNow()
      }
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      this.#fail('protocol', error.message)
    }
  }

  onEnd(): void {
    const stream = this.#stream
    if (stream === undefined) {
      this.closedIdle = !this.closed
      return this.#close()
    }
    this.#keepAlive = false
    if (stream.responseEnded) {
      // It answered and heard enough; the rest of the request goes nowhere.
      if (!stream.tunnel) this.#abandonRequest(stream)
    } else if (stream.tunnel) {
      stream.responseEnded = true
      stream.reader.onEnd(undefined)
      if (stream.ended && this.#stream === stream) this.#finish(stream)
    } else if (this.#headDone && this.#decoder.untilClose) {
      this.#responseWhole(stream, true)
    } else this.#fail(this.#nothingSent ? 'refused' : 'connection', this.#lossDetail())
  }

  get awaitsPeer(): boolean {
    return this.#stream !== undefined
  }

  get awaitsAnswer(): boolean {
    return this.#stream !== undefined && !this.#headDone
  }

  onPeerSilent(silent: boolean): void {
    if (!silent) return
    this.#handler.onSilent?.()
    if (this.#stream !== undefined && !this.#headDone) this.#stream.reader.onSilent?.()
  }

  onWritable(): void {
    const stream = this.#stream
    if (stream !== undefined && !stream.ended) stream.reader.onWritable()
  }

  onClose(error: Error | undefined): void {
    this.#deadlines.remove(this)
    const stream = this.#stream
    const wasClosed = this.closed
    this.closed = true
    if (stream === undefined) this.closedIdle ||= !wasClosed
    else if (stream.responseEnded && !stream.tunnel) this.#abandonRequest(stream)
    else {
      const reason = this.#nothingSent ? 'refused' : 'connection'
      const detail = error?.message ?? this.#lossDetail()
      this.#closeStream(stream)
      stream.reader.onReset(reason, detail)
    }
    if (!wasClosed) this.#handler.onChange()
  }

  onDeadline(): void {
    if (this.closed) this.transport.destroy()
    else if (this.#stream === undefined) this.#close()
  }

  onBody(chunk: Buffer): void {
    this.#stream?.reader.onData(chunk)
  }

  // From its stream.

  sendingEnded(stream: Http1ClientStream): void {
    if (stream.tunnel) this.transport.end()
    if (stream.responseEnded) this.#finish(stream)
  }

  sendingFailed(_stream: Http1ClientStream, detail: string): void {
    this.#fail('protocol', detail)
  }

  streamReset(stream: Http1ClientStream): void {
    this.#closeStream(stream)
    this.#destroyNow()
  }

  pauseReading(on: boolean): void {
    if (this.#pausedByReader === on) return
    this.#pausedByReader = on
    if (on) this.transport.pause()
    else this.transport.resume()
  }

  // Taking bytes.

  #step(stream: Http1ClientStream, chunk: Buffer, at: number): number {
    if (stream.tunnel) {
      stream.reader.onData(at === 0 ? chunk : chunk.subarray(at))
      return chunk.length
    }
    if (this.#headDone) {
      const end = this.#decoder.feed(chunk, at, this)
      if (this.#stream === stream && this.#decoder.done) this.#responseWhole(stream, end === chunk.length)
      return end
    }
    const heads = this.#heads
    const response = heads.read(chunk, at)
    const position = heads.position
    if (response !== undefined) this.#response(stream, response, position === chunk.length)
    return position
  }

  /** `last`: nothing follows in what was read. */
  #response(stream: Http1ClientStream, response: ParsedResponse, last: boolean): void {
    const head = response.head
    const status = head.status
    if (status < 200) return this.#interim(stream, response)
    this.#keepAlive = response.keepAlive
    const seconds = response.keepAliveSeconds
    if (seconds >= 0) {
      this.announcedIdleMs = seconds * 1000
      // Close a second before the server does; below 2 s at half the time.
      const limit = seconds < 2 ? seconds * 500 : (seconds - 1) * 1000
      if (limit < this.#idleTimeoutMs) this.#idleTimeoutMs = limit
      if (limit === 0) this.#keepAlive = false
    }
    this.#headDone = true
    if (stream.method === 'CONNECT' && status < 300) return this.#tunnel(stream, head)
    if (stream.wantsTunnel) {
      stream.refuseTunnel()
      // After a refused CONNECT the two sides may disagree on where requests begin.
      if (stream.method === 'CONNECT') this.#keepAlive = false
    }
    // RFC 9112 section 6.3.
    if (stream.method === 'HEAD' || status === 204 || status === 304) this.#decoder.startLength(0)
    else if (response.chunked) this.#decoder.startChunked()
    else if (response.contentLength >= 0) this.#decoder.startLength(response.contentLength)
    else {
      this.#keepAlive = false
      this.#decoder.startUntilClose()
    }
    if (!this.#decoder.done) return stream.reader.onHead(head, false)
    stream.responseEnded = true
    const done = stream.ended && this.#settle(stream, last)
    stream.reader.onHead(head, true)
    if (done) this.#tellIfFree()
  }

  #interim(stream: Http1ClientStream, response: ParsedResponse): void {
    const head = response.head
    if (response.chunked || response.contentLength > 0) {
      throw malformed('interim_body', 'an interim response can have no body')
    }
    if (head.status === 101) {
      if (stream.upgrade === '' || response.upgrade.toLowerCase() !== stream.upgrade) {
        throw malformed('upgrade', 'the server switched to a protocol that was not asked for', 'upgrade')
      }
      this.#headDone = true
      return this.#tunnel(stream, head)
    }
    if (++stream.informationals > MAX_INFORMATIONAL) {
      throw malformed('too_many_interim', 'the server sent too many interim responses')
    }
    stream.reader.onInformational(head)
  }

  #tunnel(stream: Http1ClientStream, head: ResponseHead): void {
    this.#keepAlive = false
    // First: whoever hears of it may send at once what its caller sent ahead.
    stream.openTunnel()
    stream.reader.onHead(head, false)
  }

  #responseWhole(stream: Http1ClientStream, last: boolean): void {
    const trailers = this.#decoder.trailers
    stream.responseEnded = true
    const done = stream.ended && this.#settle(stream, last)
    stream.reader.onEnd(trailers)
    if (done) this.#tellIfFree()
  }

  // Between requests.

  /** After both halves. The connection is free before the reader hears of the end, so that it may use it. */
  #settle(stream: Http1ClientStream, last: boolean): boolean {
    this.#closeStream(stream)
    if (!last) this.#destroyNow()
    else if (!this.#keepAlive || this.#draining) this.#close()
    else this.deadline = this.#deadlines.now + this.#idleTimeoutMs
    return true
  }

  #tellIfFree(): void {
    if (this.free === 1) this.#handler.onChange()
  }

  #finish(stream: Http1ClientStream): void {
    this.#settle(stream, true)
    this.#tellIfFree()
  }

  #closeStream(stream: Http1ClientStream): void {
    stream.over = true
    this.#stream = undefined
    this.carried++
    this.#decoder.stop()
    this.#heads.clear()
    if (this.#pausedByReader) this.pauseReading(false)
  }

  /** The answer is whole, but the server takes no more of the request: what its writer still sends is dropped. */
  #abandonRequest(stream: Http1ClientStream): void {
    this.#closeStream(stream)
    this.#destroyNow()
    stream.reader.onWritable()
  }

  #fail(reason: ResetReason, detail: string): void {
    const stream = this.#stream as Http1ClientStream
    this.#closeStream(stream)
    this.#destroyNow()
    stream.reader.onReset(reason, detail)
  }

  /** No byte of the request was given to the socket: whatever ended the connection, the server has read nothing. */
  get #nothingSent(): boolean {
    return this.#handedBefore === this.transport.handed
  }

  #lossDetail(): string {
    if (this.#stream?.answered) return 'the server closed the connection inside its response'
    return 'the server closed the connection without a response'
  }

  /** Nothing more is read or written. */
  #destroyNow(): void {
    this.transport.destroy()
    this.#markClosed()
  }

  /** FIN after what was written. */
  #close(): void {
    if (this.closed) return
    this.transport.end()
    this.deadline = this.#deadlines.now + LINGER_MS
    this.#markClosed()
  }

  #markClosed(): void {
    if (this.closed) return
    this.closed = true
    this.#handler.onChange()
  }
}
