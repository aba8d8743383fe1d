import type { Fields, RequestHead } from '../http/message.ts'
import type { ClientStream, ClientStreamReader } from '../http/stream.ts'
import { ByteQueue } from '../transport/byte-queue.ts'
import { isAuthority } from './authority.ts'
import { consistsOf, TARGET, TOKEN_LOWER } from './characters.ts'
import { HeadWriter } from './head-writer.ts'
import { MAX_EARLY_TUNNEL_BYTES } from './limits.ts'
import { Http1Stream, type StreamOwner } from './stream.ts'

const HEAD = new HeadWriter()

/** One request on its way. */
export class Http1ClientStream extends Http1Stream implements ClientStream {
  answered = false
  /** The response is whole. */
  responseEnded = false
  informationals = 0
  readonly reader: ClientStreamReader
  // For a tunnel that the server has not accepted yet.
  #early: ByteQueue | undefined
  #earlyEnd = false

  constructor(owner: StreamOwner, head: RequestHead, reader: ClientStreamReader) {
    super(owner, head.method, head.upgrade)
    this.reader = reader
  }

  protected get sends(): 'request' {
    return 'request'
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
    HEAD.begin(`${method} ${target} HTTP/1.1\r\n`, head.spelling)
    HEAD.line('host', head.authority)
    if (!HEAD.fields(head.fields, !connect)) return 'a request field is not valid'
    if (wantsTunnel) {
      if (HEAD.contentLength > 0) return 'a request for another protocol has a content-length'
      this.encoder.startNone()
      if (this.upgrade !== '') {
        if (!isProtocol(this.upgrade)) return 'the upgrade is not valid'
        HEAD.line('connection', HEAD.hasTe ? 'upgrade, te' : 'upgrade')
        HEAD.line('upgrade', this.upgrade)
      }
    } else {
      if (HEAD.hasTe) HEAD.line('connection', 'te')
      // RFC 9110 section 8.6: where content is expected, say that there is none.
      const expected = method === 'POST' || method === 'PUT' || method === 'PATCH'
      if (!this.frameBody(HEAD, end, expected)) return 'the request has no body but a content-length'
    }
    if (!HEAD.write(this.owner.transport)) return 'a request field would break its line'
    this.started = true
    // A tunnel's writer stays open until the server decided.
    this.ended = end && !wantsTunnel
    this.#earlyEnd = end && wantsTunnel
    return undefined
  }

  override data(chunk: Uint8Array): boolean {
    return this.#awaitsTunnel ? this.#keepEarly(chunk) : super.data(chunk)
  }

  override end(trailers: Fields | undefined): void {
    if (this.#awaitsTunnel) this.#earlyEnd = true
    else super.end(trailers)
  }

  /** The server has not decided on the tunnel: what is sent waits. */
  get #awaitsTunnel(): boolean {
    return this.wantsTunnel && !this.tunnel && !this.ended && !this.over
  }

  #keepEarly(chunk: Uint8Array): boolean {
    if (chunk.length === 0) return true
    const early = (this.#early ??= new ByteQueue())
    if (early.length + chunk.length > MAX_EARLY_TUNNEL_BYTES) {
      this.owner.sendingFailed(this, 'too much was sent before the tunnel was accepted')
    } else early.push(chunk)
    return false
  }

  /** The server accepted: what waited goes out. */
  openTunnel(): void {
    this.tunnel = true
    this.encoder.startRaw()
    const early = this.#early
    this.#early = undefined
    if (early !== undefined) {
      for (let piece = early.take(); piece.length > 0; piece = early.take()) {
        this.owner.transport.write(piece)
        early.giveBack()
      }
      if (!this.owner.transport.congested) this.reader.onWritable()
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
