import { PEER_FRAME, UPGRADE_HEADER } from '../../core/contract.ts'
import { field, type RequestHead } from '../http/message.ts'
import type {
  ClientConnection,
  ClientHandler,
  ClientStream,
  ClientStreamReader,
  ResetReason,
} from '../http/stream.ts'
import type { Transport } from '../transport/transport.ts'
import { Http2Connection } from './connection.ts'
import { ENHANCE_YOUR_CALM, nameOfCode, NO_ERROR, PROTOCOL_ERROR, reasonOfCode } from './error-code.ts'
import { UNKNOWN_LENGTH, type FieldBlock } from './field-block.ts'
import { LARGEST_STREAM_ID, PREFACE } from './frame.ts'
import type { Urgency } from './keep-alive.ts'
import { resolveOptions, type Http2Options, type ResolvedOptions } from './options.ts'
import { requestPseudoBytes, writeRequestPseudo } from './request-head.ts'
import { readStatus } from './response-head.ts'
import { ENABLE_PUSH } from './settings.ts'
import { Http2Stream, type StreamConnection } from './stream.ts'

// Interim (1xx) responses before a final one.
const MAX_INFORMATIONAL = 64

/**
 * Speaks HTTP/2 (RFC 9113, extended CONNECT by RFC 8441) as the client of a fresh connection. Requests
 * may be opened at once; until the server's SETTINGS are here, 100 at most.
 */
export function connectHttp2(
  transport: Transport,
  handler: ClientHandler,
  options: Http2Options = {},
): ClientConnection {
  return new Http2Client(transport, handler, resolveOptions(options))
}

class Http2ClientStream extends Http2Stream implements ClientStream {
  answered = false
  /** The final head is here. */
  headReceived = false
  /** What the server had said that it takes when this was opened. */
  readonly #allowed: number
  #informationals = 0
  protected readonly isServer = false
  readonly #reader: ClientStreamReader
  readonly #headRequest: boolean
  /** An extended CONNECT (RFC 8441). */
  readonly #extendedConnect: boolean
  readonly #wantsTunnel: boolean

  constructor(connection: StreamConnection, id: number, head: RequestHead, reader: ClientStreamReader) {
    super(connection, id)
    this.reader = this.#reader = reader
    this.#allowed = connection.peer.received ? connection.peer.maxConcurrentStreams : Infinity
    this.#headRequest = head.method === 'HEAD'
    this.#extendedConnect = head.upgrade !== ''
    this.#wantsTunnel = this.#extendedConnect || head.method === 'CONNECT'
  }

  get early(): boolean {
    return this.connection.peer.maxConcurrentStreams < this.#allowed
  }

  override beginData(length: number): boolean {
    if (this.headReceived) return super.beginData(length)
    this.fail(PROTOCOL_ERROR, 'DATA before the head of the response')
    return false
  }

  /** The peer owes a sign of life. */
  peerSilent(): void {
    if (!this.headReceived && !this.dead) this.#reader.onSilent?.()
  }

  receiveHead(block: FieldBlock, end: boolean): void {
    if (this.headReceived) return this.receiveTrailers(block, end)
    this.answered = true
    const status = readStatus(block)
    if (typeof status === 'string') return this.fail(PROTOCOL_ERROR, status)
    if (block.tooLarge) {
      // Not the peer's fault alone: it may not honour SETTINGS_MAX_HEADER_LIST_SIZE.
      this.reset('overload')
      this.reader.onReset('overload', 'the head of the response is beyond the limits')
      return
    }
    if (status < 200) {
      if (end) return this.fail(PROTOCOL_ERROR, `status ${status} ends the stream`)
      // They pass the caller's flow control by.
      if (++this.#informationals > MAX_INFORMATIONAL)
        return this.fail(ENHANCE_YOUR_CALM, 'too many interim responses')
      this.#reader.onInformational({ status, fields: block.fields, spelling: block.spelling })
      return
    }
    this.headReceived = true
    if (this.#headRequest || status === 204 || status === 304) this.bodyLeft = 0
    else {
      this.bodyLeft = block.contentLength
      if (end && this.bodyLeft > 0) return this.fail(PROTOCOL_ERROR, 'less content than content-length says')
    }
    // RFC 8441 section 5: any 2xx.
    const ignored = this.#extendedConnect && field(block.fields, UPGRADE_HEADER) !== undefined
    if (this.#wantsTunnel && status < 300 && !ignored) {
      this.tunnel = true
      this.bodyLeft = UNKNOWN_LENGTH
    }
    this.remoteEnded = end
    this.#reader.onHead(
      {
        status: this.tunnel && this.#extendedConnect ? 101 : status,
        fields: block.fields,
        spelling: block.spelling,
      },
      end,
    )
    if (end) this.connection.settle(this)
  }
}

class Http2Client extends Http2Connection implements ClientConnection {
  readonly protocol = 'h2'
  carried = 0
  protected readonly isServer = false
  protected readonly lastProcessed = 0
  readonly #handler: ClientHandler
  #nextId = 1
  #draining = false
  #suspect = false

  constructor(transport: Transport, handler: ClientHandler, options: ResolvedOptions) {
    super(transport, options)
    this.#handler = handler
    transport.write(PREFACE)
    this.sendSettings([ENABLE_PUSH, 0])
    if (options.peer !== '') this.writeFrame(PEER_FRAME, 0, 0, Buffer.from(options.peer, 'latin1'))
  }

  get free(): number {
    // Streams that nobody reads hold its window: what comes has to go elsewhere.
    if (this.closed || this.#suspect || this.heldBytes > this.options.heldBytes) return 0
    const most = Math.min(this.options.maxConcurrentStreams, this.peer.maxConcurrentStreams)
    return Math.max(0, most - this.streams.size)
  }

  get streamsTold(): number | undefined {
    return this.peer.received ? this.peer.maxConcurrentStreams : undefined
  }

  get closed(): boolean {
    return this.#draining || this.stopped || this.#nextId > LARGEST_STREAM_ID
  }

  open(head: RequestHead, end: boolean, reader: ClientStreamReader): ClientStream {
    if (this.free === 0) return refusedStream(reader, 'refused', 'the connection takes no more streams')
    if (head.upgrade !== '' && this.peer.received && !this.peer.connectProtocol)
      return refusedStream(reader, 'protocol', 'the server has no extended CONNECT')
    const id = this.#nextId
    this.#nextId += 2
    this.carried++
    const stream = new Http2ClientStream(this, id, head, reader)
    this.streams.add(stream)
    const spelling = this.spellingOf(head)
    writeRequestPseudo(this.beginBlock(head.fields, spelling, requestPseudoBytes(head)), head)
    this.writeFields(head.fields, spelling)
    this.endBlock(id, end)
    stream.localEnded = end
    this.asked()
    return stream
  }

  override get urgency(): Urgency {
    for (const stream of this.streams.all()) if (!(stream as Http2ClientStream).headReceived) return 'answer'
    return super.urgency
  }

  get awaitsPeer(): boolean {
    return this.streams.size > 0
  }

  /** Where PINGs are allowed, they tell. */
  get awaitsAnswer(): boolean {
    return this.options.keepAlive === undefined && this.urgency === 'answer'
  }

  onPeerSilent(silent: boolean): void {
    if (silent !== this.#suspect && !this.stopped) this.onSuspect(silent)
  }

  /** Takes nothing new while the peer owes the answer to a PING; who waits for it hears that, and may go elsewhere. */
  override onSuspect(suspect: boolean): void {
    this.#suspect = suspect
    if (suspect) {
      this.#handler.onSilent?.()
      for (const stream of this.streams.all()) (stream as Http2ClientStream).peerSilent()
    }
    if (!this.stopped) this.#handler.onChange()
  }

  protected isIdle(streamId: number): boolean {
    return streamId >= this.#nextId || (streamId & 1) === 0
  }

  protected onHeaders(streamId: number, end: boolean): void {
    const stream = this.streams.get(streamId)
    if (stream !== undefined) (stream as Http2ClientStream).receiveHead(this.block, end)
    else if (this.isIdle(streamId)) this.fail(PROTOCOL_ERROR, 'HEADERS on an idle stream')
    else this.afterClose(streamId)
  }

  /** Section 8.1: a server that has answered may ask for the rest of the request to stop, which loses nothing. */
  protected onPeerReset(stream: Http2Stream, code: number): void {
    if (stream.remoteEnded && stream.holds && code === NO_ERROR) return stream.stopSending()
    this.loseStream(stream, reasonOfCode(code), `the server reset the stream: ${nameOfCode(code)}`)
  }

  onStreamBroken(): void {}

  protected override onPeerSettings(): void {
    this.#handler.onChange()
  }

  /** Streams beyond the last one were not processed and can be repeated. */
  protected onGoaway(lastStreamId: number, code: number): void {
    this.#draining = true
    const lost = this.streams.all().filter((stream) => stream.id > lastStreamId)
    for (const stream of lost) this.loseStream(stream, 'refused', `the server goes away: ${nameOfCode(code)}`)
    this.#handler.onChange()
    this.#shutIfIdle()
  }

  protected onStreamGone(): void {
    if (!this.#shutIfIdle()) this.#handler.onChange()
  }

  drain(): void {
    if (this.closed) return
    this.#draining = true
    this.#handler.onChange()
    this.#shutIfIdle()
  }

  #shutIfIdle(): boolean {
    if (!this.#draining || this.stopped || this.streams.size > 0) return false
    this.writeGoaway(0, NO_ERROR, '')
    this.shut('connection', 'drained')
    return true
  }

  protected override shut(reason: ResetReason, detail: string, lingerMs?: number): void {
    super.shut(reason, detail, lingerMs)
    this.#handler.onChange()
  }

  protected onOver(): void {
    this.#handler.onChange()
  }
}

/** A stream that never was: its reader hears of it after the caller has it. */
function refusedStream(reader: ClientStreamReader, reason: ResetReason, detail: string): ClientStream {
  let dead = false
  setImmediate(() => {
    if (!dead) reader.onReset(reason, detail)
    dead = true
  })
  return {
    answered: false,
    data: () => true,
    end() {},
    reset() {
      dead = true
    },
    pause() {},
    resume() {},
  }
}
