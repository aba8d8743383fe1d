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
import { ClientExchange, type ClientExchangeOwner } from './client-exchange.ts'
import { type Deadlines, type Perishable, systemDeadlines } from './deadlines.ts'
import { INCOMPLETE } from './field-lines.ts'
import { HeadBlock } from './head-block.ts'
import { LINGER_MS, MAX_HEAD_BYTES, MAX_INFORMATIONAL } from './limits.ts'
import { malformed, MessageError } from './message-error.ts'
import { parseResponseHead, response } from './response-head.ts'

export interface Http1ClientOptions {
  /**
   * An unused connection closes after this; 0: no limit. Default 4 s: Node's servers close after 5 s, and the
   * side that sends requests should be the first. A shorter `Keep-Alive: timeout` of the server counts.
   */
  readonly idleTimeoutMs?: number
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

class Http1Client implements ClientConnection, ClientExchangeOwner, TransportReader, BodySink, Perishable {
  readonly protocol = 'http/1.1'
  readonly transport: Transport
  carried = 0
  closed = false
  deadline = Infinity
  readonly #handler: ClientHandler
  readonly #deadlines: Deadlines
  readonly #block = new HeadBlock()
  readonly #decoder = new BodyDecoder()
  #idleTimeoutMs: number
  #exchange: ClientExchange | undefined
  #headDone = false
  #keepAlive = true
  #draining = false
  #heldByReader = false
  /** Bytes given to the socket when the request was opened. */
  #handedBefore = -1

  constructor(transport: Transport, handler: ClientHandler, options: Http1ClientOptions) {
    this.transport = transport
    this.#handler = handler
    this.#idleTimeoutMs = options.idleTimeoutMs || (options.idleTimeoutMs === 0 ? Infinity : 4_000)
    this.#deadlines = options.deadlines ?? systemDeadlines
    this.#deadlines.add(this)
    this.deadline = this.#deadlines.now + this.#idleTimeoutMs
  }

  get active(): number {
    return this.#exchange === undefined ? 0 : 1
  }

  get free(): number {
    return this.#exchange === undefined && !this.closed && !this.#draining ? 1 : 0
  }

  open(head: RequestHead, end: boolean, reader: ClientStreamReader): ClientStream {
    const exchange = new ClientExchange(this, head, reader)
    if (this.free === 0) {
      exchange.over = true
      queueMicrotask(() => reader.onReset('refused', 'the connection takes no request now'))
      return exchange
    }
    this.#handedBefore = this.transport.handed ?? -1
    const problem = exchange.start(head, end)
    if (problem !== undefined) {
      exchange.over = true
      queueMicrotask(() => reader.onReset('protocol', problem))
      return exchange
    }
    this.#exchange = exchange
    this.#headDone = false
    this.deadline = Infinity
    return exchange
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    if (this.#exchange === undefined) this.#close()
  }

  destroy(): void {
    this.transport.destroy()
  }

  // From the server.

  onData(chunk: Buffer): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      // Bytes that no request asked for could only pass for the answer to the next one.
      if (!this.closed) this.#drop()
      return
    }
    if (!exchange.answered) {
      if (this.#handedBefore === this.transport.handed) {
        // Likewise: our request has not left yet.
        this.#fail('refused', 'the server sent bytes before it was asked')
        return
      }
      exchange.answered = true
    }
    if (exchange.responseEnded) return this.#drop()
    let at = 0
    try {
      while (at < chunk.length) {
        at = this.#step(exchange, chunk, at)
        if (this.#exchange !== exchange) return
        if (exchange.responseEnded && at < chunk.length) return this.#drop()
      }
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      this.#fail('protocol', error.message)
    }
  }

  onEnd(): void {
    const exchange = this.#exchange
    if (exchange === undefined) return this.#close()
    this.#keepAlive = false
    if (exchange.responseEnded) {
      // It answered and heard enough; the rest of the request goes nowhere.
      if (!exchange.tunnel) this.#abandonRequest(exchange)
    } else if (exchange.tunnel) {
      exchange.responseEnded = true
      exchange.reader.onEnd(undefined)
      if (exchange.ended && this.#exchange === exchange) this.#finish(exchange)
    } else if (this.#headDone && this.#decoder.untilClose) {
      this.#responseWhole(exchange, true)
    } else this.#fail('connection', this.#lost())
  }

  onWritable(): void {
    const exchange = this.#exchange
    if (exchange !== undefined && !exchange.ended) exchange.reader.onWritable()
  }

  onClose(error: Error | undefined): void {
    this.#deadlines.remove(this)
    const exchange = this.#exchange
    const wasClosed = this.closed
    this.closed = true
    if (exchange !== undefined) {
      if (exchange.responseEnded && !exchange.tunnel) this.#abandonRequest(exchange)
      else {
        this.#leave(exchange)
        exchange.reader.onReset('connection', error?.message ?? this.#lost())
      }
    }
    if (!wasClosed) this.#handler.onChange()
  }

  onDeadline(): void {
    if (this.closed) this.transport.destroy()
    else if (this.#exchange === undefined) this.#close()
  }

  onBody(chunk: Buffer): void {
    this.#exchange?.reader.onData(chunk)
  }

  // From the exchange.

  requestEnded(exchange: ClientExchange): void {
    if (exchange.tunnel) this.transport.end()
    if (exchange.responseEnded) this.#finish(exchange)
  }

  requestFailed(_exchange: ClientExchange, detail: string): void {
    this.#fail('protocol', detail)
  }

  exchangeReset(exchange: ClientExchange): void {
    this.#leave(exchange)
    this.#drop()
  }

  holdReading(on: boolean): void {
    if (this.#heldByReader === on) return
    this.#heldByReader = on
    if (on) this.transport.pause()
    else this.transport.resume()
  }

  // Taking bytes.

  #step(exchange: ClientExchange, chunk: Buffer, at: number): number {
    if (exchange.tunnel) {
      exchange.reader.onData(at === 0 ? chunk : chunk.subarray(at))
      return chunk.length
    }
    if (this.#headDone) {
      const end = this.#decoder.feed(chunk, at, this)
      if (this.#exchange === exchange && this.#decoder.done)
        this.#responseWhole(exchange, end === chunk.length)
      return end
    }
    const block = this.#block
    if (block.length === 0) {
      const end = parseResponseHead(chunk, at, chunk.length)
      if (end !== INCOMPLETE) {
        this.#response(exchange, end === chunk.length)
        return end
      }
    }
    const end = at + block.add(chunk, at, MAX_HEAD_BYTES)
    if (block.complete) {
      parseResponseHead(block.bytes, 0, block.length)
      block.clear()
      this.#response(exchange, end === chunk.length)
    } else if (block.length === MAX_HEAD_BYTES) {
      throw malformed('head_too_large', 'the head of the response is too large')
    }
    return end
  }

  /** `last`: nothing follows in what was read. */
  #response(exchange: ClientExchange, last: boolean): void {
    const head = response.head as ResponseHead
    const status = head.status
    if (status < 200) return this.#interim(exchange, head)
    this.#keepAlive = response.keepAlive
    const seconds = response.keepAliveSeconds
    if (seconds >= 0) {
      // Close a second before the server does; below 2 s at half the time.
      const limit = seconds < 2 ? seconds * 500 : (seconds - 1) * 1000
      if (limit < this.#idleTimeoutMs) this.#idleTimeoutMs = limit
      if (limit === 0) this.#keepAlive = false
    }
    this.#headDone = true
    if (exchange.method === 'CONNECT' && status < 300) return this.#tunnel(exchange, head)
    if (exchange.wantsTunnel) {
      exchange.refuseTunnel()
      // After a refused CONNECT the two sides may disagree on where requests begin.
      if (exchange.method === 'CONNECT') this.#keepAlive = false
    }
    // RFC 9112 section 6.3.
    if (exchange.method === 'HEAD' || status === 204 || status === 304) this.#decoder.startLength(0)
    else if (response.chunked) this.#decoder.startChunked()
    else if (response.contentLength >= 0) this.#decoder.startLength(response.contentLength)
    else {
      this.#keepAlive = false
      this.#decoder.startUntilClose()
    }
    if (!this.#decoder.done) return exchange.reader.onHead(head, false)
    exchange.responseEnded = true
    const done = exchange.ended && this.#settle(exchange, last)
    exchange.reader.onHead(head, true)
    if (done) this.#tell()
  }

  #interim(exchange: ClientExchange, head: ResponseHead): void {
    if (response.chunked || response.contentLength > 0) {
      throw malformed('interim_body', 'an interim response can have no body')
    }
    if (head.status === 101) {
      if (exchange.upgrade === '' || response.upgrade.toLowerCase() !== exchange.upgrade) {
        throw malformed('upgrade', 'the server switched to a protocol that was not asked for', 'upgrade')
      }
      this.#headDone = true
      return this.#tunnel(exchange, head)
    }
    if (++exchange.informationals > MAX_INFORMATIONAL) {
      throw malformed('too_many_interim', 'the server sent too many interim responses')
    }
    exchange.reader.onInformational(head)
  }

  #tunnel(exchange: ClientExchange, head: ResponseHead): void {
    this.#keepAlive = false
    exchange.tunnel = true
    exchange.reader.onHead(head, false)
    if (!exchange.over) exchange.openTunnel()
  }

  #responseWhole(exchange: ClientExchange, last: boolean): void {
    const trailers = this.#decoder.trailers
    exchange.responseEnded = true
    const done = exchange.ended && this.#settle(exchange, last)
    exchange.reader.onEnd(trailers)
    if (done) this.#tell()
  }

  // Between exchanges.

  /** After both halves. The connection is free before the reader hears of the end, so that it may use it. */
  #settle(exchange: ClientExchange, last: boolean): boolean {
    this.#leave(exchange)
    if (!last) this.#drop()
    else if (!this.#keepAlive || this.#draining) this.#close()
    else this.deadline = this.#deadlines.now + this.#idleTimeoutMs
    return true
  }

  #tell(): void {
    if (this.free === 1) this.#handler.onChange()
  }

  #finish(exchange: ClientExchange): void {
    this.#settle(exchange, true)
    this.#tell()
  }

  #leave(exchange: ClientExchange): void {
    exchange.over = true
    this.#exchange = undefined
    this.carried++
    this.#decoder.stop()
    this.#block.clear()
    if (this.#heldByReader) this.holdReading(false)
  }

  /** The answer is whole, but the server takes no more of the request: what its writer still sends is dropped. */
  #abandonRequest(exchange: ClientExchange): void {
    this.#leave(exchange)
    this.#drop()
    exchange.reader.onWritable()
  }

  #fail(reason: ResetReason, detail: string): void {
    const exchange = this.#exchange as ClientExchange
    this.#leave(exchange)
    this.#drop()
    exchange.reader.onReset(reason, detail)
  }

  #lost(): string {
    if (this.#exchange?.answered) return 'the server closed the connection inside its response'
    return 'the server closed the connection without a response'
  }

  /** Nothing more is read or written. */
  #drop(): void {
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
