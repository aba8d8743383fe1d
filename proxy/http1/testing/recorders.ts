import type { Fields, RequestHead, ResponseHead } from '../../http/message.ts'
import type {
  BodyReader,
  ClientStreamReader,
  ResetReason,
  ServerHandler,
  ServerStream,
} from '../../http/stream.ts'

/** A request as a handler saw it. */
export class SeenRequest implements BodyReader {
  readonly stream: ServerStream
  readonly head: RequestHead
  body = ''
  ended: boolean
  trailers: Fields | undefined
  reset: ResetReason | undefined
  writable = 0
  onWhole: (request: SeenRequest) => void = () => {}

  constructor(stream: ServerStream, head: RequestHead, end: boolean) {
    this.stream = stream
    this.head = head
    this.ended = end
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
    this.onWhole(this)
  }

  onReset(reason: ResetReason, _detail: string): void {
    if (this.reset !== undefined) throw new Error('a second reset')
    this.reset = reason
  }

  onWritable(): void {
    this.writable++
  }

  get summary() {
    const { method, scheme, authority, path, fields, upgrade } = this.head
    const { body, ended, trailers, reset } = this
    return { method, scheme, authority, path, fields, upgrade, body, ended, trailers, reset }
  }
}

/** Keeps every request; `answer` is called once a request is whole (or is for a tunnel). */
export class RecordingServer implements ServerHandler {
  readonly requests: SeenRequest[] = []
  closes = 0
  readonly #answer: (request: SeenRequest) => void

  constructor(answer: (request: SeenRequest) => void = () => {}) {
    this.#answer = answer
  }

  onRequest(stream: ServerStream, head: RequestHead, end: boolean): BodyReader {
    const request = new SeenRequest(stream, head, end)
    this.requests.push(request)
    const tunnel = head.upgrade !== '' || head.method === 'CONNECT'
    if (end || tunnel) this.#answer(request)
    else request.onWhole = this.#answer
    return request
  }

  onRefused(): void {}

  onClose(): void {
    this.closes++
  }
}

/** A response as a caller saw it. */
export class SeenResponse implements ClientStreamReader {
  informational: ResponseHead[] = []
  head: ResponseHead | undefined
  body = ''
  ended = false
  trailers: Fields | undefined
  reset: ResetReason | undefined
  detail = ''
  writable = 0
  onOver: () => void = () => {}

  onInformational(head: ResponseHead): void {
    this.informational.push(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.head !== undefined || this.reset !== undefined) throw new Error('a second head')
    this.head = head
    this.ended = end
    if (end) this.onOver()
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
    this.onOver()
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.reset !== undefined) throw new Error('a second reset')
    this.reset = reason
    this.detail = detail
    this.onOver()
  }

  onWritable(): void {
    this.writable++
  }

  get summary() {
    const { head, body, ended, trailers, reset } = this
    const informational = this.informational.map((one) => one.status)
    return { informational, head, body, ended, trailers, reset }
  }
}
