/** Digits of which a double counts every number exactly. */
export const EXACT_DIGITS = 15

/** The number that `text` says in at most `maxDigits` decimal digits and nothing else; -1 where it says none. */
export function decimal(text: string, maxDigits: number): number {
  if (text.length === 0 || text.length > maxDigits) return -1
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number
}
