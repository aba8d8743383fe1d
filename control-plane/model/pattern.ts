import { describeError } from '../../core/errors.ts'
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

/** Text as a pattern that matches it alone. */
export function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
