import { PathTemplate } from './path-template.ts'
import type { TextMatch } from './rules.ts'
import { scannedPath } from './scanned-path.ts'
import { lowerCase, textTest, wireTest, type TextTest } from './text-test.ts'

// What lenient applications make of a path, beyond its normal form: those that decode before they route take %2F and %5C for
// slashes, servlet containers cut off what follows a ";" (RFC 3986 section 3.3 leaves it to them), and some routers take upper
// case for lower.
const NOTABLE = /[%;A-Z]/
const ESCAPED_SLASH = /%(?:2f|5c)/g
const PARAMETERS = /(?:;|%3b)[^/]*/g
const SLASHES = /\/{2,}/g

/** `path` without its query as the most lenient application reads it; itself where that is no other one. */
export function lenientPath(path: string): string {
  if (!NOTABLE.test(path)) return path
  if (path === last) return lastRead
  last = path
  lastRead = lowerCase(path)
    .replaceAll(ESCAPED_SLASH, '/')
    .replaceAll(PARAMETERS, '')
    .replaceAll(SLASHES, '/')
  return lastRead
}

// All rules that are held against one request ask the same.
let last = ''
let lastRead = ''

/**
 * Whether a path without its query is what was asked for; undefined where it is only for some of those who read it, so that
 * nobody can tell. The end of a path is looked at twice also where it matches: parameters hide it.
 * @throws WeftError `pattern.invalid`
 */
export function pathTest(match: TextMatch): TextTest {
  const { type, value } = match
  const lenient: TextMatch =
    type === 'regex'
      ? { ...match, value: `(?i:${value})` }
      : { ...match, value: lowerCase(value), ignoreCase: false }
  const hides = (type === 'suffix' || type === 'contains' || type === 'regex') && !value.includes(';')
  return readTwice(textTest(match), wireTest(match), wireTest(lenient), hides, lowerCase(value) === value)
}

/** The same by segments. @throws WeftError `path_template.invalid` */
export function templateTest(source: string): TextTest {
  const [template, lenient] = [new PathTemplate(source), new PathTemplate(lowerCase(source))]
  const test = (path: string): boolean => template.matches(path)
  return readTwice(test, test, (path) => lenient.matches(path), false, lowerCase(source) === source)
}

/**
 * `plain`: of ASCII alone. `lower`: what is asked for has no letter in upper case, so what reads the same to all need not be
 * read again.
 */
function readTwice(
  plain: (text: string) => boolean,
  test: TextTest,
  lenient: TextTest,
  hides: boolean,
  lower: boolean,
): TextTest {
  return (path) => {
    if (lower && scannedPath(path).usual) return plain(path)
    const matches = test(path)
    if (matches === undefined || (matches && !hides)) return matches
    const read = lenientPath(path)
    if (read === path && lower) return matches
    return lenient(read) === matches ? matches : undefined
  }
}
