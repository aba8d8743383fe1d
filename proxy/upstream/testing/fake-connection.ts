import type { Fields, RequestHead } from '../../http/message.ts'
import type {
  ClientConnection,
  ClientHandler,
  ClientStream,
  ClientStreamReader,
  ResetReason,
} from '../../http/stream.ts'

/**
 * A connection without a socket: the test is the server. As the codecs, HTTP/1.1 takes one stream at a time and is
 * closed when what ran at `drain` is over; HTTP/2 is closed to new streams at once.
 */
export class FakeConnection implements ClientConnection {
  readonly protocol: ClientConnection['protocol']
  /** As the pool asked for it; 0: none. */
  readonly idleTimeoutMs: number
  /** Every stream that was ever opened here. */
  readonly streams: FakeStream[] = []
  carried = 0
  /** What the server says of how many streams it takes; kept to by the test. */
  streamsTold: number | undefined
  closed = false
  closedIdle = false
  endedByPeer = false
  announcedIdleMs: number | undefined = undefined
  destroyed = false
  readonly #handler: ClientHandler
  readonly #maxStreams: number
  readonly #onStream: (stream: FakeStream) => void
  readonly #open = new Set<FakeStream>()
  #draining = false
  #suspect = false

  constructor(
    protocol: ClientConnection['protocol'],
    handler: ClientHandler,
    idleTimeoutMs: number,
    maxStreams: number,
    onStream: (stream: FakeStream) => void,
  ) {
    this.protocol = protocol
    this.idleTimeoutMs = idleTimeoutMs
    this.#handler = handler
    this.#maxStreams = protocol === 'h2' ? maxStreams : 1
    this.#onStream = onStream
  }

  get active(): number {
    return this.#open.size
  }

  get free(): number {
    return this.closed || this.#draining || this.#suspect
      ? 0
      : Math.max(0, this.#maxStreams - this.#open.size)
  }

  open(head: RequestHead, end: boolean, reader: ClientStreamReader): FakeStream {
    if (this.free === 0) throw new Error('a stream was opened where none is free')
    const stream = new FakeStream(this, head, end, reader)
    this.streams.push(stream)
    this.#open.add(stream)
    if (this.protocol === 'h2') this.carried++
    this.#onStream(stream)
    return stream
  }

  drain(): void {
    if (this.#draining || this.closed) return
    this.#draining = true
    if (this.#open.size > 0 && this.protocol === 'http/1.1') return
    this.closed = true
    this.#handler.onChange()
  }

  destroy(): void {
    this.destroyed = true
    this.lose('destroyed')
  }

  // What the server does.

  /** Takes no more streams, as after GOAWAY or `connection: close`. */
  goAway(): void {
    this.drain()
  }

  /** Owes the answer to a PING from now on, or no more. */
  suspect(on = true): void {
    this.#suspect = on
    if (on) {
      this.#handler.onSilent?.()
      for (const stream of [...this.#open]) stream.silent()
    }
    this.#handler.onChange()
  }

  /** Ends the connection under whatever runs on it. */
  lose(detail = 'the server closed the connection'): void {
    this.closed = true
    this.closedIdle = this.#open.size === 0
    this.#handler.onChange()
    for (const stream of [...this.#open]) stream.fail('connection', detail)
  }

  // From the stream.

  leave(stream: FakeStream): void {
    if (!this.#open.delete(stream)) return
    if (this.protocol === 'h2') return
    this.carried++
    if (this.#draining) this.closed = true
  }

  changed(): void {
    this.#handler.onChange()
  }
}

/** A request as the server of a test sees it, and its answer. */
export class FakeStream implements ClientStream {
  readonly connection: FakeConnection
  readonly head: RequestHead
  answered = false
  /** Opened before the server had said how many streams it takes. */
  early = false
  /** What came of the body. */
  body = ''
  /** The request is whole. */
  ended: boolean
  trailers: Fields | undefined
  /** Why the caller gave it up. */
  resetBy: ResetReason | undefined
  paused = false
  /** What `data` gives: whether there is room for more. */
  room = true
  readonly #reader: ClientStreamReader
  #responseEnded = false
  #over = false

  constructor(connection: FakeConnection, head: RequestHead, end: boolean, reader: ClientStreamReader) {
    this.connection = connection
    this.head = head
    this.ended = end
    this.#reader = reader
  }

  /** Nothing more comes from either side. */
  get over(): boolean {
    return this.#over
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over || this.ended) return true
    this.body += Buffer.from(chunk).toString('latin1')
    return this.room
  }

  end(trailers: Fields | undefined): void {
    if (this.#over || this.ended) return
    this.ended = true
    this.trailers = trailers
    if (!this.#responseEnded) return
    this.#leave()
    this.connection.changed()
  }

  /** Costs an HTTP/1.1 connection. */
  reset(reason: ResetReason): void {
    if (this.#over) return
    this.resetBy = reason
    this.#leave()
    if (this.connection.protocol === 'http/1.1') this.connection.lose()
    else this.connection.changed()
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  // What the server does.

  /** A whole answer. */
  respond(status: number, body = '', fields: Fields = []): void {
    this.sendHead(status, fields, body === '')
    if (body === '') return
    this.sendData(body)
    this.sendEnd()
  }

  sendInformational(status: number, fields: Fields = []): void {
    this.answered = true
    this.#reader.onInformational({ status, fields })
  }

  sendHead(status: number, fields: Fields = [], end = false): void {
    if (this.#over) return
    this.answered = true
    if (end) this.#responseDone()
    this.#reader.onHead({ status, fields: [...fields] }, end)
    if (end) this.connection.changed()
  }

  sendData(text: string): void {
    if (!this.#over) this.#reader.onData(Buffer.from(text, 'latin1'))
  }

  sendEnd(trailers?: Fields): void {
    if (this.#over) return
    this.#responseDone()
    this.#reader.onEnd(trailers)
    this.connection.changed()
  }

  /** Its connection is suspect. */
  silent(): void {
    if (!this.answered) this.#reader.onSilent?.()
  }

  /** There is room for more of the request. */
  makeRoom(): void {
    this.room = true
    if (!this.#over && !this.ended) this.#reader.onWritable()
  }

  /** The stream is reset, which costs an HTTP/1.1 connection; `refused`: the server did not process it. */
  fail(reason: ResetReason, detail = 'a test wants it'): void {
    if (this.#over) return
    this.#leave()
    if (this.connection.protocol === 'http/1.1') this.connection.closed = true
    this.connection.changed()
    this.#reader.onReset(reason, detail)
  }

  // The connection is free before the reader hears of the end, so that it may use it.
  #responseDone(): void {
    this.#responseEnded = true
    if (this.ended) this.#leave()
  }

  #leave(): void {
    this.#over = true
    this.connection.leave(this)
  }
}
