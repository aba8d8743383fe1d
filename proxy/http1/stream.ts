import type { Fields } from '../http/message.ts'
import type { BodyWriter, ResetReason } from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import { BodyEncoder } from './body-encoder.ts'
import { NO_LENGTH, type HeadWriter } from './head-writer.ts'

/** What a stream of either role needs of its connection. */
export interface StreamOwner {
  readonly transport: Transport
  /** The half that we send is whole. */
  sendingEnded(stream: Http1Stream): void
  /** The half that we send cannot be finished: `detail` goes to the reader. */
  sendingFailed(stream: Http1Stream, detail: string): void
  streamReset(stream: Http1Stream): void
  pauseReading(on: boolean): void
}

/**
 * One request and its response on a connection, either role: what is sent of it. The object belongs to one request:
 * what is called on it later touches no other.
 */
export abstract class Http1Stream<Owner extends StreamOwner = StreamOwner> implements BodyWriter {
  /** Our head is written. */
  started = false
  /** Our half is whole. */
  ended = false
  /** No call has an effect any more. */
  over = false
  /** The bytes of both sides are the tunnel's. */
  tunnel = false
  readonly method: string
  /** The protocol that the request asks for by Upgrade, or ''. */
  readonly upgrade: string
  protected readonly owner: Owner
  protected readonly encoder = new BodyEncoder()

  constructor(owner: Owner, method: string, upgrade: string) {
    this.owner = owner
    this.method = method
    this.upgrade = upgrade
  }

  /** What we send, as errors name it. */
  protected abstract get sends(): 'request' | 'response'

  /** Asks for a tunnel, by Upgrade or CONNECT. */
  get wantsTunnel(): boolean {
    return this.upgrade !== '' || this.method === 'CONNECT'
  }

  /**
   * Frames the body that follows `head` (RFC 9112 section 6.3); `end`: none does, which is said where `sayNone`.
   * False: it promises a body that does not follow.
   */
  protected frameBody(head: HeadWriter, end: boolean, sayNone: boolean): boolean {
    if (head.contentLength !== NO_LENGTH) {
      if (end && head.contentLength > 0) return false
      this.encoder.startLength(head.contentLength)
    } else if (end) {
      this.encoder.startNone()
      if (sayNone) head.line('content-length', '0')
    } else {
      this.encoder.startChunked()
      head.line('transfer-encoding', 'chunked')
    }
    return true
  }

  data(chunk: Uint8Array): boolean {
    if (this.over || this.ended || !this.started) return true
    const transport = this.owner.transport
    if (this.encoder.data(transport, chunk)) return !transport.congested
    this.owner.sendingFailed(this, `the ${this.sends} body is longer than its content-length`)
    return true
  }

  end(trailers: Fields | undefined): void {
    if (this.over || this.ended || !this.started) return
    if (this.encoder.end(this.owner.transport, trailers)) {
      this.ended = true
      this.owner.sendingEnded(this)
      return
    }
    const detail = `the ${this.sends} ends before its content-length, or a trailer is not valid`
    this.owner.sendingFailed(this, detail)
  }

  reset(_reason: ResetReason): void {
    if (!this.over) this.owner.streamReset(this)
  }

  pause(): void {
    if (!this.over) this.owner.pauseReading(true)
  }

  resume(): void {
    if (!this.over) this.owner.pauseReading(false)
  }
}
