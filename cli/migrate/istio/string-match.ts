import { escapePattern } from '../../../control-plane/model/pattern.ts'
import type { Fields } from '../../../control-plane/registry/fields.ts'

/** Istio's StringMatch; `present`: it says nothing, so that any value will do. */
export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'regex'; readonly value: string }
  | { readonly kind: 'present' }

export function readStringMatch(fields: Fields): StringMatch {
  const kinds = (['exact', 'prefix', 'regex'] as const).filter((kind) => fields.has(kind))
  const [kind] = kinds
  if (kinds.length > 1) fields.problem(`says ${kinds.join(' and ')}: only one of them may be set`)
  const values = { exact: fields.text('exact'), prefix: fields.text('prefix'), regex: fields.text('regex') }
  fields.refuseUnknown()
  if (kind === undefined) return { kind: 'present' }
  return { kind, value: values[kind] ?? '' }
}

/** A match of a header or a query parameter, in words of Gateway API. */
export function valueMatch(name: string, match: StringMatch): { name: string; type: string; value: string } {
  if (match.kind === 'exact') return { name, type: 'Exact', value: match.value }
  return { name, type: 'RegularExpression', value: patternOf(match) }
}

/** A regular expression for all of a text. */
export function patternOf(match: StringMatch): string {
  if (match.kind === 'present') return '.*'
  if (match.kind === 'regex') return match.value
  return match.kind === 'exact' ? escapePattern(match.value) : `${escapePattern(match.value)}.*`
}
