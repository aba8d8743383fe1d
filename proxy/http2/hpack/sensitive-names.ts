/**
 * Fields that must never enter a compression table (RFC 7541 section 7.1.3). A sender that marks a literal
 * "never indexed" asks every later hop to do the same (section 6.2.3); since a message between codecs is
 * only names and values, the mark is kept by name for the whole process. The count of learnt names is
 * bounded: what a hostile peer can reach is that 64 names are sent as plain literals.
 */
const LEARNT_LIMIT = 64

const names = new Set(['authorization', 'proxy-authorization'])
let learnt = 0

/** A cookie shorter than this is short enough to be guessed by its effect on the compressed size. */
export const SHORT_COOKIE = 20

export function isSensitive(name: string): boolean {
  return names.has(name)
}

/** Remembers that a peer marked `name`. `:` and cookies have rules of their own. */
export function learnSensitive(name: string): void {
  if (names.has(name) || name === 'cookie' || name.startsWith(':') || learnt >= LEARNT_LIMIT) return
  learnt++
  names.add(name)
}

/** Changes whenever a name was learnt. */
export function sensitiveVersion(): number {
  return learnt
}
