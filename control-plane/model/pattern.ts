import { describeError } from '../../core/errors.ts'
import { MAX_PATTERNS_COST, PatternBudget } from '../../core/pattern-budget.ts'
import { Pattern } from '../../core/pattern.ts'

/** What keeps a regular expression of a route from being carried out, or undefined: sidecars read it as RE2 does. */
export function patternProblem(pattern: string): string | undefined {
  try {
    void new Pattern(pattern)
    return undefined
  } catch (error) {
    return describeError(error)
  }
}

// For those that stand for what no author wrote as a pattern, e.g. a path that is replaced whole.
const OWN_COST = 1000

/** For routes that go into one configuration of a sidecar, which refuses it where it costs too much. */
export function patternBudget(): PatternBudget {
  return new PatternBudget(MAX_PATTERNS_COST - OWN_COST)
}

/** Text as a pattern that matches it alone. */
export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
