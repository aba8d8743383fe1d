import type { Socket } from 'node:net'
import { HpackDecoder } from '../../proxy/http2/hpack/decoder.ts'
import type { Caller } from './connect.ts'
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
  PREFACE,
  settings,
  windowUpdate,
  type FrameReader,
} from './http2-wire.ts'
import type { Meter } from './meter.ts'

const REQUEST_BYTES = 128
const RECEIVE_WINDOW = 1 << 30

// Static table: 3 :method POST, 6 :scheme http, 4 :path, 1 :authority, 31 content-type, 58 user-agent.
const FIRST_REQUEST = Buffer.concat([
  indexed(3),
  indexed(6),
  literal(4, '/shop.Catalog/Get'),
  literal(1, 'catalog.shop'),
  literal(31, 'application/grpc'),
  literal('te', 'trailers'),
  literal(58, 'load/1'),
])
// The newest entry of the table is 62.
const NEXT_REQUEST = Buffer.concat([indexed(3), indexed(6), ...[66, 65, 64, 63, 62].map(indexed)])
const MESSAGE = grpcMessage(REQUEST_BYTES)

interface Call {
  began: number
  /** Bytes of the answer's message with its prefix that came. */
  received: number
  status: string
}

/** Keeps `streams` unary calls open on one HTTP/2 connection; checks length, :status and grpc-status of each. */
export class GrpcCaller implements Caller, FrameReader {
  readonly #meter: Meter
  readonly #size: number
  readonly #streams: number
  readonly #frames = new Frames(this)
  readonly #decoder = new HpackDecoder()
  readonly #calls = new Map<number, Call>()
  #call: Call | undefined
  #out: Buffer[] = []
  #socket!: Socket
  #nextStream = 1
  #sendWindow = DEFAULT_WINDOW
  #consumed = 0
  #waiting = 0
  #done = 0
  #started = false

  constructor(meter: Meter, size: number, streams: number) {
    this.#meter = meter
    this.#size = size
    this.#streams = streams
  }

  onConnect(socket: Socket): void {
    this.#socket = socket
    // ENABLE_PUSH 0, INITIAL_WINDOW_SIZE.
    this.#out.push(PREFACE, settings([2, 0], [4, RECEIVE_WINDOW]), windowUpdate(0, RECEIVE_WINDOW))
    this.#flush()
  }

  onBytes(bytes: Buffer): void {
    this.#frames.read(bytes)
    this.#flush()
  }

  onClose(reason: string): void {
    this.#meter.wrong(reason)
  }

  onFrame(type: number, flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case FrameType.data:
        return this.#onData(flags, stream, to - from)
      case FrameType.headers:
        return this.#onHeaders(flags, stream, bytes, from, to)
      case FrameType.settings:
        return this.#onSettings(flags, bytes, from, to)
      case FrameType.ping:
        if (!(flags & ACK)) this.#out.push(frame(FrameType.ping, ACK, 0, bytes.subarray(from, to)))
        return
      case FrameType.windowUpdate:
        if (stream === 0) this.#sendWindow += bytes.readUInt32BE(from)
        while (this.#waiting > 0 && this.#sendWindow >= MESSAGE.length) {
          this.#waiting--
          this.#ask()
        }
        return
      case FrameType.resetStream:
      case FrameType.goAway:
      case FrameType.continuation:
      case FrameType.pushPromise:
        return this.#meter.wrong(`a frame of type ${type} where an answer should be`)
      default:
    }
  }

  add(_kind: number, name: string, value: string): void {
    const call = this.#call
    if (!call) return
    if (name === ':status' && value !== '200') this.#meter.wrong(`the proxy answers :status ${value}`)
    else if (name === 'grpc-status') call.status = value
  }

  #ask(): void {
    if (this.#meter.stopped) return
    if (this.#sendWindow < MESSAGE.length) {
      this.#waiting++
      return
    }
    const stream = this.#nextStream
    this.#nextStream += 2
    this.#sendWindow -= MESSAGE.length
    this.#calls.set(stream, { began: performance.now(), received: 0, status: '' })
    const block = stream === 1 ? FIRST_REQUEST : NEXT_REQUEST
    this.#out.push(
      frame(FrameType.headers, END_HEADERS, stream, block),
      frame(FrameType.data, END_STREAM, stream, MESSAGE),
    )
  }

  #onData(flags: number, stream: number, count: number): void {
    const call = this.#calls.get(stream)
    if (!call) return this.#meter.wrong(`data of the stream ${stream} that nobody opened`)
    if (flags & END_STREAM) return this.#meter.wrong('an answer without trailers')
    call.received += count
    this.#consumed += count
    if (this.#consumed < RECEIVE_WINDOW / 2) return
    this.#out.push(windowUpdate(0, this.#consumed))
    this.#consumed = 0
  }

  #onHeaders(flags: number, stream: number, bytes: Buffer, from: number, to: number): void {
    const call = this.#calls.get(stream)
    if (!call || !(flags & END_HEADERS))
      return this.#meter.wrong('a head that nobody asked for, or a part of one')
    this.#call = call
    if (!this.#decoder.decode(bytes, from, to, this))
      return this.#meter.wrong('a head that HPACK does not allow')
    if (!(flags & END_STREAM)) return
    if (call.status !== '0') return this.#meter.wrong(`grpc-status is ${call.status || 'missing'}`)
    if (call.received !== this.#size + 5) return this.#meter.wrong(`an answer of ${call.received} bytes`)
    this.#calls.delete(stream)
    this.#meter.received(this.#size)
    this.#meter.finished(performance.now() - call.began, this.#done++ < this.#streams)
    this.#ask()
  }

  #onSettings(flags: number, bytes: Buffer, from: number, to: number): void {
    if (flags & ACK) return
    for (let at = from; at < to; at += 6) {
      const identifier = bytes.readUInt16BE(at)
      const value = bytes.readUInt32BE(at + 2)
      if (identifier === 1 && value < 4096)
        this.#meter.wrong(`a header table of ${value} bytes is too small here`)
      if (identifier === 3 && value < this.#streams)
        this.#meter.wrong(`the proxy allows ${value} streams only`)
    }
    this.#out.push(frame(FrameType.settings, ACK, 0, Buffer.alloc(0)))
    if (this.#started) return
    this.#started = true
    for (let i = 0; i < this.#streams; i++) this.#ask()
  }

  #flush(): void {
    if (this.#out.length === 0) return
    this.#socket.write(this.#out.length === 1 ? (this.#out[0] as Buffer) : Buffer.concat(this.#out))
    this.#out = []
  }
}
