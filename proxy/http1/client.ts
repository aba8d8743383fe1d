import type { Fields, RequestHead } from '../http/message.ts'
import type {
  ClientConnection,
  ClientHandler,
  ClientStream,
  ClientStreamReader,
  ResetReason,
} from '../http/stream.ts'
import type { Transport, TransportReader } from '../transport/transport.ts'
import { BadMessage } from './bad-message.ts'
import { BodyDecoder, type BodySink } from './body-decoder.ts'
import { BodyEncoder } from './body-encoder.ts'
import { HeadBuffer, MAX_HEAD_BYTES } from './head-buffer.ts'
import { coarseNow, unwatch, watch, type Sweepable } from './idle-sweep.ts'
import { parseResponse } from './response-head.ts'
import { fieldLines, isSafe, lengthOf } from './write-head.ts'

export interface Http1ClientOptions {
  /** An unused connection closes after this; under the 5 s after which a Node server closes it. 0: no limit. */
  readonly idleTimeoutMs?: number
}

const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH'])

/** Sends HTTP/1.1 requests, one at a time, on a connection that we opened (RFC 9112). */
export function connectHttp1(
  transport: Transport,
  handler: ClientHandler,
  options: Http1ClientOptions,
): ClientConnection {
  const connection = new Http1Client(transport, handler, options)
  transport.reader = connection
  watch(connection)
  return connection
}

/** The connection and its one stream at a time: `open` hands out a stream object that dies with its exchange. */
class Http1Client implements ClientConnection, TransportReader, BodySink, Sweepable {
  readonly protocol = 'http/1.1'
  carried = 0
  closed = false
  readonly transport: Transport
  readonly encoder = new BodyEncoder()
  readonly #handler: ClientHandler
  readonly #heads = new HeadBuffer(MAX_HEAD_BYTES)
  readonly #decoder = new BodyDecoder()
  #idleLimitMs: number
  #idleSince = coarseNow()
  #stream: Http1ClientStream | undefined
  #keepAlive = true
  #draining = false

  constructor(transport: Transport, handler: ClientHandler, options: Http1ClientOptions) {
    this.transport = transport
    this.#handler = handler
    this.#idleLimitMs = options.idleTimeoutMs ?? 4000
  }

  get active(): number {
    return this.#stream ? 1 : 0
  }

  get free(): number {
    return this.#stream || this.closed || this.#draining ? 0 : 1
  }

  open(head: RequestHead, end: boolean, reader: ClientStreamReader): ClientStream {
    const stream = new Http1ClientStream(this, reader, head)
    if (this.free === 0) throw new Error('open() on a connection without a free stream')
    this.#stream = stream
    this.carried++
    const lines = fieldLines(head.fields)
    const target = head.method === 'CONNECT' ? head.authority : head.path
    if (lines === undefined || !isSafe(head.method) || !isSafe(target) || !isSafe(head.authority)) {
      setImmediate(() => this.fail(stream, 'protocol', 'a request field would break its line'))
      return stream
    }
    let text = `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${lines}`
    const length = lengthOf(head.fields)
    if (stream.tunnel) {
      this.encoder.start('none')
      if (head.upgrade !== '') text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`
    } else if (length >= 0) this.encoder.start('length', length)
    else if (end) {
      // RFC 9110 section 8.6: a method that anticipates content says that there is none.
      if (BODY_METHODS.has(head.method)) text += 'content-length: 0\r\n'
      this.encoder.start('none')
    } else {
      text += 'transfer-encoding: chunked\r\n'
      this.encoder.start('chunked')
    }
    this.transport.writeLatin1(text + '\r\n')
    if (end) {
      stream.requestDone = true
      if (length > 0)
        setImmediate(() =>
          this.fail(stream, 'protocol', 'the request body is shorter than its Content-Length'),
        )
    }
    return stream
  }

  drain(): void {
    if (this.#draining) return
    this.#draining = true
    if (!this.#stream) this.#close()
  }

  destroy(): void {
    this.transport.destroy()
  }

  // From the server.

  onData(chunk: Buffer): void {
    const stream = this.#stream
    // Bytes that no request asked for can only poison the next answer (undici CVE-2026-6733).
    if (!stream) return this.#poisoned()
    stream.answered = true
    if (stream.tunnelOpen) return stream.reader.onData(chunk)
    try {
      let rest: Buffer | undefined = chunk
      while (rest && this.#stream === stream) rest = this.#step(stream, rest)
      if (rest && !this.closed) this.#poisoned()
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error
      this.fail(stream, 'protocol', error.message)
    }
  }

  onEnd(): void {
    const stream = this.#stream
    if (!stream) return this.#close()
    if (stream.tunnelOpen) {
      stream.responseDone = true
      stream.reader.onEnd(undefined)
      return this.#settle(stream)
    }
    if (stream.headDone && this.#decoder.untilClose) {
      this.#keepAlive = false
      return this.onBodyEnd(undefined)
    }
    this.fail(stream, 'connection', 'the server closed the connection')
  }

  onWritable(): void {
    const stream = this.#stream
    if (stream && !stream.requestDone) stream.reader.onWritable()
  }

  onClose(error: Error | undefined): void {
    unwatch(this)
    const stream = this.#stream
    this.#stream = undefined
    const before = this.closed
    this.closed = true
    if (stream && !(stream.responseDone && stream.requestDone))
      stream.reader.onReset('connection', error?.message ?? 'the server closed the connection')
    if (!before) this.#handler.onChange()
  }

  sweep(nowMs: number): void {
    if (!this.#stream && this.#idleLimitMs > 0 && nowMs - this.#idleSince >= this.#idleLimitMs) this.#close()
  }

  onBody(chunk: Buffer): void {
    this.#stream?.reader.onData(chunk)
  }

  onBodyEnd(trailers: Fields | undefined): void {
    const stream = this.#stream
    if (!stream) return
    stream.responseDone = true
    stream.reader.onEnd(trailers)
    this.#settle(stream)
  }

  #step(stream: Http1ClientStream, chunk: Buffer): Buffer | undefined {
    if (stream.tunnelOpen) {
      stream.reader.onData(chunk)
      return undefined
    }
    if (stream.headDone) {
      const end = this.#decoder.feed(chunk, 0, this)
      return end < chunk.length ? chunk.subarray(end) : undefined
    }
    const text = this.#heads.feed(chunk)
    if (text === undefined) return undefined
    const rest = this.#heads.rest
    this.#response(stream, text)
    return rest
  }

  #response(stream: Http1ClientStream, text: string): void {
    const { head, block, old } = parseResponse(text)
    const status = head.status
    if (status === 101) {
      if (stream.head.upgrade === '' || block.upgrade === '')
        throw new BadMessage('101 without an upgrade asked for')
      return this.#openTunnel(stream, head)
    }
    if (status < 200) return stream.reader.onInformational(head)
    stream.headDone = true
    if (stream.head.method === 'CONNECT' && status < 300) return this.#openTunnel(stream, head)
    this.#keepAlive = !block.close && (!old || block.keepAlive)
    if (block.keepAliveTimeout >= 0)
      this.#idleLimitMs = Math.min(
        this.#idleLimitMs || Infinity,
        Math.max(block.keepAliveTimeout * 1000 - 1000, 1),
      )
    // RFC 9112 section 6.3, in its order.
    const bodiless = stream.head.method === 'HEAD' || status === 204 || status === 304
    const length = bodiless ? 0 : block.chunked ? -1 : block.contentLength >= 0 ? block.contentLength : -2
    this.#decoder.start(length)
    const end = this.#decoder.done
    if (end) stream.responseDone = true
    stream.reader.onHead(head, end)
    if (end) this.#settle(stream)
  }

  #openTunnel(stream: Http1ClientStream, head: { status: number; fields: Fields }): void {
    stream.headDone = true
    stream.tunnelOpen = true
    this.#keepAlive = false
    stream.reader.onHead(head, false)
  }

  /** After either half has ended: free for the next request when both have. */
  #settle(stream: Http1ClientStream): void {
    if (this.#stream !== stream || !stream.responseDone) return
    if (!stream.requestDone) {
      // Answered early. A tunnel lives on; otherwise nobody knows where the rest of the request would end.
      if (stream.tunnelOpen) return
      this.#stream = undefined
      return this.#close()
    }
    this.#stream = undefined
    if (!this.#keepAlive || this.#draining) return this.#close()
    this.#idleSince = coarseNow()
    this.transport.resume()
    this.#handler.onChange()
  }

  requestEnded(stream: Http1ClientStream): void {
    stream.requestDone = true
    if (stream.tunnelOpen) this.transport.end()
    this.#settle(stream)
  }

  /** The stream is given up by its owner: the connection cannot be used any more. */
  release(stream: Http1ClientStream): void {
    if (this.#stream !== stream) return
    this.#stream = undefined
    this.#markClosed()
    this.transport.destroy()
  }

  fail(stream: Http1ClientStream, reason: ResetReason, detail: string): void {
    if (this.#stream !== stream) return
    this.#stream = undefined
    this.#markClosed()
    this.transport.destroy()
    stream.reader.onReset(reason, detail)
  }

  #poisoned(): void {
    this.#markClosed()
    this.transport.destroy()
  }

  #close(): void {
    this.#markClosed()
    this.transport.end()
    const transport = this.transport
    setTimeout(() => transport.destroy(), 1000).unref()
  }

  #markClosed(): void {
    if (this.closed) return
    this.closed = true
    unwatch(this)
    this.#handler.onChange()
  }
}

class Http1ClientStream implements ClientStream {
  answered = false
  requestDone = false
  headDone = false
  responseDone = false
  tunnelOpen = false
  readonly tunnel: boolean
  readonly reader: ClientStreamReader
  readonly head: RequestHead
  readonly #connection: Http1Client

  constructor(connection: Http1Client, reader: ClientStreamReader, head: RequestHead) {
    this.#connection = connection
    this.reader = reader
    this.head = head
    this.tunnel = head.upgrade !== '' || head.method === 'CONNECT'
  }

  data(chunk: Uint8Array): boolean {
    if (this.requestDone || this.#connection.closed) return true
    const transport = this.#connection.transport
    if (this.tunnelOpen) transport.write(chunk)
    else if (!this.#connection.encoder.data(transport, chunk)) {
      this.#connection.fail(this, 'protocol', 'the request body does not fit its Content-Length')
      return true
    }
    return !transport.congested
  }

  end(trailers: Fields | undefined): void {
    if (this.requestDone || this.#connection.closed) return
    if (!this.tunnelOpen && !this.#connection.encoder.end(this.#connection.transport, trailers))
      return this.#connection.fail(this, 'protocol', 'the request body is shorter than its Content-Length')
    this.#connection.requestEnded(this)
  }

  reset(_reason: ResetReason): void {
    this.#connection.release(this)
  }

  pause(): void {
    this.#connection.transport.pause()
  }

  resume(): void {
    this.#connection.transport.resume()
  }
}
