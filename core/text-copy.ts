/**
 * The first `length` characters, without half of one at the end, as a text of their own: what `slice` gives keeps the whole
 * text that it is of in memory (V8).
 */
export function copyOfStart(text: string, length: number): string {
  return Buffer.from(text.slice(0, length).toWellFormed()).toString()
}
