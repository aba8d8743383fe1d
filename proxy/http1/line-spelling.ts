import { Spelling } from '../http/spelling.ts'
import type { BlockText } from './block-text.ts'
import type { FieldLines } from './field-lines.ts'
import { spellingInSlot } from './field-names.ts'

// Places for what was seen last; a program's requests are mostly alike, so that a head costs no object.
const PLACES = 256

interface Seen {
  readonly slots: Int32Array
  readonly spelling: Spelling
}

const seen: (Seen | undefined)[] = Array.from({ length: PLACES }, () => undefined)

/** How the names of a scan are written. `text` is the block whose bytes were scanned. */
export function spellingOfLines(text: BlockText, lines: FieldLines): Spelling {
  const { count, numbers } = lines
  let hash = count
  let known = true
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    const slot = numbers[line] as number
    if (slot < 0) known = false
    hash = Math.imul(hash ^ slot, 0x01000193)
  }
  if (!known) return build(text, lines)
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1)
  const before = seen[place]
  if (before !== undefined && isSame(before.slots, lines)) return before.spelling
  const spelling = build(text, lines)
  seen[place] = { slots: Int32Array.from({ length: count }, (_, i) => numbers[i * 5] as number), spelling }
  return spelling
}

/** The name of a line, as it is written. */
export function writtenName(text: BlockText, numbers: Int32Array, line: number): string {
  return text.piece(numbers[line + 1] as number, numbers[line + 2] as number)
}

function isSame(slots: Int32Array, { count, numbers }: FieldLines): boolean {
  if (slots.length !== count) return false
  for (let i = 0, line = 0; i < count; i++, line += 5) if (slots[i] !== numbers[line]) return false
  return true
}

function build(text: BlockText, { count, numbers }: FieldLines): Spelling {
  const names: string[] = []
  for (let i = 0, line = 0; i < count; i++, line += 5) {
    const slot = numbers[line] as number
    names.push(slot < 0 ? writtenName(text, numbers, line) : spellingInSlot(slot))
  }
  return new Spelling(names)
}
