import type { Fields, RequestHead, ResponseHead } from '../../../proxy/http/message.ts'
import type { ClientStreamReader, ResetReason } from '../../../proxy/http/stream.ts'
import { connectHttp1 } from '../../../proxy/http1/client.ts'
import { StillDeadlines } from './still-clock.ts'
import { feedInPieces, type FeedOptions } from './weft-server.ts'
import { Wire } from './wire.ts'

/** What a caller heard of one answer by Weft's client codec. */
export class ResponseView implements ClientStreamReader {
  readonly interims: ResponseHead[] = []
  head: ResponseHead | undefined
  /** Latin1. */
  body = ''
  trailers: Fields | undefined
  /** The head said that no body follows. */
  headOnly = false
  ended = false
  reset: ResetReason | undefined
  /** Bytes of the stream up to its end; exact where it was fed byte by byte and does not end with the connection. */
  to = 0
  /** The end of the connection was its end. */
  untilClose = false
  at = 0
  fin = false

  onInformational(head: ResponseHead): void {
    if (this.head !== undefined) throw new Error('an interim head after the final one')
    this.interims.push(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.head !== undefined || this.reset !== undefined) throw new Error('a second head')
    this.head = head
    this.headOnly = end
    if (end) this.onEnd(undefined)
  }

  onData(chunk: Buffer): void {
    if (this.head === undefined || this.ended || this.reset !== undefined)
      throw new Error('data out of place')
    if (chunk.length === 0) throw new Error('empty data')
    this.body += chunk.toString('latin1')
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.head === undefined || this.ended || this.reset !== undefined) throw new Error('end out of place')
    this.ended = true
    this.trailers = trailers
    this.to = this.at
    this.untilClose = this.fin
  }

  onReset(reason: ResetReason): void {
    if (this.reset !== undefined || this.ended) throw new Error('a second end')
    this.reset = reason
  }

  onWritable(): void {}
}

/**
 * What Weft's client codec makes of `stream` as the answer to a request of `method`; then the server ends its
 * side. Throws where the codec calls its reader out of order.
 */
export function weftClientView(stream: Buffer, method: string, options: FeedOptions = {}): ResponseView {
  const wire = new Wire()
  let changes = 0
  const connection = connectHttp1(
    wire,
    { onChange: () => void changes++ },
    { deadlines: options.deadlines ?? new StillDeadlines() },
  )
  const view = new ResponseView()
  const head: RequestHead = { method, scheme: 'http', authority: 'a', path: '/', fields: [], upgrade: '' }
  connection.open(head, true, view)
  // The codec takes an answer only once the request has left.
  wire.handed++
  feedInPieces(wire, stream, options, (at) => void (view.at = at))
  view.fin = true
  wire.feedEnd()
  wire.close()
  if (!view.ended && view.reset === undefined) throw new Error('an answer was neither ended nor reset')
  if (!connection.closed) throw new Error('the connection is open after its end')
  return view
}
