import type { Explanation, ExplainedRule } from '../../../core/authorization/nearest.ts'
import type { Action } from '../../../core/authorization/rules.ts'

/** Why one stage of rules lets in or refuses, in sentences; '' where it has nothing to say. */
export function explanationText({ denies, allows, nearest }: Explanation, action: Action): string {
  if (action === 'AUDIT') return ''
  if (action === 'DENY') {
    const [first] = denies
    return first ? `the DENY rule ${first.rule} matches: ${listed(first.met)}` : ''
  }
  if (allows) return `the rule ${allows.rule} lets it in: ${listed(allows.met)}`
  if (nearest) return `no rule lets it in; ${nearest.rule} comes nearest: ${unmetOf(nearest)}`
  return 'no rule lets it in, and none can'
}

function unmetOf({ unmet, unknown }: ExplainedRule): string {
  return listed([...unmet, ...unknown])
}

function listed(sentences: readonly string[]): string {
  return sentences.length === 0 ? 'it matches everything' : sentences.join('; ')
}
