import { patternOf } from '../../core/pattern.ts'
import type { FieldPath } from '../../control-plane/registry/fields.ts'
import type { Match, ValueMatch } from '../../control-plane/model/route.ts'
import { comparePrecedence, type Ranked } from '../../control-plane/translate/precedence.ts'
import { translateRoute } from '../../control-plane/translate/rules.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import { NO_SESSIONS, readRule } from './rule-problem.ts'

export interface PlacedRule {
  readonly rule: JsonObject
  readonly field: FieldPath
  readonly port: number | undefined
  /** Of its route. */
  readonly name: string
}

interface Entry {
  readonly placed: PlacedRule
  /** Where it stood among the other mesh's rules. */
  readonly at: number
  readonly ranked: Ranked
}

/** Pairs are compared; of what is longer, the first so many. */
const MOST_ENTRIES = 1000

/**
 * Other meshes take the first rule that matches, Gateway API the most specific. Rules that now come before one that stood
 * before them, and may match the same request; each once, with the first such rule.
 */
export function orderChanges(
  rules: readonly PlacedRule[],
): readonly { readonly later: PlacedRule; readonly earlier: PlacedRule }[] {
  const written = [...rules].sort((a, b) => compareFields(a.field, b.field))
  const entries = written.flatMap((placed, at) => entriesOf(placed, at)).slice(0, MOST_ENTRIES)
  const found = new Map<PlacedRule, PlacedRule>()
  for (const later of entries)
    for (const earlier of entries) {
      if (earlier.at >= later.at) break
      if (found.has(later.placed) || !sameRequests(later.placed, earlier.placed)) continue
      const before = comparePrecedence(later.ranked, earlier.ranked) < 0
      if (before && overlap(later.ranked.entry.match, earlier.ranked.entry.match))
        found.set(later.placed, earlier.placed)
    }
  return [...found].map(([later, earlier]) => ({ later, earlier }))
}

function entriesOf(placed: PlacedRule, at: number): readonly Entry[] {
  const { route } = readRule(placed.rule)
  const meta = { ...route.meta, name: placed.name }
  const ranked = translateRoute({ ...route, meta }, () => undefined, NO_SESSIONS).entries
  return ranked.map((one) => ({ placed, at, ranked: { ...one, ruleIndex: at } }))
}

function compareFields(a: FieldPath, b: FieldPath): number {
  for (const [at, step] of a.entries()) {
    const other = b[at]
    if (typeof step === 'number' && typeof other === 'number' && step !== other) return step - other
  }
  // What is said for all comes behind what is said for one.
  return b.length - a.length
}

function sameRequests(a: PlacedRule, b: PlacedRule): boolean {
  return a.port === undefined || b.port === undefined || a.port === b.port
}

/** Whether one request may have both; in doubt it may. */
function overlap(a: Match, b: Match): boolean {
  if (a.method !== undefined && b.method !== undefined && a.method !== b.method) return false
  return (
    pathsOverlap(a.path, b.path) && valuesOverlap(a.headers, b.headers) && valuesOverlap(a.query, b.query)
  )
}

function pathsOverlap(a: Match['path'], b: Match['path']): boolean {
  if (a.kind === 'exact') return pathMatches(b, a.value)
  if (b.kind === 'exact') return pathMatches(a, b.value)
  if (a.kind === 'regex' || b.kind === 'regex') return true
  return isBelow(a.value, b.value) || isBelow(b.value, a.value)
}

function pathMatches(match: Match['path'], path: string): boolean {
  if (match.kind === 'exact') return match.value === path
  return match.kind === 'prefix' ? isBelow(path, match.value) : patternOf(match.value).matches(path)
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`)
}

function valuesOverlap(a: readonly ValueMatch[], b: readonly ValueMatch[]): boolean {
  return a.every((one) =>
    b.every((other) => {
      if (one.name !== other.name) return true
      if (one.kind === 'exact') return valueMatches(other, one.value)
      return other.kind !== 'exact' || valueMatches(one, other.value)
    }),
  )
}

function valueMatches({ kind, value }: ValueMatch, text: string): boolean {
  return kind === 'exact' ? value === text : patternOf(value).matches(text)
}
