import { noCounts, WIDTH, type Counts } from '../serve/telemetry/counts.ts'

const COLUMN_BYTES = 9

/** A row of counts as bytes: of each column that counted something its number and its value. Most columns did not. */
export function encodeCounts(counts: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(WIDTH * COLUMN_BYTES)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (let column = 0; column < WIDTH; column++) {
    const value = counts[column] ?? 0
    if (value === 0) continue
    bytes[at] = column
    view.setFloat64(at + 1, value, true)
    at += COLUMN_BYTES
  }
  return bytes.slice(0, at)
}

/** Adds such bytes to a row. Columns that this version does not know are left out. */
export function decodeCounts(bytes: Uint8Array, into: Counts = noCounts()): Counts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + COLUMN_BYTES <= bytes.length; at += COLUMN_BYTES) {
    const column = bytes[at] as number
    if (column < WIDTH) into[column] = (into[column] as number) + view.getFloat64(at + 1, true)
  }
  return into
}
