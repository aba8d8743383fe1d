import { field, type Fields, type RequestHead } from '../../../proxy/http/message.ts'
import type { BodyReader, ResetReason, ServerHandler, ServerStream } from '../../../proxy/http/stream.ts'
import { serveHttp1 } from '../../../proxy/http1/server.ts'
import type { FramedRequest } from './framed.ts'
import { StillDeadlines } from './still-clock.ts'
import { Wire } from './wire.ts'

/** A request that Weft's server codec accepted and read to its end. */
export interface AcceptedRequest extends FramedRequest {
  readonly head: RequestHead
  readonly trailers: Fields | undefined
  /** Its head said that no body follows. */
  readonly headOnly: boolean
  /** Bytes of the stream up to its end; exact where the stream was fed byte by byte. */
  readonly to: number
}

/** True where Weft took the body for chunked; a tunnel's request has none. */
export function isChunked({ head, headOnly }: AcceptedRequest): boolean {
  if (headOnly || head.upgrade !== '' || head.method === 'CONNECT') return false
  return field(head.fields, 'content-length') === undefined
}

export interface WeftServerView {
  readonly accepted: readonly AcceptedRequest[]
  /** A head was taken whose body never ended. */
  readonly unfinished: RequestHead | undefined
  /** Status and code of the refusal, or undefined. */
  readonly refusal: string | undefined
  /** It sent its last byte. */
  readonly closed: boolean
  /** How the unfinished request was told. */
  readonly reset: ResetReason | undefined
  readonly output: Buffer
}

export interface FeedOptions {
  /** Where the stream comes in pieces, ascending. */
  readonly cuts?: readonly number[]
  /** Feed each byte by itself. */
  readonly bytewise?: boolean
  /** The client ends its side after the last byte. */
  readonly fin?: boolean
  /** Answers come only after every byte was fed: what is pipelined waits in the codec. */
  readonly late?: boolean
  readonly deadlines?: StillDeadlines
}

/** What Weft's server codec makes of `stream`. Throws where the codec calls its handler out of order. */
export function weftServerView(stream: Buffer, options: FeedOptions = {}): WeftServerView {
  const wire = new Wire()
  const deadlines = options.deadlines ?? new StillDeadlines()
  const handler = new Recorder(options.late ?? false)
  serveHttp1(wire, handler, { deadlines })
  feedInPieces(wire, stream, options, (at) => void (handler.at = at))
  while (handler.answerNext()) wire.pump()
  if (options.fin) wire.feedEnd()
  while (handler.answerNext()) wire.pump()
  const closed = wire.ended || wire.destroyed
  const unfinished = handler.unfinished
  wire.close()
  if (handler.closes !== 1) throw new Error(`onClose was called ${handler.closes} times`)
  if (unfinished !== undefined && unfinished.reset === undefined)
    throw new Error('a request was neither ended nor reset')
  return {
    accepted: handler.accepted,
    unfinished: unfinished?.head,
    refusal: handler.refusal ?? unfinished?.fault,
    closed,
    reset: unfinished?.reset,
    output: wire.output,
  }
}

/** Feeds `stream` to the wire as `options` say; `progress` hears the end of a piece before it is fed. */
export function feedInPieces(
  wire: Wire,
  stream: Buffer,
  { cuts = [], bytewise = false }: FeedOptions,
  progress: (at: number) => void = () => {},
): void {
  if (bytewise) {
    for (let i = 0; i < stream.length; i++) {
      progress(i + 1)
      wire.feed(stream.subarray(i, i + 1))
    }
    return
  }
  let from = 0
  for (const cut of [...cuts, stream.length]) {
    progress(cut)
    wire.feed(stream.subarray(from, cut))
    from = cut
  }
}

class Recorder implements ServerHandler {
  readonly accepted: AcceptedRequest[] = []
  readonly #late: boolean
  #waiting: Reading | undefined
  #last: Reading | undefined
  closes = 0
  at = 0
  refusal: string | undefined

  constructor(late: boolean) {
    this.#late = late
  }

  get unfinished(): Reading | undefined {
    return this.#last !== undefined && !this.#last.ended ? this.#last : undefined
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): BodyReader {
    if (this.closes > 0) throw new Error('a request after the end')
    const reading = new Reading(stream, head, end, (one) => this.#whole(one))
    this.#last = reading
    // A tunnel is refused: what follows must be the next request, or nothing.
    if (head.upgrade !== '' || head.method === 'CONNECT') reading.answer(403)
    else if (end) reading.onEnd(undefined)
    return reading
  }

  onRefused(status: number, code: string): void {
    this.refusal = `${status} ${code}`
  }

  onClose(): void {
    this.closes++
  }

  /** Answers the request that waits; false: none does. */
  answerNext(): boolean {
    const waiting = this.#waiting
    if (waiting === undefined) return false
    this.#waiting = undefined
    waiting.answer(200)
    return true
  }

  #whole(one: Reading): void {
    const { head, headOnly, body, trailers } = one
    const target = head.method === 'CONNECT' ? head.authority : head.path
    this.accepted.push({ method: head.method, target, body, head, headOnly, trailers, to: this.at })
    if (one.answered) return
    if (this.#late) this.#waiting = one
    else one.answer(200)
  }
}

class Reading implements BodyReader {
  readonly head: RequestHead
  readonly headOnly: boolean
  readonly #stream: ServerStream
  readonly #whole: (one: Reading) => void
  body = ''
  trailers: Fields | undefined
  ended = false
  answered = false
  reset: ResetReason | undefined
  /** What was wrong with its body. */
  fault: string | undefined

  constructor(stream: ServerStream, head: RequestHead, headOnly: boolean, whole: (one: Reading) => void) {
    this.#stream = stream
    this.head = head
    this.headOnly = headOnly
    this.#whole = whole
  }

  answer(status: number): void {
    this.answered = true
    this.#stream.head({ status, fields: [] }, true)
    // The codec tells the reader of a refused tunnel nothing after the answer: the request was its head.
    if (!this.ended) this.onEnd(undefined)
  }

  onData(chunk: Buffer): void {
    if (this.ended || this.reset !== undefined) throw new Error('data after the end')
    if (chunk.length === 0) throw new Error('empty data')
    this.body += chunk.toString('latin1')
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.ended || this.reset !== undefined) throw new Error('a second end')
    this.ended = true
    this.trailers = trailers
    this.#whole(this)
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.reset !== undefined) throw new Error('a second reset')
    this.reset = reason
    if (reason === 'protocol') this.fault = detail
  }

  onWritable(): void {}
}
