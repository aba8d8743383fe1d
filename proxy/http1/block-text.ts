import { MAX_SLICED_BYTES } from './limits.ts'

/** One block of field lines as bytes, and pieces of it as text of one byte a char. Reused for every block. */
export class BlockText {
  bytes: Buffer = Buffer.alloc(0)
  #from = 0
  /** All of it as text, or '' where pieces become strings of their own. */
  #text = ''

  /** The block is `from..to` of `bytes`. */
  set(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.#from = from
    // Slices of one text cost a fraction of a call for each piece.
    this.#text = to - from <= MAX_SLICED_BYTES ? bytes.toString('latin1', from, to) : ''
  }

  /** What stands at `from..to` of the bytes. */
  piece(from: number, to: number): string {
    if (this.#text === '') return this.bytes.toString('latin1', from, to)
    return this.#text.slice(from - this.#from, to - this.#from)
  }
}
