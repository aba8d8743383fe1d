import * as frame from '../frame.ts'
import { FrameReader } from '../frame-reader.ts'
import { HpackDecoder } from '../hpack/decoder.ts'
import { HpackEncoder } from '../hpack/encoder.ts'
import { encodeSettings } from '../settings.ts'
import type { MemoryTransport } from './memory-wire.ts'

/** A frame as text: `GOAWAY 11 too many ...`, `RST_STREAM@3 8`, `HEADERS@1 end :status=200`. */
const TYPES = [
  'DATA',
  'HEADERS',
  'PRIORITY',
  'RST_STREAM',
  'SETTINGS',
  'PUSH_PROMISE',
  'PING',
  'GOAWAY',
  'WINDOW_UPDATE',
  'CONTINUATION',
]

/** A peer that sends whatever frames a test wants and writes down those that come, for tests. */
export class RawPeer {
  readonly transport: MemoryTransport
  readonly seen: string[] = []
  ended = false
  readonly stopped = false
  readonly #encoder = new HpackEncoder()
  readonly #decoder = new HpackDecoder()
  readonly #reader = new FrameReader(this)
  #data = ''

  constructor(transport: MemoryTransport) {
    this.transport = transport
    transport.reader = {
      onData: (chunk) => this.#reader.push(chunk, 0),
      onEnd: () => {
        this.ended = true
      },
      onWritable() {},
      onClose() {},
    }
  }

  preface(settings: number[] = []): void {
    this.transport.write(frame.PREFACE)
    this.frame(frame.SETTINGS, 0, 0, encodeSettings(settings))
  }

  frame(type: number, flags: number, streamId: number, payload: Uint8Array | string = ''): void {
    const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
    const header = Buffer.alloc(9)
    frame.writeFrameHeader(header, 0, bytes.length, type, flags, streamId)
    this.transport.write(header)
    this.transport.write(bytes)
  }

  block(fields: string[]): Buffer {
    const buffer = Buffer.alloc(fields.join('').length + fields.length * 12 + 64)
    this.#encoder.begin(buffer, 0)
    for (let i = 0; i < fields.length; i += 2)
      this.#encoder.field(fields[i] as string, fields[i + 1] as string)
    return buffer.subarray(0, this.#encoder.position)
  }

  /** HEADERS; fields that an encoder leaves out (`host`, `connection`) go as plain literals. */
  headers(streamId: number, fields: string[], end = true): void {
    const parts: Buffer[] = []
    for (let i = 0; i < fields.length; i += 2) {
      const name = Buffer.from(fields[i] as string, 'latin1')
      const value = Buffer.from(fields[i + 1] as string, 'latin1')
      parts.push(Buffer.from([0, name.length]), name, Buffer.from([value.length]), value)
    }
    this.frame(
      frame.HEADERS,
      frame.END_HEADERS | (end ? frame.END_STREAM : 0),
      streamId,
      Buffer.concat(parts),
    )
  }

  number(type: number, streamId: number, value: number): void {
    const payload = Buffer.alloc(4)
    payload.writeUInt32BE(value)
    this.frame(type, 0, streamId, payload)
  }

  onDataFrame(streamId: number, flags: number, length: number): void {
    this.#data = `DATA@${streamId} ${length}${(flags & 1) === 1 ? ' end' : ''}`
  }

  onDataBytes(): void {}

  onDataEnd(): void {
    this.seen.push(this.#data)
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    let text = `${TYPES[type]}${streamId > 0 ? `@${streamId}` : ''}`
    if (type === frame.HEADERS) {
      if ((flags & 1) === 1) text += ' end'
      this.#decoder.decode(bytes, from, to, {
        add: (_kind, name, value) => {
          text += ` ${name}=${value}`
        },
      })
    } else if (type === frame.RST_STREAM || type === frame.WINDOW_UPDATE)
      text += ` ${frame.readUint32(bytes, from)}`
    else if (type === frame.GOAWAY)
      text += ` last ${frame.readUint32(bytes, from)} code ${frame.readUint32(bytes, from + 4)}`
    else if ((flags & 1) === 1) text += ' ack'
    this.seen.push(text)
  }

  onFrameTooLong(): void {
    this.seen.push('too long')
  }

  onBadPadding(): void {
    this.seen.push('bad padding')
  }

  /** Frames since the last call, without those of the greeting. */
  take(): string[] {
    return this.seen
      .splice(0)
      .filter((text) => !text.startsWith('SETTINGS') && !text.startsWith('WINDOW_UPDATE '))
  }
}
