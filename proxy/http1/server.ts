import type { RequestHead } from '../http/message.ts'
import type { BodyReader, ResetReason, ServerConnection, ServerHandler } from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BodyDecoder, type BodySink } from './body-decoder.ts'
import { CR, LF } from './characters.ts'
import { type Deadlines, type Perishable, systemDeadlines } from './deadlines.ts'
import { INCOMPLETE } from './field-lines.ts'
import { HeadBlock } from './head-block.ts'
import {
  LINGER_MS,
  LONGEST_LINGER_MS,
  MAX_DISCARD_BYTES,
  MAX_HEAD_BYTES,
  MAX_TARGET_BYTES,
} from './limits.ts'
import { malformed, MessageError } from './message-error.ts'
import { parseRequestHead, request } from './request-head.ts'
import { type ExchangeOwner, ServerExchange } from './server-exchange.ts'
import { statusLine } from './status-line.ts'

export interface Http1ServerOptions {
  /** What the client used: `https` over TLS. Default `http`. */
  readonly scheme?: string
  /** From the first byte of a head to its last; 0: no limit. Default 60 s. */
  readonly headersTimeoutMs?: number
  /** Between requests; 0: no limit. Default 1 h. */
  readonly idleTimeoutMs?: number
  /** Of a head. Default 60 KiB. */
  readonly maxHeaderBytes?: number
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

class Http1Server implements ServerConnection, ExchangeOwner, TransportReader, BodySink, Perishable {
  readonly transport: Transport
  deadline = Infinity
  readonly #handler: ServerHandler
  readonly #scheme: string
  readonly #headersTimeoutMs: number
  readonly #idleTimeoutMs: number
  readonly #maxHeaderBytes: number
  readonly #deadlines: Deadlines
  readonly #block = new HeadBlock()
  readonly #decoder = new BodyDecoder()

  #phase = IDLE
  #exchange: ServerExchange | undefined
  #requestDone = true
  #keepAlive = true
  /** Bytes that came before their turn, copied. */
  #held: Buffer | undefined
  #heldByReader = false
  #heldByTurn = false
  #processing = false
  /** Of the one empty line that may stand before a request: 0, 1 after CR, 2 after LF. */
  #blank = 0
  #discarded = 0
  #lingerUntil = 0
  #patient = false
  #draining = false
  /** A request came. */
  #used = false
  #peerEnded = false
  /** Why we ended it, where a reason was given. */
  #given: ResetReason | undefined

  constructor(transport: Transport, handler: ServerHandler, options: Http1ServerOptions) {
    this.transport = transport
    this.#handler = handler
    this.#scheme = options.scheme ?? 'http'
    this.#headersTimeoutMs = options.headersTimeoutMs || (options.headersTimeoutMs === 0 ? Infinity : 60_000)
    this.#idleTimeoutMs = options.idleTimeoutMs || (options.idleTimeoutMs === 0 ? Infinity : 3_600_000)
    this.#maxHeaderBytes = options.maxHeaderBytes ?? MAX_HEAD_BYTES
    this.#deadlines = options.deadlines ?? systemDeadlines
    this.#deadlines.add(this)
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
  }

  // ServerConnection.

  get active(): number {
    return this.#exchange === undefined ? 0 : 1
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    if (this.#phase !== IDLE) return
    if (this.#used) return this.#linger()
    // Somebody has just come, and his request is on its way: it is answered, and is the last.
    this.deadline = this.#deadlines.now + LINGER_MS
  }

  destroy(reason?: ResetReason): void {
    if (this.#phase === CLOSED) return
    this.#given = reason
    this.transport.destroy()
  }

  // From the client.

  onData(chunk: Buffer): void {
    if (this.#held !== undefined) this.#held = Buffer.concat([this.#held, chunk])
    else this.#process(chunk)
  }

  onEnd(): void {
    this.#peerEnded = true
    if (this.#held === undefined) this.#afterEnd()
  }

  /** The client ended its side, and every byte before that was taken. */
  get #nothingFollows(): boolean {
    return this.#peerEnded && this.#held === undefined && !this.#processing
  }

  onWritable(): void {
    const exchange = this.#exchange
    if (exchange?.started && !exchange.ended) exchange.reader?.onWritable()
  }

  onClose(error: Error | undefined): void {
    if (this.#phase === CLOSED) return
    const whole = this.#requestDone
    const reader = this.#leave()
    this.#phase = CLOSED
    this.#held = undefined
    this.#deadlines.remove(this)
    reader?.onReset(
      this.#given ?? (whole ? 'cancel' : 'connection'),
      error?.message ?? 'the connection was closed',
    )
    this.#handler.onClose()
  }

  onDeadline(): void {
    if (this.#phase === HEAD) this.#refuse(new MessageError(408, 'head_timeout', 'the head took too long'))
    else if (this.#phase === IDLE) this.#linger()
    else if (this.#phase === BUSY) this.#finish(false)
    else if ((this.transport.pending ?? 0) > 0 && !this.#patient) {
      // A slow reader still gets the rest of its answer.
      this.#patient = true
      this.deadline = this.#deadlines.now + Math.min(this.#headersTimeoutMs, 60_000)
    } else this.transport.destroy()
  }

  onBody(chunk: Buffer): void {
    const exchange = this.#exchange as ServerExchange
    if (!exchange.ended) return exchange.reader?.onData(chunk)
    this.#discarded += chunk.length
    if (this.#discarded > MAX_DISCARD_BYTES) this.#finish(false)
  }

  // From the exchange.

  mayGoOn(exchange: ServerExchange, end: boolean): boolean {
    if (!this.#keepAlive || this.#draining || this.#nothingFollows || exchange.method === 'CONNECT')
      return false
    if (this.#requestDone) return true
    // RFC 9110 section 10.1.1: a client without its 100 may or may not send what it announced.
    return !exchange.expecting && !(end && this.#decoder.known > MAX_DISCARD_BYTES)
  }

  tunnelOpened(exchange: ServerExchange): void {
    this.#phase = TUNNEL
    this.#requestDone = false
    // Inside `onRequest` there is no reader yet: `#start` goes on.
    if (exchange.reader !== undefined) this.#takeHeld()
  }

  tunnelRefused(exchange: ServerExchange): void {
    if (!exchange.ended) exchange.reader?.onEnd(undefined)
  }

  responseEnded(exchange: ServerExchange): void {
    if (exchange.tunnel) {
      this.transport.end()
      if (this.#requestDone) this.#tunnelOver()
      return
    }
    if (this.#requestDone) return this.#finish(true)
    if (exchange.closes || exchange.expecting || this.#decoder.known > MAX_DISCARD_BYTES) {
      return this.#finish(false)
    }
    // An early answer: the rest of the request is dropped, and must come soon.
    this.#discarded = 0
    this.deadline = this.#deadlines.now + LINGER_MS
    this.holdReading(false)
  }

  responseFailed(exchange: ServerExchange, detail: string): void {
    const reader = this.#leave()
    if (exchange.started) {
      // What was sent must not pass for a whole answer.
      this.#phase = LINGERING
      this.transport.abort()
    } else {
      this.#answer(502, 'the response of the upstream cannot be sent in HTTP/1.1')
      this.#linger()
    }
    reader?.onReset('protocol', detail)
  }

  exchangeReset(exchange: ServerExchange): void {
    const graceful = exchange.ended && !exchange.tunnel
    this.#leave()
    if (graceful) return this.#linger()
    this.#phase = LINGERING
    this.transport.abort()
  }

  holdReading(on: boolean): void {
    if (this.#heldByReader === on) return
    this.#heldByReader = on
    this.#applyHold()
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
        return this.#firstBytes(chunk, at)
      case HEAD:
        return this.#moreBytes(chunk, at)
      case BUSY:
        if (!this.#requestDone) return this.#bodyBytes(chunk, at)
        // The next request, or a tunnel's first bytes: both wait for the answer.
        this.#held = Buffer.from(chunk.subarray(at))
        this.#heldByTurn = true
        this.#applyHold()
        return chunk.length
      case TUNNEL:
        if (!this.#requestDone) this.#exchange?.reader?.onData(at === 0 ? chunk : chunk.subarray(at))
        return chunk.length
      default:
        this.deadline = Math.max(this.deadline, Math.min(this.#lingerUntil, this.#deadlines.now + LINGER_MS))
        return chunk.length
    }
  }

  #firstBytes(chunk: Buffer, at: number): number {
    const c = chunk[at] as number
    if (c === CR || c === LF || this.#blank === 1) {
      // RFC 9112 section 2.2: one empty line may come first.
      if (c !== (this.#blank === 0 ? CR : LF) || this.#blank === 2) {
        throw malformed('empty_line', 'only one empty line may stand before a request')
      }
      this.#blank++
      return at + 1
    }
    const end = parseRequestHead(chunk, at, chunk.length, this.#scheme, this.#maxHeaderBytes)
    if (end !== INCOMPLETE) {
      this.#start()
      return end
    }
    this.#phase = HEAD
    this.deadline = this.#deadlines.now + this.#headersTimeoutMs
    return this.#moreBytes(chunk, at)
  }

  #moreBytes(chunk: Buffer, at: number): number {
    const block = this.#block
    const taken = block.add(chunk, at, this.#maxHeaderBytes)
    if (block.complete) {
      parseRequestHead(block.bytes, 0, block.length, this.#scheme, this.#maxHeaderBytes)
      block.clear()
      this.#start()
    } else if (block.length >= this.#maxHeaderBytes) {
      throw new MessageError(431, 'head_too_large', `the head is above ${this.#maxHeaderBytes} bytes`)
    } else if (block.lines === 0 && block.length > MAX_TARGET_BYTES + 64) {
      throw new MessageError(414, 'target_too_long', 'the target is too long')
    }
    return at + taken
  }

  #start(): void {
    const head = request.head as RequestHead
    const chunked = request.chunked
    if (chunked) this.#decoder.startChunked()
    else this.#decoder.startLength(request.contentLength > 0 ? request.contentLength : 0)
    const whole = this.#decoder.done
    this.#requestDone = whole
    this.#keepAlive = request.keepAlive
    this.#phase = BUSY
    this.#used = true
    this.#blank = 0
    this.deadline = Infinity
    const exchange = new ServerExchange(
      this,
      head.method,
      head.upgrade,
      request.old,
      request.expectContinue && !whole,
    )
    this.#exchange = exchange
    const tunnel = exchange.wantsTunnel
    const reader = this.#handler.onRequest(exchange, head, whole && !tunnel)
    exchange.reader = reader
    // The handler may have answered before it returned.
    if (this.#exchange !== exchange || !tunnel || !exchange.started) return
    if (exchange.tunnel) this.#takeHeld()
    else if (!exchange.ended) reader.onEnd(undefined)
  }

  #bodyBytes(chunk: Buffer, at: number): number {
    const end = this.#decoder.feed(chunk, at, this)
    if (this.#phase === BUSY && this.#decoder.done && !this.#requestDone) {
      this.#requestDone = true
      const exchange = this.#exchange as ServerExchange
      if (exchange.ended) this.#finish(true)
      else exchange.reader?.onEnd(this.#decoder.trailers)
    }
    return end
  }

  /** The client's FIN, once all that came before it was taken. */
  #afterEnd(): void {
    switch (this.#phase) {
      case TUNNEL:
        if (this.#requestDone) return
        this.#requestDone = true
        this.#exchange?.reader?.onEnd(undefined)
        if (this.#exchange?.ended) this.#tunnelOver()
        return
      case BUSY: {
        // A client may close its side and wait for the answer (RFC 9112 section 9.6).
        if (this.#requestDone) return
        const exchange = this.#exchange as ServerExchange
        if (exchange.ended) return this.#finish(false)
        const reader = this.#leave()
        this.#phase = LINGERING
        this.transport.destroy()
        reader?.onReset('connection', 'the client closed the connection inside a request')
        return
      }
      case IDLE:
      case HEAD:
        this.#linger()
        return
      default:
    }
  }

  // Between exchanges.

  /** The exchange is over; its reader, unless it was told everything. */
  #leave(): BodyReader | undefined {
    const exchange = this.#exchange
    if (exchange === undefined) return undefined
    this.#exchange = undefined
    exchange.over = true
    this.#decoder.stop()
    const told = exchange.ended && (!exchange.tunnel || this.#requestDone)
    return told ? undefined : exchange.reader
  }

  #finish(whole: boolean): void {
    const exchange = this.#exchange as ServerExchange
    this.#leave()
    const goesOn = whole && this.#keepAlive && !exchange.closes && !this.#draining
    if (!goesOn || this.#nothingFollows) return this.#linger()
    this.#phase = IDLE
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
    if (this.#heldByReader) this.holdReading(false)
    if (!this.#processing) this.#takeHeld()
  }

  #tunnelOver(): void {
    this.#leave()
    this.#linger()
  }

  /** What waited for its turn. */
  #takeHeld(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#heldByTurn = false
    this.#applyHold()
    this.#process(held)
    if (this.#peerEnded && this.#held === undefined) this.#afterEnd()
  }

  #applyHold(): void {
    if (this.#heldByReader || this.#heldByTurn) this.transport.pause()
    else this.transport.resume()
  }

  #refuse(error: MessageError): void {
    if (this.#phase >= LINGERING) return
    const exchange = this.#exchange
    const reader = this.#leave()
    if (exchange?.started && !exchange.ended) {
      this.#phase = LINGERING
      this.transport.abort()
    } else {
      if (!exchange?.ended) this.#answer(error.status, error.message)
      this.#linger()
    }
    if (exchange === undefined) this.#handler.onRefused(error.status, error.code)
    else reader?.onReset('protocol', error.message)
  }

  /** `text` is our own and holds nothing of the peer's. */
  #answer(status: number, text: string): void {
    this.transport.writeLatin1(
      `${statusLine(status)}content-type: text/plain\r\ncontent-length: ${text.length + 1}\r\n` +
        `connection: close\r\n\r\n${text}\n`,
    )
  }

  /**
   * FIN after our last byte. Reading goes on for a moment, since a close with unread bytes is a RST that may
   * take the answer from the client (RFC 9112 section 9.6).
   */
  #linger(): void {
    if (this.#phase >= LINGERING) return
    this.#phase = LINGERING
    this.#held = undefined
    this.#block.clear()
    this.deadline = this.#deadlines.now + LINGER_MS
    this.#lingerUntil = this.#deadlines.now + LONGEST_LINGER_MS
    this.#heldByReader = false
    this.#heldByTurn = false
    this.transport.end()
    this.transport.resume()
  }
}
