import { patternOf } from '../pattern.ts'
import type { TextMatch } from './rules.ts'

/** Whether text is what was asked for; undefined: it can't be told, as the text is no UTF-8. */
export type TextTest = (text: string) => boolean | undefined

/**
 * For text of JSON or of a certificate. Case is ignored for ASCII alone, as Envoy does: the Kelvin sign is no K.
 * @throws WeftError `pattern.invalid` for a regular expression that RE2 does not know.
 */
export function textTest(match: TextMatch): (text: string) => boolean {
  // As in Envoy, a regular expression says itself what it ignores.
  if (match.type === 'regex') {
    const pattern = patternOf(match.value)
    return (text) => pattern.matches(text)
  }
  const plain = plainTest(match.type, match.ignoreCase ? lowerCase(match.value) : match.value)
  return match.ignoreCase ? (text) => plain(lowerCase(text)) : plain
}

/** The same for text of the wire, of which a character is one byte. @throws as textTest. */
export function wireTest(match: TextMatch): TextTest {
  const test = textTest(match)
  return (text) => {
    if (isAscii(text)) return test(text)
    const read = fromUtf8(text)
    return read === undefined ? undefined : test(read)
  }
}

/** Whether text of the wire is one of these, in their case: all that it takes where each would be a `wireTest`. */
export function oneOfTest(values: readonly string[]): TextTest {
  const tests = values.map((value) => wireTest({ type: 'exact', value, ignoreCase: false }))
  const plain = values.filter(isAscii)
  return (text) => {
    for (const value of plain) if (text === value) return true
    return isAscii(text) ? false : anyOf(tests, text)
  }
}

function anyOf(tests: readonly TextTest[], text: string): boolean | undefined {
  let told: boolean | undefined = false
  for (const test of tests) {
    const matches = test(text)
    if (matches) return true
    if (matches === undefined) told = undefined
  }
  return told
}

function plainTest(type: Exclude<TextMatch['type'], 'regex'>, value: string): (text: string) => boolean {
  switch (type) {
    case 'exact':
      return (text) => text === value
    case 'prefix':
      return (text) => text.startsWith(value)
    case 'suffix':
      return (text) => text.endsWith(value)
    case 'contains':
      return (text) => text.includes(value)
  }
}

/** ASCII's letters alone. */
export function lowerCase(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

// Many rules ask for the same.
let lastText = ''
let lastAscii = true

function isAscii(text: string): boolean {
  if (text === lastText) return lastAscii
  let ascii = true
  for (let i = 0; i < text.length && ascii; i++) ascii = text.charCodeAt(i) < 0x80
  // Longer ones are worth it, and have no short one come between.
  if (text.length < WORTH_KEEPING) return ascii
  lastText = text
  return (lastAscii = ascii)
}

const WORTH_KEEPING = 12

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function fromUtf8(text: string): string | undefined {
  try {
    return UTF8.decode(Buffer.from(text, 'latin1'))
  } catch {
    return undefined
  }
}
