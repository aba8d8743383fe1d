import type { Matcher, TextMatch } from '../../../core/authorization/rules.ts'

export const ANYTHING: Matcher = { kind: 'any' }

/** All of them; what is certain anyway is left out. */
export function all(matchers: readonly Matcher[]): Matcher {
  const of = flattened('and', matchers).filter(({ kind }) => kind !== 'any')
  const [only = ANYTHING, ...more] = of
  return more.length === 0 ? only : { kind: 'and', of }
}

/** One of them; there must be one. */
export function any(matchers: readonly Matcher[]): Matcher {
  const of = flattened('or', matchers)
  if (of.some(({ kind }) => kind === 'any')) return ANYTHING
  const [only, ...more] = of
  return only && more.length === 0 ? only : { kind: 'or', of }
}

/** Those that are lists of the same kind with what they hold in their place. */
function flattened(kind: 'and' | 'or', matchers: readonly Matcher[]): readonly Matcher[] {
  return matchers.flatMap((one) => (one.kind === kind ? one.of : [one]))
}

export function not(of: Matcher): Matcher {
  return { kind: 'not', of }
}

export function exact(value: string, ignoreCase = false): TextMatch {
  return { type: 'exact', value, ignoreCase }
}

export function prefix(value: string, ignoreCase = false): TextMatch {
  return { type: 'prefix', value, ignoreCase }
}

export function suffix(value: string, ignoreCase = false): TextMatch {
  return { type: 'suffix', value, ignoreCase }
}

/** Of what is there and not empty, for which Envoy has no other word. */
export const PRESENT: TextMatch = { type: 'regex', value: '.+', ignoreCase: false }

/** `*` at one end, or alone: of any text that is not empty. */
export function wildcardMatch(value: string, ignoreCase = false): TextMatch {
  if (value === '*') return PRESENT
  if (value.endsWith('*')) return prefix(value.slice(0, -1), ignoreCase)
  if (value.startsWith('*')) return suffix(value.slice(1), ignoreCase)
  return exact(value, ignoreCase)
}
