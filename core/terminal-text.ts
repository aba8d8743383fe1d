import { stripVTControlCharacters } from 'node:util'

/** Text that somebody else wrote, on one line, without what would move a cursor or colour a line. */
export function shown(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu, '?')
}

/** Line ends, and the colours that a command gives its own words (`ESC [ 31 m`). */
const KEPT = new RegExp(`(\n|${String.fromCharCode(0x1b)}\\[\\d{0,2}m)`)

/** What a command prints: the same of each line, of which its colours are kept. */
export function shownLines(text: string): string {
  return text
    .split(KEPT)
    .map((part, at) => (at % 2 === 1 ? part : shown(part)))
    .join('')
}
