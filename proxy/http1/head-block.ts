import { CR, LF } from './characters.ts'
import { malformed } from './message-error.ts'

const FIRST_BYTES = 1024

/**
 * Gathers a head or trailer block that comes in several reads, and looks at each byte once, however small
 * the reads are.
 */
export class HeadBlock {
  /** Valid up to `length`. */
  bytes: Buffer = EMPTY
  length = 0
  /** Line ends seen. */
  lines = 0
  complete = false
  #lineLength = 0
  #afterCr = false

  /** Takes bytes up to the empty line or `limit`; returns how many. */
  add(chunk: Buffer, from: number, limit: number): number {
    let pos = from
    const to = Math.min(chunk.length, from + limit - this.length)
    let lineLength = this.#lineLength
    let afterCr = this.#afterCr
    while (pos < to) {
      const c = chunk[pos++] as number
      if (c === LF) {
        if (!afterCr) throw malformed('bare_lf', 'lines must end in CRLF')
        afterCr = false
        this.lines++
        if (lineLength === 1) {
          this.complete = true
          break
        }
        lineLength = 0
      } else {
        if (afterCr) throw malformed('bare_cr', 'a CR must be followed by LF')
        afterCr = c === CR
        lineLength++
      }
    }
    this.#lineLength = lineLength
    this.#afterCr = afterCr
    this.#append(chunk, from, pos)
    return pos - from
  }

  clear(): void {
    if (this.length === 0) return
    this.bytes = EMPTY
    this.length = 0
    this.lines = 0
    this.complete = false
    this.#lineLength = 0
    this.#afterCr = false
  }

  #append(chunk: Buffer, from: number, to: number): void {
    const size = this.length + to - from
    if (size > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(FIRST_BYTES, size, this.bytes.length * 2))
      this.bytes.copy(larger, 0, 0, this.length)
      this.bytes = larger
    }
    chunk.copy(this.bytes, this.length, from, to)
    this.length = size
  }
}

const EMPTY = Buffer.alloc(0)
