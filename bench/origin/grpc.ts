import type { Socket } from 'node:net'
import {
  ACK,
  DEFAULT_WINDOW,
  END_HEADERS,
  END_STREAM,
  frame,
  Frames,
  FrameType,
  grpcMessage,
  indexed,
  literal,
  passing,
  PREFACE,
  settings,
  windowUpdate,
  type FrameReader,
} from '../load/http2-wire.ts'

const ANSWER = grpcMessage(1024)
// Static table: 8 :status 200, 31 content-type. The newest entry is 62.
const FIRST_HEAD = Buffer.concat([indexed(8), literal(31, 'application/grpc')])
const FIRST_TRAILERS = literal('grpc-status', '0')
const NEXT_HEAD = Buffer.concat([indexed(8), indexed(63)])
const NEXT_TRAILERS = indexed(62)
// For a peer that has no table (nginx towards its upstream).
const PLAIN_HEAD = Buffer.concat([indexed(8), passing(31, 'application/grpc')])
const PLAIN_TRAILERS = passing('grpc-status', '0')
const RECEIVE_WINDOW = 1 << 30

/** A gRPC server of unary calls: 1 KiB for whatever came, once a call's request has ended. */
export class GrpcOrigin implements FrameReader {
  readonly #socket: Socket
  readonly #frames = new Frames(this)
  #preface = 0
  #out: Buffer[] = []
  #head = FIRST_HEAD
  #trailers = FIRST_TRAILERS
  #window = DEFAULT_WINDOW
  #consumed = 0
  readonly #waiting: number[] = []

  constructor(socket: Socket) {
    this.#socket = socket
    this.#out.push(settings([3, 1024], [4, RECEIVE_WINDOW]), windowUpdate(0, RECEIVE_WINDOW))
    this.#flush()
  }

  onBytes(bytes: Buffer): void {
    const skip = Math.min(PREFACE.length - this.#preface, bytes.length)
    this.#preface += skip
    this.#frames.read(bytes.subarray(skip))
    this.#flush()
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    if (type === FrameType.data) {
      this.#consumed += to - from
      if (this.#consumed > RECEIVE_WINDOW / 2) {
        this.#out.push(windowUpdate(0, this.#consumed))
        this.#consumed = 0
      }
    } else if (type === FrameType.settings && !(flags & ACK)) {
      this.#onSettings(bytes, from, to)
      this.#out.push(frame(FrameType.settings, ACK, 0, Buffer.alloc(0)))
    } else if (type === FrameType.ping && !(flags & ACK)) {
      this.#out.push(frame(FrameType.ping, ACK, 0, bytes.subarray(from, to)))
    } else if (type === FrameType.windowUpdate && stream === 0) {
      this.#window += bytes.readUInt32BE(from)
      while (this.#waiting.length > 0 && this.#window >= ANSWER.length)
        this.#answer(this.#waiting.shift() as number)
    }
    if ((type === FrameType.data || type === FrameType.headers) && flags & END_STREAM) {
      if (this.#window < ANSWER.length) this.#waiting.push(stream)
      else this.#answer(stream)
    }
  }

  #answer(stream: number): void {
    this.#window -= ANSWER.length
    this.#out.push(
      frame(FrameType.headers, END_HEADERS, stream, this.#head),
      frame(FrameType.data, 0, stream, ANSWER),
      frame(FrameType.headers, END_HEADERS | END_STREAM, stream, this.#trailers),
    )
    if (this.#head === PLAIN_HEAD) return
    this.#head = NEXT_HEAD
    this.#trailers = NEXT_TRAILERS
  }

  #onSettings(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += 6)
      // SETTINGS_HEADER_TABLE_SIZE.
      if (bytes.readUInt16BE(at) === 1 && bytes.readUInt32BE(at + 2) < 256) {
        this.#head = PLAIN_HEAD
        this.#trailers = PLAIN_TRAILERS
      }
  }

  #flush(): void {
    if (this.#out.length === 0) return
    this.#socket.write(Buffer.concat(this.#out))
    this.#out = []
  }
}
