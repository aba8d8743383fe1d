import type { ResponseHead } from '../http/message.ts'
import type { BodyReader, ServerStream } from '../http/stream.ts'
import { HeadWriter, NO_LENGTH } from './head-writer.ts'
import { statusLine } from './status-line.ts'
import { Http1Stream, type StreamOwner } from './stream.ts'

/** What a stream needs of the server's side of its connection. */
export interface ServerStreamOwner extends StreamOwner {
  /** Whether the connection may go on after this answer, as far as is known when its head is written. */
  mayKeepAlive(stream: Http1ServerStream, end: boolean): boolean
  /** The bytes of both sides are the tunnel's from now on. */
  tunnelOpened(stream: Http1ServerStream): void
  /** The final head was sent and no tunnel came of it. */
  tunnelRefused(stream: Http1ServerStream): void
}

const HEAD = new HeadWriter()

/** One request's answer. */
export class Http1ServerStream extends Http1Stream<ServerStreamOwner> implements ServerStream {
  /** Set as soon as the handler returned it. */
  reader: BodyReader | undefined = undefined
  /** The body ends with the connection. */
  untilClose = false
  /** The client was told that the connection closes. */
  closes = false
  /** The request came in HTTP/1.0. */
  readonly http10: boolean
  /** The client waits for a 100 and has none yet. */
  awaitsContinue: boolean

  constructor(
    owner: ServerStreamOwner,
    method: string,
    upgrade: string,
    http10: boolean,
    awaitsContinue: boolean,
  ) {
    super(owner, method, upgrade)
    this.http10 = http10
    this.awaitsContinue = awaitsContinue
  }

  protected get sends(): 'response' {
    return 'response'
  }

  informational(head: ResponseHead): void {
    const status = head.status
    if (this.over || this.started || this.http10 || status < 100 || status > 199 || status === 101) return
    HEAD.begin(statusLine(status), head.spelling)
    // An interim answer is only a hint: a broken one is left out.
    if (!HEAD.fields(head.fields, false) || !HEAD.write(this.owner.transport)) return
    if (status === 100) this.awaitsContinue = false
  }

  head(head: ResponseHead, end: boolean): void {
    if (this.over || this.started) return
    const status = head.status
    const switching = status === 101
    if (switching ? this.upgrade === '' : status < 200 || status > 999) {
      return this.owner.sendingFailed(this, 'the response has a status that is not possible here')
    }
    const tunnel = switching || (this.method === 'CONNECT' && status < 300)
    HEAD.begin(statusLine(status), head.spelling)
    // RFC 9110 section 8.6: no content-length in 1xx, 204 and the answer that opens a tunnel.
    if (!HEAD.fields(head.fields, !tunnel && status !== 204)) {
      return this.owner.sendingFailed(this, 'a response field is not valid')
    }
    if (tunnel) {
      this.encoder.startRaw()
      if (switching) {
        HEAD.line('connection', 'upgrade')
        HEAD.line('upgrade', this.upgrade)
      }
    } else {
      const keepsAlive = this.owner.mayKeepAlive(this, end)
      if (this.method === 'HEAD' || status === 204 || status === 304) this.encoder.startNone()
      else if (this.http10 && !end && HEAD.contentLength === NO_LENGTH) {
        // RFC 9112 section 6.3: towards HTTP/1.0 only the end of the connection can end it.
        this.encoder.startRaw()
        this.untilClose = true
      } else if (!this.frameBody(HEAD, end, true)) {
        return this.owner.sendingFailed(this, 'the response has no body but a content-length')
      }
      if (!keepsAlive || this.untilClose) {
        this.closes = true
        HEAD.line('connection', 'close')
      } else if (this.http10) HEAD.line('connection', 'keep-alive')
    }
    if (!HEAD.write(this.owner.transport)) {
      return this.owner.sendingFailed(this, 'a response field would break its line')
    }
    this.started = true
    if (tunnel) {
      this.tunnel = true
      this.owner.tunnelOpened(this)
      if (end) this.end(undefined)
      return
    }
    if (end) {
      this.ended = true
      if (this.wantsTunnel) this.owner.tunnelRefused(this)
      this.owner.sendingEnded(this)
    } else if (this.wantsTunnel) this.owner.tunnelRefused(this)
  }
}
