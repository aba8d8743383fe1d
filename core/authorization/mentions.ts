import type { Matcher, Stage } from './rules.ts'

/** Whether a stage asks for this anywhere. */
export function mentions({ enforced, shadow }: Stage, kind: Matcher['kind']): boolean {
  const within = (matcher: Matcher): boolean => {
    if (matcher.kind === kind) return true
    if (matcher.kind === 'not') return within(matcher.of)
    return (matcher.kind === 'and' || matcher.kind === 'or') && matcher.of.some(within)
  }
  return [...(enforced ?? []), ...(shadow ?? [])].some(({ permissions, principals }) =>
    [...permissions, ...principals].some(within),
  )
}
