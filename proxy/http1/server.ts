import type { Fields, RequestHead, ResponseHead } from '../http/message.ts'
import type {
  BodyReader,
  ResetReason,
  ServerConnection,
  ServerHandler,
  ServerStream,
} from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BadMessage } from './bad-message.ts'
import { BodyDecoder, type BodySink } from './body-decoder.ts'
import { BodyEncoder } from './body-encoder.ts'
import { HeadBuffer, MAX_HEAD_BYTES } from './head-buffer.ts'
import { coarseNow, unwatch, watch, type Sweepable } from './idle-sweep.ts'
import { parseRequest } from './request-head.ts'
import { fieldLines, lengthOf, statusLine } from './write-head.ts'

export interface Http1ServerOptions {
  /** What the client used: `https` over TLS. */
  readonly scheme?: string
  /** From the first byte of a head to its last; 0: no limit. */
  readonly headersTimeoutMs?: number
  /** Between requests; 0: no limit. */
  readonly idleTimeoutMs?: number
  readonly maxHeaderBytes?: number
}

// What is left of a request that was answered early is read and dropped up to here, then the connection closes.
const MAX_UNWANTED_BYTES = 256 * 1024

/** Serves HTTP/1.1 and 1.0 on a connection that a client opened (RFC 9112). */
export function serveHttp1(
  transport: Transport,
  handler: ServerHandler,
  options: Http1ServerOptions,
): ServerConnection {
  const connection = new Http1Server(transport, handler, options)
  transport.reader = connection
  watch(connection)
  return connection
}

const Phase = { idle: 0, head: 1, busy: 2, tunnel: 3, closing: 4 } as const

class Http1Server implements ServerConnection, ServerStream, TransportReader, BodySink, Sweepable {
  readonly #transport: Transport
  readonly #handler: ServerHandler
  readonly #scheme: string
  readonly #headersTimeoutMs: number
  readonly #idleTimeoutMs: number
  readonly #heads: HeadBuffer
  readonly #decoder = new BodyDecoder()
  readonly #encoder = new BodyEncoder()

  #phase: number = Phase.idle
  #since = coarseNow()
  #reader: BodyReader | undefined
  /** Of the request under way. */
  #head: RequestHead | undefined
  #old = false
  #keepAlive = true
  #requestDone = true
  #responseStarted = false
  #responseDone = true
  #unwanted = 0
  /** Bytes that came while a request was still being answered. */
  #held: Buffer | undefined
  #pausedByReader = false
  #pausedByPipeline = false
  #draining = false
  #peerEnded = false
  #closed = false
  #processing = false

  constructor(transport: Transport, handler: ServerHandler, options: Http1ServerOptions) {
    this.#transport = transport
    this.#handler = handler
    this.#scheme = options.scheme ?? 'http'
    this.#headersTimeoutMs = options.headersTimeoutMs ?? 60_000
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 3_600_000
    this.#heads = new HeadBuffer(options.maxHeaderBytes ?? MAX_HEAD_BYTES)
  }

  // ServerConnection.

  get active(): number {
    return this.#phase === Phase.busy || this.#phase === Phase.tunnel ? 1 : 0
  }

  drain(): void {
    this.#draining = true
    if (this.#phase === Phase.idle) this.#close()
  }

  destroy(): void {
    this.#transport.destroy()
  }

  // From the client.

  onData(chunk: Buffer): void {
    if (this.#phase === Phase.closing) return
    if (this.#held) {
      this.#held = Buffer.concat([this.#held, chunk])
      return
    }
    this.#process(chunk)
  }

  onEnd(): void {
    this.#peerEnded = true
    if (this.#phase === Phase.tunnel) return this.#tunnelEnded()
    if (this.#phase === Phase.busy) {
      if (this.#requestDone) return
      return this.#abort('connection', 'the client ended the connection inside a request')
    }
    this.#close()
  }

  onWritable(): void {
    if (this.#responseStarted && !this.#responseDone) this.#reader?.onWritable()
  }

  onClose(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    unwatch(this)
    const reader = this.#reader
    const unfinished = !(this.#requestDone && this.#responseDone)
    this.#reader = undefined
    this.#phase = Phase.closing
    if (reader && unfinished) reader.onReset('cancel', error?.message ?? 'the client closed the connection')
    this.#handler.onClose()
  }

  sweep(nowMs: number): void {
    if (this.#phase === Phase.idle && this.#idleTimeoutMs > 0 && nowMs - this.#since > this.#idleTimeoutMs)
      this.#close()
    else if (
      this.#phase === Phase.head &&
      this.#headersTimeoutMs > 0 &&
      nowMs - this.#since > this.#headersTimeoutMs
    )
      this.#refuse(new BadMessage('the request header took too long', 408))
  }

  onBody(chunk: Buffer): void {
    if (!this.#responseDone) return this.#reader?.onData(chunk)
    this.#unwanted += chunk.length
    if (this.#unwanted > MAX_UNWANTED_BYTES) this.#close()
  }

  onBodyEnd(trailers: Fields | undefined): void {
    this.#requestDone = true
    if (!this.#responseDone) this.#reader?.onEnd(trailers)
  }

  /** Takes one message after the other out of `chunk`, until a request must be answered first. */
  #process(chunk: Buffer): void {
    this.#processing = true
    let rest: Buffer | undefined = chunk
    try {
      while (rest && this.#phase !== Phase.closing) rest = this.#step(rest)
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error
      this.#refuse(error)
    } finally {
      this.#processing = false
    }
  }

  /** Consumes something; returns what is left for the next step. */
  #step(chunk: Buffer): Buffer | undefined {
    if (this.#phase === Phase.tunnel) {
      this.#reader?.onData(chunk)
      return undefined
    }
    if (this.#phase === Phase.busy) {
      if (!this.#requestDone) {
        const end = this.#decoder.feed(chunk, 0, this)
        return end < chunk.length ? chunk.subarray(end) : undefined
      }
      // The next request, or the first bytes of a tunnel that is not agreed yet: both wait for the answer.
      this.#held = Buffer.from(chunk)
      this.#pausedByPipeline = true
      this.#transport.pause()
      return undefined
    }
    if (this.#phase === Phase.idle) {
      this.#phase = Phase.head
      this.#since = coarseNow()
    }
    const text = this.#heads.feed(chunk)
    if (text === undefined) {
      if (!this.#heads.started) this.#phase = Phase.idle
      return undefined
    }
    const rest = this.#heads.rest
    this.#request(text)
    return rest
  }

  #request(text: string): void {
    const { head, block, old } = parseRequest(text, this.#scheme)
    this.#head = head
    this.#old = old
    this.#keepAlive = !this.#draining && !block.close && (!old || block.keepAlive)
    this.#responseStarted = false
    this.#responseDone = false
    this.#unwanted = 0
    this.#phase = Phase.busy
    const tunnel = head.upgrade !== '' || head.method === 'CONNECT'
    this.#decoder.start(block.chunked ? -1 : Math.max(block.contentLength, 0))
    this.#requestDone = this.#decoder.done
    this.#reader = this.#handler.onRequest(this, head, this.#requestDone && !tunnel)
    if (this.#responseDone) this.#next()
  }

  // ServerStream: the answer.

  informational(head: ResponseHead): void {
    if (this.#old || this.#responseStarted || this.#phase !== Phase.busy) return
    const lines = fieldLines(head.fields)
    if (lines !== undefined) this.#transport.writeLatin1(statusLine(head.status) + lines + '\r\n')
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.#responseStarted || this.#phase !== Phase.busy) return
    const request = this.#head as RequestHead
    let lines = fieldLines(head.fields)
    if (lines === undefined) return this.#abort('protocol', 'a response field would break its line')
    this.#responseStarted = true
    if (head.status === 101 && request.upgrade !== '') return this.#openTunnel(head, lines, request.upgrade)
    const connect = request.method === 'CONNECT' && head.status >= 200 && head.status < 300
    if (connect) return this.#openTunnel(head, lines, '')
    // An upgrade that was turned down: what follows the request is the next request.
    if (request.upgrade !== '' || request.method === 'CONNECT') this.#reader?.onEnd(undefined)

    const bodiless = request.method === 'HEAD' || head.status === 204 || head.status === 304
    const length = lengthOf(head.fields)
    if (bodiless) this.#encoder.start('none')
    else if (length >= 0) this.#encoder.start('length', length)
    else if (end) {
      lines += 'content-length: 0\r\n'
      this.#encoder.start('none')
    } else if (this.#old) {
      this.#keepAlive = false
      this.#encoder.start('close')
    } else {
      lines += 'transfer-encoding: chunked\r\n'
      this.#encoder.start('chunked')
    }
    // A client that still sends may not see the answer if we close; one that waits for 100 must not start now.
    if (!this.#requestDone && end) this.#keepAlive = false
    if (this.#draining) this.#keepAlive = false
    if (!this.#keepAlive) lines += 'connection: close\r\n'
    else if (this.#old) lines += 'connection: keep-alive\r\n'
    this.#transport.writeLatin1(statusLine(head.status) + lines + '\r\n')
    if (end) this.#responseEnd(bodiless || length <= 0)
  }

  data(chunk: Uint8Array): boolean {
    if (this.#phase === Phase.tunnel) this.#transport.write(chunk)
    else if (this.#responseStarted && !this.#responseDone) {
      if (!this.#encoder.data(this.#transport, chunk)) {
        this.#abort('protocol', 'the response body is longer than its Content-Length')
        return true
      }
    }
    return !this.#transport.congested
  }

  end(trailers: Fields | undefined): void {
    if (this.#phase === Phase.tunnel) {
      this.#responseDone = true
      this.#transport.end()
      return
    }
    if (!this.#responseStarted || this.#responseDone) return
    this.#responseEnd(this.#encoder.end(this.#transport, trailers))
  }

  reset(_reason: ResetReason): void {
    if (this.#phase !== Phase.busy && this.#phase !== Phase.tunnel) return
    this.#reader = undefined
    this.#phase = Phase.closing
    // A client that got half an answer must not take it for whole.
    if (this.#responseStarted) this.#transport.abort()
    else this.#transport.destroy()
  }

  pause(): void {
    this.#pausedByReader = true
    this.#transport.pause()
  }

  resume(): void {
    if (!this.#pausedByReader) return
    this.#pausedByReader = false
    if (!this.#pausedByPipeline) this.#transport.resume()
  }

  #openTunnel(head: ResponseHead, lines: string, upgrade: string): void {
    const switching = upgrade === '' ? '' : `connection: upgrade\r\nupgrade: ${upgrade}\r\n`
    this.#transport.writeLatin1(statusLine(head.status) + lines + switching + '\r\n')
    this.#phase = Phase.tunnel
    this.#requestDone = false
    this.#releaseHeld()
    if (this.#peerEnded) this.#tunnelEnded()
  }

  #tunnelEnded(): void {
    if (this.#requestDone) return
    this.#requestDone = true
    this.#reader?.onEnd(undefined)
  }

  #responseEnd(whole: boolean): void {
    this.#responseDone = true
    if (!whole) return this.#abort('protocol', 'the response body is shorter than its Content-Length')
    if (!this.#processing) this.#next()
  }

  /** After an answer: the next request, or the end. */
  #next(): void {
    if (this.#phase !== Phase.busy) return
    if (this.#encoder.untilClose || !this.#keepAlive || this.#peerEnded) return this.#close()
    if (!this.#requestDone) {
      // Answered early: the rest of this request is dropped by onBody, and then the next one can come.
      this.#since = coarseNow()
      return
    }
    this.#reader = undefined
    this.#phase = Phase.idle
    this.#since = coarseNow()
    if (this.#pausedByReader) this.resume()
    if (!this.#processing) this.#releaseHeld()
  }

  #releaseHeld(): void {
    const held = this.#held
    this.#held = undefined
    if (this.#pausedByPipeline) {
      this.#pausedByPipeline = false
      if (!this.#pausedByReader) this.#transport.resume()
    }
    if (held) this.#process(held)
  }

  #refuse(error: BadMessage): void {
    if (this.#phase === Phase.closing) return
    const reader = this.#reader
    const midway = this.#phase === Phase.busy && !this.#responseDone
    this.#reader = undefined
    if (midway) reader?.onReset('protocol', error.message)
    if (!this.#responseStarted || this.#responseDone) {
      const body = `${error.message}\n`
      this.#transport.writeLatin1(
        `${statusLine(error.status)}content-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
      )
    }
    this.#responseStarted = true
    this.#responseDone = true
    this.#close()
  }

  #abort(reason: ResetReason, detail: string): void {
    const reader = this.#reader
    this.#reader = undefined
    this.#phase = Phase.closing
    this.#requestDone = true
    this.#responseDone = true
    this.#transport.abort()
    reader?.onReset(reason, detail)
  }

  #close(): void {
    this.#phase = Phase.closing
    this.#transport.end()
    if (this.#peerEnded) return
    // Reading on for a moment keeps a RST from overtaking the answer (RFC 9112 section 9.6).
    const transport = this.#transport
    transport.resume()
    setTimeout(() => transport.destroy(), 1000).unref()
  }
}
