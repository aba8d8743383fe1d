import { COLON, CR, HTAB, LF, SP, TOKEN_LOWER, VALUE } from './characters.ts'
import { findName, HASH_START, hashStep } from './field-names.ts'
import { malformed, MessageError } from './message-error.ts'

export const INCOMPLETE = -1

/** Lines that the table has room for at first: it grows with the first block that holds more, and stays so. */
const FIRST_LINES = 100

/** The field lines of one block. Reused: what a scan found is used up before the next one starts. */
export class FieldLines {
  /** Lines of the block that was scanned last. */
  count = 0
  /** Five numbers a line: slot of the name or -1, name from, name to, value from, value to. */
  numbers: Int32Array = new Int32Array(FIRST_LINES * 5)

  /**
   * Scans field lines and the empty line that ends them (RFC 9112 section 5), from `at`.
   * Returns the offset after that empty line, or `INCOMPLETE` where `to` comes first. Throws MessageError, 431 where
   * there are more than `maxFields` lines.
   */
  scan(bytes: Uint8Array, at: number, to: number, maxFields: number): number {
    let pos = at
    let numbers = this.numbers
    let count = 0
    for (;;) {
      if (pos >= to) return INCOMPLETE
      let c = bytes[pos] as number
      if (c === CR) {
        if (pos + 1 >= to) return INCOMPLETE
        if (bytes[pos + 1] !== LF) throw malformed('bare_cr', 'a CR must be followed by LF')
        this.count = count
        return pos + 2
      }
      const nameFrom = pos
      let hash = HASH_START
      while (TOKEN_LOWER[c] !== 0) {
        hash = hashStep(hash, c)
        if (++pos >= to) return INCOMPLETE
        c = bytes[pos] as number
      }
      if (c !== COLON || pos === nameFrom) throw badName(c, pos === nameFrom)
      const nameTo = pos
      do {
        if (++pos >= to) return INCOMPLETE
        c = bytes[pos] as number
      } while (c === SP || c === HTAB)
      const valueFrom = pos
      while (VALUE[c] === 1) {
        if (++pos >= to) return INCOMPLETE
        c = bytes[pos] as number
      }
      if (c !== CR) throw badValue(c)
      if (pos + 1 >= to) return INCOMPLETE
      if (bytes[pos + 1] !== LF) throw malformed('bare_cr', 'a CR must be followed by LF')
      let valueTo = pos
      while (valueTo > valueFrom && (bytes[valueTo - 1] === SP || bytes[valueTo - 1] === HTAB)) valueTo--
      pos += 2
      if (count === maxFields) {
        throw new MessageError(431, 'too_many_fields', `a message may have ${maxFields} fields`)
      }
      const line = count * 5
      if (line === numbers.length) numbers = this.#grow()
      numbers[line] = findName(bytes, nameFrom, nameTo - nameFrom, hash)
      numbers[line + 1] = nameFrom
      numbers[line + 2] = nameTo
      numbers[line + 3] = valueFrom
      numbers[line + 4] = valueTo
      count++
    }
  }

  #grow(): Int32Array {
    const larger = new Int32Array(this.numbers.length * 2)
    larger.set(this.numbers)
    this.numbers = larger
    return larger
  }
}

function badName(c: number, first: boolean): MessageError {
  if (c === LF) return malformed('bare_lf', 'lines must end in CRLF')
  if (c === SP || c === HTAB) {
    return first
      ? malformed('obs_fold', 'a field value may not go on in the next line')
      : malformed('space_before_colon', 'no space may stand between a field name and its colon')
  }
  return malformed('field_name', 'a field name must be a token followed by a colon')
}

function badValue(c: number): MessageError {
  if (c === LF) return malformed('bare_lf', 'lines must end in CRLF')
  return malformed('field_value', 'a field value may hold no control characters')
}
