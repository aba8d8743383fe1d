import type { TextMatch } from './rules.ts'
import { lowerCase, wireTest, type TextTest } from './text-test.ts'

// What lenient applications make of a host: the dot that ends a name in the DNS is cut off (nginx, browsers), an escaped letter
// is that letter (RFC 3986 section 3.2.2), and a port is a number, whatever zeros it begins with, or none where it is empty.
const NOTABLE = /%|\.(?::|$)|:(?:0|$)/
const PARTS = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/

/** A host, and maybe its port, in lower case as the most lenient application reads it; itself where that is no other one. */
export function lenientHost(host: string): string {
  if (!NOTABLE.test(host)) return host
  const decoded = host.replaceAll(/%([2-7][\da-f])/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const lower = lowerCase(decoded)
  const [, name = lower, port = ''] = PARTS.exec(lower) ?? []
  const number = port.replace(/^0+(?=\d)/, '')
  const read = name.replace(/\.+$/, '')
  return number === '' ? read : `${read}:${number}`
}

/**
 * Whether a host is what was asked for; undefined where it is only for some of those who read it.
 * @throws WeftError `pattern.invalid`
 */
export function hostTest(match: TextMatch): TextTest {
  const test = wireTest(match)
  return (host) => {
    const matches = test(host)
    if (host !== last) {
      last = host
      lastRead = lenientHost(host)
    }
    return lastRead === host || test(lastRead) === matches ? matches : undefined
  }
}

// All rules that are held against one request ask the same.
let last = ''
let lastRead = ''
