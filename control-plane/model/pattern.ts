/**
 * What keeps a regular expression of a route from being carried out, or undefined. Routes are read by
 * JavaScript in sidecars and by RE2 in other clients: only what both understand alike is taken.
 */
export function patternProblem(pattern: string): string | undefined {
  if (/\(\?(?!:)/.test(pattern)) return 'groups other than (...) and (?:...) are not supported'
  if (/\\[1-9]|\\k</.test(pattern)) return 'back-references are not supported'
  if (/\\[pPACQEzG]/.test(pattern)) return 'this escape is not understood alike by all clients'
  if (/[*+?}][+]/.test(pattern.replaceAll(/\\./g, '..'))) return 'possessive quantifiers are not supported'
  try {
    void new RegExp(`^(?:${pattern})$`)
    return undefined
  } catch (error) {
    return `not a regular expression: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Text as a pattern that matches it alone. */
export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
