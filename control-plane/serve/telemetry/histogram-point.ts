import { FIXED64, LENGTH, malformed, Reader } from '../../../core/xds/wire.ts'

/**
 * A point of a histogram as its store reads it (opentelemetry.proto.metrics.v1.HistogramDataPoint). Its attributes stay bytes:
 * the same come again with every report, and are decoded once (known-attributes.ts).
 */
export interface HistogramPoint {
  /** Nanoseconds since the epoch, by the reporter's clock. */
  readonly startTime: bigint
  readonly time: bigint
  readonly counts: readonly number[]
  readonly bounds: readonly number[]
  /** KeyValue messages, each with its tag and length, in the order in which they came. */
  readonly attributes: Uint8Array
}

// Field numbers of HistogramDataPoint.
const START_TIME = 2
const TIME = 3
const BUCKET_COUNTS = 6
const EXPLICIT_BOUNDS = 7
const ATTRIBUTES = 9
const WORD = 8

/** Throws WeftError `protobuf.malformed`. The attributes are a view of the bytes. */
export function readHistogramPoint(bytes: Uint8Array): HistogramPoint {
  const reader = new Reader(bytes)
  const counts: number[] = []
  const bounds: number[] = []
  const parts: Uint8Array[] = []
  let [startTime, time] = [0n, 0n]
  // Of attributes that stand one after the other: where they begin and end.
  let [from, to] = [0, 0]
  while (!reader.done) {
    const at = reader.at
    const tag = reader.uint32()
    const wire = tag & 7
    switch (tag >>> 3) {
      case START_TIME:
        if (wire === FIXED64) startTime = reader.fixed64()
        else reader.skip(wire)
        break
      case TIME:
        if (wire === FIXED64) time = reader.fixed64()
        else reader.skip(wire)
        break
      case BUCKET_COUNTS:
        if (wire === LENGTH) eachWord(reader.view(), (words, word) => counts.push(countAt(words, word)))
        else if (wire === FIXED64) counts.push(Number(reader.fixed64()))
        else reader.skip(wire)
        break
      case EXPLICIT_BOUNDS:
        if (wire === LENGTH)
          eachWord(reader.view(), (words, word) => bounds.push(words.getFloat64(word, true)))
        else if (wire === FIXED64) bounds.push(reader.double())
        else reader.skip(wire)
        break
      case ATTRIBUTES:
        reader.skip(wire)
        if (at !== to) {
          if (to > from) parts.push(bytes.subarray(from, to))
          from = at
        }
        to = reader.at
        break
      default:
        reader.skip(wire)
    }
  }
  const last = bytes.subarray(from, to)
  return {
    ...{ startTime, time, counts, bounds },
    attributes: parts.length === 0 ? last : Buffer.concat([...parts, last]),
  }
}

function eachWord(packed: Uint8Array, read: (words: DataView, at: number) => void): void {
  if (packed.length % WORD !== 0) throw malformed('numbers of eight bytes are cut off')
  const words = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  for (let at = 0; at < packed.length; at += WORD) read(words, at)
}

/** Beyond 2^53 inexact: no store takes such a count. */
function countAt(words: DataView, at: number): number {
  return words.getUint32(at, true) + words.getUint32(at + 4, true) * 0x1_0000_0000
}
