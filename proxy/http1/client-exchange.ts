import type { Fields, RequestHead } from '../http/message.ts'
import type { ClientStream, ClientStreamReader, ResetReason } from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import { BodyEncoder } from './body-encoder.ts'
import { consistsOf, TARGET, TOKEN_LOWER } from './characters.ts'
import { isAuthority } from './authority.ts'
import { MAX_EARLY_TUNNEL_BYTES } from './limits.ts'
import { appendLine, headText, NO_LENGTH, statedLength, statesTe, writeHead } from './write-head.ts'

/** What an exchange needs of its connection. */
export interface ClientExchangeOwner {
  readonly transport: Transport
  requestEnded(exchange: ClientExchange): void
  /** The request cannot be finished: `detail` goes to the reader. */
  requestFailed(exchange: ClientExchange, detail: string): void
  exchangeReset(exchange: ClientExchange): void
  holdReading(on: boolean): void
}

/** One request on its way. The object belongs to one request: what is called on it later touches no other. */
export class ClientExchange implements ClientStream {
  answered = false
  /** Our half is done. */
  ended = false
  /** The response is whole. */
  responseEnded = false
  /** No call has an effect any more. */
  over = false
  /** Bytes of both sides are the tunnel's. */
  tunnel = false
  informationals = 0
  readonly reader: ClientStreamReader
  readonly method: string
  readonly upgrade: string
  readonly #owner: ClientExchangeOwner
  readonly #encoder = new BodyEncoder()
  // For a tunnel that the server has not accepted yet.
  #early: Uint8Array[] | undefined
  #earlyBytes = 0
  #earlyEnd = false

  constructor(owner: ClientExchangeOwner, head: RequestHead, reader: ClientStreamReader) {
    this.#owner = owner
    this.reader = reader
    this.method = head.method
    this.upgrade = head.upgrade
  }

  get wantsTunnel(): boolean {
    return this.upgrade !== '' || this.method === 'CONNECT'
  }

  /** Writes the head; a text that says why it cannot be sent, and then nothing was. */
  start(head: RequestHead, end: boolean): string | undefined {
    const method = head.method
    const connect = method === 'CONNECT'
    const target = connect ? head.authority : head.path
    if (!consistsOf(method, TOKEN_LOWER)) return 'the method is not valid'
    if (!consistsOf(target, TARGET) || !isTarget(target, method)) return 'the path is not valid'
    if (!isAuthority(head.authority)) return 'the authority is not valid'
    const wantsTunnel = this.wantsTunnel
    // Host first, as RFC 9110 section 7.2 asks.
    let text = headText(`${method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n`, head.fields, !connect)
    const length = statedLength
    const te = statesTe
    if (text === undefined) return 'a request field is not valid'
    text = appendLine(text, '')
    if (wantsTunnel) {
      if (length > 0) return 'a request for another protocol has a content-length'
      this.#encoder.startNone()
      if (this.upgrade !== '') {
        if (!isProtocol(this.upgrade)) return 'the upgrade is not valid'
        text = appendLine(text, te ? 'connection: upgrade, te\r\n' : 'connection: upgrade\r\n')
        text = appendLine(text, `upgrade: ${this.upgrade}\r\n`)
      }
    } else {
      if (te) text = appendLine(text, 'connection: te\r\n')
      if (length !== NO_LENGTH) {
        if (end && length > 0) return 'the request has no body but a content-length'
        this.#encoder.startLength(length)
      } else if (end) {
        this.#encoder.startNone()
        // RFC 9110 section 8.6: where content is expected, say that there is none.
        if (method === 'POST' || method === 'PUT' || method === 'PATCH') {
          text = appendLine(text, 'content-length: 0\r\n')
        }
      } else {
        this.#encoder.startChunked()
        text = appendLine(text, 'transfer-encoding: chunked\r\n')
      }
    }
    if (!writeHead(this.#owner.transport, text)) return 'a request field would break its line'
    // A tunnel's writer stays open until the server decided.
    this.ended = end && !wantsTunnel
    this.#earlyEnd = end && wantsTunnel
    return undefined
  }

  data(chunk: Uint8Array): boolean {
    if (this.over || this.ended || chunk.length === 0) return true
    const transport = this.#owner.transport
    if (this.wantsTunnel && !this.tunnel) {
      this.#earlyBytes += chunk.length
      if (this.#earlyBytes > MAX_EARLY_TUNNEL_BYTES) {
        this.#owner.requestFailed(this, 'too much was sent before the tunnel was accepted')
      } else (this.#early ??= []).push(Uint8Array.from(chunk))
      return false
    }
    if (!this.#encoder.data(transport, chunk)) {
      this.#owner.requestFailed(this, 'the request body is longer than its content-length')
      return true
    }
    return !transport.congested
  }

  end(trailers: Fields | undefined): void {
    if (this.over || this.ended) return
    if (this.wantsTunnel && !this.tunnel) {
      this.#earlyEnd = true
      return
    }
    if (!this.#encoder.end(this.#owner.transport, trailers)) {
      return this.#owner.requestFailed(
        this,
        'the request ends before its content-length, or a trailer is not valid',
      )
    }
    this.ended = true
    this.#owner.requestEnded(this)
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

  /** The server accepted: what waited goes out. */
  openTunnel(): void {
    this.tunnel = true
    this.#encoder.startRaw()
    const early = this.#early
    this.#early = undefined
    if (early !== undefined) {
      for (const chunk of early) this.#owner.transport.write(chunk)
      if (!this.#owner.transport.congested) this.reader.onWritable()
    }
    if (this.#earlyEnd && !this.over) this.end(undefined)
  }

  /** The server did not: nothing more is sent for this request. */
  refuseTunnel(): void {
    this.ended = true
    this.#early = undefined
  }
}

function isTarget(target: string, method: string): boolean {
  if (method === 'CONNECT') return true
  return target.charCodeAt(0) === 47 || (target === '*' && method === 'OPTIONS')
}

function isProtocol(text: string): boolean {
  const slash = text.indexOf('/')
  if (slash < 0) return consistsOf(text, TOKEN_LOWER)
  return consistsOf(text.slice(0, slash), TOKEN_LOWER) && consistsOf(text.slice(slash + 1), TOKEN_LOWER)
}
