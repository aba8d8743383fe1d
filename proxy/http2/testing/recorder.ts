import type { Fields, RequestHead, ResponseHead } from '../../http/message.ts'
import type {
  BodyReader,
  ClientStreamReader,
  ResetReason,
  ServerHandler,
  ServerStream,
} from '../../http/stream.ts'

/** Writes down what a codec tells its reader, for tests. */
export class Recorder implements ClientStreamReader {
  readonly events: string[] = []
  head: ResponseHead | undefined
  bytes = 0
  text = ''
  trailers: Fields | undefined
  ended = false
  reset: ResetReason | undefined
  detail = ''
  writable = 0
  onWritableDo: () => void = () => {}
  onDataDo: (chunk: Buffer) => void = () => {}
  onEndDo: (trailers: Fields | undefined) => void = () => {}

  onInformational(head: ResponseHead): void {
    this.events.push(`informational ${head.status}`)
  }

  onHead(head: ResponseHead, end: boolean): void {
    this.head = head
    this.ended = end
    this.events.push(`head ${head.status}${end ? ' end' : ''}`)
  }

  onSilent(): void {
    this.events.push('silent')
  }

  onData(chunk: Buffer): void {
    this.bytes += chunk.length
    if (this.text.length < 1000) this.text += chunk.toString('latin1')
    this.onDataDo(chunk)
  }

  onEnd(trailers: Fields | undefined): void {
    this.ended = true
    this.trailers = trailers
    this.events.push('end')
    this.onEndDo(trailers)
  }

  onReset(reason: ResetReason, detail: string): void {
    this.reset = reason
    this.detail = detail
    this.events.push(`reset ${reason}`)
  }

  onWritable(): void {
    this.writable++
    this.onWritableDo()
  }
}

/** One request as a server saw it, for tests. */
export class RecordedRequest extends Recorder {
  readonly stream: ServerStream
  readonly request: RequestHead

  constructor(stream: ServerStream, request: RequestHead, end: boolean) {
    super()
    this.stream = stream
    this.request = request
    this.ended = end
  }
}

/** Keeps the requests; `onRequestDo` may answer at once. */
export class RecordingHandler implements ServerHandler {
  readonly requests: RecordedRequest[] = []
  readonly refused: string[] = []
  closed = false
  onRequestDo: (request: RecordedRequest) => void = () => {}

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): BodyReader {
    const request = new RecordedRequest(stream, head, end)
    this.requests.push(request)
    this.onRequestDo(request)
    return request
  }

  onRefused(status: number, code: string): void {
    this.refused.push(`${status} ${code}`)
  }

  onClose(): void {
    this.closed = true
  }

  get last(): RecordedRequest {
    return this.requests.at(-1) as RecordedRequest
  }
}
