// Spans as protobuf, written as they are told: with every request traced, objects that are only made to be encoded cost more than
// all else of telemetry together. Numbers of fields: opentelemetry/proto/trace/v1/trace.proto and common/v1/common.proto.

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

const tag = (field: number, wire: number): number => (field << 3) | wire

// Span
const TRACE_ID = tag(1, LENGTH)
const SPAN_ID = tag(2, LENGTH)
const TRACE_STATE = tag(3, LENGTH)
const PARENT_SPAN_ID = tag(4, LENGTH)
const NAME = tag(5, LENGTH)
const KIND = tag(6, VARINT)
const START = tag(7, FIXED64)
const END = tag(8, FIXED64)
const ATTRIBUTES = tag(9, LENGTH)
const STATUS = tag(15, LENGTH)
/** Of two bytes: its number is above 15. */
const FLAGS = tag(16, FIXED32)
// Status, KeyValue, AnyValue, and where a span stands in ScopeSpans.
const CODE = tag(3, VARINT)
const KEY = tag(1, LENGTH)
const VALUE = tag(2, LENGTH)
const STRING_VALUE = tag(1, LENGTH)
const INT_VALUE = tag(3, VARINT)
const SPANS = tag(2, LENGTH)

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const SCRATCH_BYTES = 16 * 1024
/** Finished spans lie side by side in blocks: an allocation for each would cost as much as to write it. */
const BLOCK_BYTES = 64 * 1024
/** Of each attribute whose values repeat, so many are kept as bytes; then it begins anew. */
const MOST_KNOWN = 64
const LONGEST_KNOWN = 256
const TWO_32 = 0x1_0000_0000

/** What a span is, but for its attributes. */
export interface SpanPlace {
  /** 32, 16 and 16 or 0 hexadecimal digits. */
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly traceState: string
  readonly flags: number
  readonly name: string
  /** Span.SpanKind. */
  readonly kind: number
  /** Milliseconds since the epoch. */
  readonly startMs: number
  readonly endMs: number
  /** Status.StatusCode. */
  readonly status: number
}

/** Takes attributes, in order. */
export interface AttributeSink {
  /** One of few values, which come again and again. */
  known(key: string, value: string): void
  /** Any other. */
  text(key: string, value: string): void
  /** A whole number from 0 to 2^53 - 1. */
  integer(key: string, value: number): void
}

/** Writes one span after the other. */
export class SpanBytes implements AttributeSink {
  #buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #at = 0
  #block = Buffer.alloc(0)
  #used = 0
  readonly #keys = new Map<string, Buffer>()
  readonly #known = new Map<string, Map<string, Buffer>>()

  begin(place: SpanPlace): void {
    this.#at = 0
    this.#room(256)
    this.#hex(TRACE_ID, place.traceId, TRACE_ID_BYTES)
    this.#hex(SPAN_ID, place.spanId, SPAN_ID_BYTES)
    if (place.parentSpanId !== '') this.#hex(PARENT_SPAN_ID, place.parentSpanId, SPAN_ID_BYTES)
    if (place.traceState !== '') this.#string(TRACE_STATE, place.traceState)
    this.#varint(FLAGS)
    this.#fixed32(place.flags)
    this.#string(NAME, place.name)
    this.#byte(KIND)
    this.#byte(place.kind)
    this.#byte(START)
    this.#nanoseconds(place.startMs)
    this.#byte(END)
    this.#nanoseconds(place.endMs)
    this.#byte(STATUS)
    this.#byte(2)
    this.#byte(CODE)
    this.#byte(place.status)
  }

  known(key: string, value: string): void {
    if (value.length > LONGEST_KNOWN) return this.text(key, value)
    let values = this.#known.get(key)
    if (values === undefined) this.#known.set(key, (values = new Map()))
    const bytes = values.get(value)
    if (bytes !== undefined) {
      this.#room(bytes.length)
      this.#buffer.set(bytes, this.#at)
      this.#at += bytes.length
      return
    }
    const from = this.#at
    this.text(key, value)
    if (values.size >= MOST_KNOWN) values.clear()
    // A key of its own: what was cut out of a head would keep all of it.
    values.set(
      Buffer.from(value, 'utf8').toString('utf8'),
      Buffer.from(this.#buffer.subarray(from, this.#at)),
    )
  }

  text(key: string, value: string): void {
    const name = this.#keyOf(key)
    // No character takes more than three bytes in UTF-8; no length here more than three.
    this.#room(name.length + value.length * 3 + 16)
    // Written where it belongs if all of it is ASCII, as nearly always; else moved by the bytes that the lengths take.
    const guess = headOf(name.length, value.length)
    const size = this.#buffer.write(value, this.#at + guess, value.length * 3, 'utf8')
    const head = headOf(name.length, size)
    if (head !== guess) this.#buffer.copyWithin(this.#at + head, this.#at + guess, this.#at + guess + size)
    const end = this.#at + head + size
    const valueSize = 1 + varintSize(size) + size
    this.#byte(ATTRIBUTES)
    this.#varint(name.length + 1 + varintSize(valueSize) + valueSize)
    this.#buffer.set(name, this.#at)
    this.#at += name.length
    this.#byte(VALUE)
    this.#varint(valueSize)
    this.#byte(STRING_VALUE)
    this.#varint(size)
    this.#at = end
  }

  integer(key: string, value: number): void {
    const name = this.#keyOf(key)
    this.#room(name.length + 16)
    const valueSize = 1 + varintSize(value)
    this.#byte(ATTRIBUTES)
    this.#varint(name.length + 2 + valueSize)
    this.#buffer.set(name, this.#at)
    this.#at += name.length
    this.#byte(VALUE)
    this.#varint(valueSize)
    this.#byte(INT_VALUE)
    this.#varint(value)
  }

  /** The span that was begun last, as the field of a ScopeSpans: its bytes stay as they are. */
  finish(): Uint8Array {
    const size = this.#at
    const whole = 1 + varintSize(size) + size
    if (whole > this.#block.length - this.#used) {
      this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, whole))
      this.#used = 0
    }
    const block = this.#block
    let at = this.#used
    block[at++] = SPANS
    at = putVarint(block, at, size)
    this.#buffer.copy(block, at, 0, size)
    const span = block.subarray(this.#used, at + size)
    this.#used = at + size
    return span
  }

  #keyOf(key: string): Buffer {
    let bytes = this.#keys.get(key)
    if (bytes === undefined) {
      const text = Buffer.from(key)
      bytes = Buffer.concat([Buffer.of(KEY, text.length), text])
      this.#keys.set(key, bytes)
    }
    return bytes
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }

  #byte(value: number): void {
    this.#buffer[this.#at++] = value
  }

  #varint(value: number): void {
    this.#at = putVarint(this.#buffer, this.#at, value)
  }

  #string(field: number, text: string): void {
    const size = Buffer.byteLength(text)
    this.#room(size + 128)
    this.#byte(field)
    this.#varint(size)
    this.#at += this.#buffer.write(text, this.#at, size, 'utf8')
  }

  #hex(field: number, digits: string, bytes: number): void {
    this.#byte(field)
    this.#byte(bytes)
    this.#buffer.write(digits, this.#at, bytes, 'hex')
    this.#at += bytes
  }

  #fixed32(value: number): void {
    this.#buffer.writeUInt32LE(value, this.#at)
    this.#at += 4
  }

  /** Of milliseconds, exact to a microsecond. More than 2^53, so in two halves. */
  #nanoseconds(ms: number): void {
    const us = Math.round(ms * 1000)
    const low = (us % TWO_32) * 1000
    this.#fixed32(low % TWO_32)
    this.#fixed32(Math.floor(us / TWO_32) * 1000 + Math.floor(low / TWO_32))
  }
}

/** Bytes before the text of an attribute of `size` bytes, whose key takes `key`. */
function headOf(key: number, size: number): number {
  const value = 1 + varintSize(size) + size
  const all = key + 1 + varintSize(value) + value
  return 1 + varintSize(all) + key + 1 + varintSize(value) + 1 + varintSize(size)
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

function putVarint(buffer: Buffer, from: number, value: number): number {
  let at = from
  let rest = value
  while (rest >= 0x80) {
    buffer[at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  buffer[at++] = rest
  return at
}
