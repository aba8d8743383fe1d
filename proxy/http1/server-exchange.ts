import type { Fields, ResponseHead } from '../http/message.ts'
import type { BodyReader, ResetReason, ServerStream } from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import { BodyEncoder } from './body-encoder.ts'
import { statusLine } from './status-line.ts'
import { appendLine, headText, NO_LENGTH, statedLength, writeHead } from './write-head.ts'

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly transport: Transport
  /** Whether the connection may go on after this answer, as far as is known when its head is written. */
  mayGoOn(exchange: ServerExchange, end: boolean): boolean
  /** The bytes of both sides are the tunnel's from now on. */
  tunnelOpened(exchange: ServerExchange): void
  /** The final head was sent and no tunnel came of it. */
  tunnelRefused(exchange: ServerExchange): void
  responseEnded(exchange: ServerExchange): void
  /** The answer cannot be finished: `detail` goes to the reader. */
  responseFailed(exchange: ServerExchange, detail: string): void
  exchangeReset(exchange: ServerExchange): void
  holdReading(on: boolean): void
}

/** One request's answer. The object belongs to one request: what is called on it later touches no other. */
export class ServerExchange implements ServerStream {
  /** Set as soon as the handler returned it. */
  reader: BodyReader | undefined = undefined
  started = false
  ended = false
  /** No call has an effect any more. */
  over = false
  tunnel = false
  /** The body ends with the connection. */
  untilClose = false
  /** The client was told that the connection closes. */
  closes = false
  readonly method: string
  readonly upgrade: string
  readonly old: boolean
  /** The client waits for a 100 and has none yet. */
  expecting: boolean
  readonly #owner: ExchangeOwner
  readonly #encoder = new BodyEncoder()

  constructor(owner: ExchangeOwner, method: string, upgrade: string, old: boolean, expecting: boolean) {
    this.#owner = owner
    this.method = method
    this.upgrade = upgrade
    this.old = old
    this.expecting = expecting
  }

  /** Asks for a tunnel, by Upgrade or CONNECT. */
  get wantsTunnel(): boolean {
    return this.upgrade !== '' || this.method === 'CONNECT'
  }

  informational(head: ResponseHead): void {
    const status = head.status
    if (this.over || this.started || this.old || status < 100 || status > 199 || status === 101) return
    const text = headText(statusLine(status), head.fields, false)
    // An interim answer is only a hint: a broken one is left out.
    if (text === undefined || !writeHead(this.#owner.transport, text)) return
    if (status === 100) this.expecting = false
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.over || this.started) return
    const status = head.status
    const switching = status === 101
    if (switching ? this.upgrade === '' : status < 200 || status > 999) {
      return this.#owner.responseFailed(this, 'the response has a status that is not possible here')
    }
    const tunnel = switching || (this.method === 'CONNECT' && status < 300)
    // RFC 9110 section 8.6: no content-length in 1xx, 204 and the answer that opens a tunnel.
    let text = headText(statusLine(status), head.fields, !tunnel && status !== 204)
    const length = statedLength
    if (text === undefined) return this.#owner.responseFailed(this, 'a response field is not valid')
    const goesOn = !tunnel && this.#owner.mayGoOn(this, end)
    if (tunnel) {
      this.#encoder.startRaw()
      if (switching) {
        text = appendLine(text, 'connection: upgrade\r\n')
        text = appendLine(text, `upgrade: ${this.upgrade}\r\n`)
      }
    } else if (this.method === 'HEAD' || status === 204 || status === 304) {
      this.#encoder.startNone()
    } else if (length !== NO_LENGTH) {
      if (end && length > 0) {
        return this.#owner.responseFailed(this, 'the response has no body but a content-length')
      }
      this.#encoder.startLength(length)
    } else if (end) {
      this.#encoder.startNone()
      text = appendLine(text, 'content-length: 0\r\n')
    } else if (this.old) {
      // RFC 9112 section 6.3: towards HTTP/1.0 only the end of the connection can end it.
      this.#encoder.startRaw()
      this.untilClose = true
    } else {
      this.#encoder.startChunked()
      text = appendLine(text, 'transfer-encoding: chunked\r\n')
    }
    if (!tunnel) {
      if (!goesOn || this.untilClose) {
        this.closes = true
        text = appendLine(text, 'connection: close\r\n')
      } else if (this.old) text = appendLine(text, 'connection: keep-alive\r\n')
    }
    if (!writeHead(this.#owner.transport, text)) {
      return this.#owner.responseFailed(this, 'a response field would break its line')
    }
    this.started = true
    if (tunnel) {
      this.tunnel = true
      this.#owner.tunnelOpened(this)
      if (end) this.end(undefined)
      return
    }
    if (end) {
      this.ended = true
      if (this.wantsTunnel) this.#owner.tunnelRefused(this)
      this.#owner.responseEnded(this)
    } else if (this.wantsTunnel) this.#owner.tunnelRefused(this)
  }

  data(chunk: Uint8Array): boolean {
    if (this.over || this.ended || !this.started) return true
    const transport = this.#owner.transport
    if (!this.#encoder.data(transport, chunk)) {
      this.#owner.responseFailed(this, 'the response body is longer than its content-length')
      return true
    }
    return !transport.congested
  }

  end(trailers: Fields | undefined): void {
    if (this.over || this.ended || !this.started) return
    if (!this.#encoder.end(this.#owner.transport, trailers)) {
      return this.#owner.responseFailed(
        this,
        'the response ends before its content-length, or a trailer is not valid',
      )
    }
    this.ended = true
    this.#owner.responseEnded(this)
  }

  reset(_reason: ResetReason): void {
    if (!this.over) this.#owner.exchangeReset(this)
  }

  pause(): void {
    if (!this.over) this.#owner.holdReading(true)
  }

  resume(): void {
    if (!this.over) this.#owner.holdReading(false)
  }
}
