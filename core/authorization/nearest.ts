import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { leafTest, type Leaf } from './leaf.ts'
import type { Matcher, Rule, RuleSet, Stage } from './rules.ts'
import { fieldOf, isExact, isLeaf, isRequest, stateOf, subjectOf, wantedBy } from './words.ts'

/** A rule, and what of it holds or does not, each in a sentence of its own. */
export interface ExplainedRule {
  readonly rule: string
  /** What holds. */
  readonly met: readonly string[]
  /** What would have to change so that it matches: the least that does. */
  readonly unmet: readonly string[]
  /** What it asks for besides, and nobody can say. */
  readonly unknown: readonly string[]
}

export interface Explanation {
  /** `unknown`: it depends on what is not known. */
  readonly verdict: 'allowed' | 'refused' | 'unknown'
  /** DENY rules that match, or that may. Each of them refuses, whatever else is changed. */
  readonly denies: readonly ExplainedRule[]
  /** The ALLOW rule that lets it in; undefined: none does, or none has to. */
  readonly allows: ExplainedRule | undefined
  /** Where none does: the one that comes nearest; undefined also where there is no rule at all. */
  readonly nearest: ExplainedRule | undefined
}

/** Leaves that nobody can tell, as the facts are of a report or a question that does not name them. */
export type UnknownFacts = ReadonlySet<Leaf['kind']>

const NOTHING_UNKNOWN: UnknownFacts = new Set()
/** Of a list of alternatives. */
const MOST_NAMED = 5

/**
 * Why these facts are let in or refused, in words. It says what `compile` decides: each leaf is asked by the same test, and
 * what can't be told counts as there; only for what `unknown` names it says that it does not know.
 * `shadow`: as it would be once dry runs are over.
 */
export function explain(
  rules: RuleSet,
  facts: ConnectionFacts | RequestFacts,
  {
    unknown = NOTHING_UNKNOWN,
    shadow = false,
  }: { readonly unknown?: UnknownFacts; readonly shadow?: boolean } = {},
): Explanation {
  const denies: ExplainedRule[] = []
  let surelyDenied = false
  let allows: ExplainedRule | undefined
  let nearest: ExplainedRule | undefined
  let mayAllow = true
  let surelyAllowed = true
  for (const stage of rules) {
    if (stage.action === 'AUDIT') continue
    const weighed = rulesOf(stage, shadow).map((rule) => weighRule(rule, stage.action, { facts, unknown }))
    if (stage.action === 'DENY') {
      for (const one of weighed) {
        if (one.unmet.length > 0 || one.impossible) continue
        denies.push(told(one))
        if (one.unknown.length === 0) surelyDenied = true
      }
      continue
    }
    if ((shadow ? (stage.shadow ?? stage.enforced) : stage.enforced) === undefined) continue
    const possible = weighed.filter(({ impossible }) => !impossible)
    const match = possible.find(({ unmet, unknown: rest }) => unmet.length === 0 && rest.length === 0)
    mayAllow &&= possible.some(({ unmet }) => unmet.length === 0)
    surelyAllowed &&= match !== undefined
    if (match) allows = told(match)
    else {
      const near = possible.toSorted(byNearness)
      // A pod that reaches itself is an exception of its own, near to everything.
      const other = near.find(({ rule }) => !rule.endsWith('/self')) ?? near[0]
      nearest = other && told(other)
    }
  }
  const refused = surelyDenied || !mayAllow
  const allowed = denies.length === 0 && surelyAllowed
  return { verdict: refused ? 'refused' : allowed ? 'allowed' : 'unknown', denies, allows, nearest }
}

/** All rules of a set whose answer depends on leaves of these kinds. */
export function asksFor(rules: RuleSet, kind: Leaf['kind']): boolean {
  const within = (matcher: Matcher): boolean => {
    if (matcher.kind === 'and' || matcher.kind === 'or') return matcher.of.some(within)
    return matcher.kind === 'not' ? within(matcher.of) : matcher.kind === kind
  }
  const asks = ({ permissions, principals }: Rule): boolean => [...permissions, ...principals].some(within)
  return rules.some(({ enforced = [], shadow = [] }) => [...enforced, ...shadow].some(asks))
}

/** In the order in which they decide: that of their names. */
function rulesOf({ enforced, shadow }: Stage, dryRun: boolean): readonly Rule[] {
  const rules = (dryRun ? (shadow ?? enforced) : enforced) ?? []
  return rules.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

interface Asked {
  readonly facts: ConnectionFacts | RequestFacts
  readonly unknown: UnknownFacts
}

/** What it takes until a matcher matches, or, where that is wanted, does not. */
interface Weight {
  readonly met: readonly string[]
  readonly unmet: readonly string[]
  readonly unknown: readonly string[]
  /** Nothing brings it about. */
  readonly impossible: boolean
}

interface WeighedRule extends Weight {
  readonly rule: string
}

const FREE: Weight = { met: [], unmet: [], unknown: [], impossible: false }
const IMPOSSIBLE: Weight = { ...FREE, impossible: true }

function told({ rule, met, unmet, unknown }: WeighedRule): ExplainedRule {
  return { rule, met: unique(met), unmet: unique(unmet), unknown: unique(unknown) }
}

function unique(sentences: readonly string[]): readonly string[] {
  return [...new Set(sentences)]
}

function weighRule(
  { name, permissions, principals }: Rule,
  action: Stage['action'],
  asked: Asked,
): WeighedRule {
  const sides: readonly Matcher[] = [
    { kind: 'or', of: principals },
    { kind: 'or', of: permissions },
  ]
  return { rule: name, ...weigh({ kind: 'and', of: sides }, true, { ...asked, untold: action !== 'ALLOW' }) }
}

interface Weighing extends Asked {
  /** What a leaf counts as here that can't be told (condition.ts). */
  readonly untold: boolean
}

function weigh(matcher: Matcher, want: boolean, asked: Weighing): Weight {
  switch (matcher.kind) {
    case 'any':
      return want ? FREE : IMPOSSIBLE
    case 'not':
      return weigh(matcher.of, !want, { ...asked, untold: !asked.untold })
    case 'and':
    case 'or': {
      const every = (matcher.kind === 'and') === want
      const leaves = alternatives(matcher.of)
      if (leaves && matcher.kind === 'or') return weighLeaves(leaves, want, asked)
      const weights = matcher.of.map((one) => weigh(one, want, asked))
      if (every) return sum(weights)
      return weights.toSorted(byNearness)[0] ?? IMPOSSIBLE
    }
    default:
      return weighLeaves([matcher], want, asked)
  }
}

/** Leaves that all ask for the same thing: `GET` or `HEAD`. */
function alternatives(matchers: readonly Matcher[]): readonly [Leaf, ...Leaf[]] | undefined {
  const leaves = matchers.filter(isLeaf)
  const [first, ...more] = leaves
  if (!first || first.kind === 'any' || leaves.length !== matchers.length) return undefined
  return more.every((leaf) => fieldOf(leaf) === fieldOf(first)) ? [first, ...more] : undefined
}

function weighLeaves(leaves: readonly [Leaf, ...Leaf[]], want: boolean, asked: Weighing): Weight {
  const [first] = leaves
  const { facts, unknown } = asked
  const names = listed(leaves.map(wantedBy))
  if (unknown.has(first.kind)) {
    const sentence = want
      ? `${subjectOf(first)} is not known; the rule asks for ${names}`
      : `${subjectOf(first)} is not known; the rule excepts ${names}`
    return { ...FREE, unknown: [sentence] }
  }
  const held = leaves.filter((leaf) => holds(leaf, asked))
  const state = stateOf(first, facts)
  if (want)
    return held.length > 0
      ? { ...FREE, met: [held.some(isExact) ? state : `${state}, as in ${listed(held.map(wantedBy))}`] }
      : { ...FREE, unmet: [`${state}, the rule asks for ${names}`] }
  return held.length > 0
    ? { ...FREE, unmet: [`${state}, the rule excepts ${listed(held.map(wantedBy))}`] }
    : { ...FREE, met: [`${state}, which is not ${names}`] }
}

function holds(leaf: Leaf, { facts, untold }: Weighing): boolean {
  const test = leafTest(leaf)
  if (test.of === 'connection') return test.matches(facts) ?? untold
  return isRequest(facts) ? (test.matches(facts) ?? untold) : untold
}

function sum(weights: readonly Weight[]): Weight {
  return {
    met: weights.flatMap(({ met }) => met),
    unmet: weights.flatMap(({ unmet }) => unmet),
    unknown: weights.flatMap(({ unknown }) => unknown),
    impossible: weights.some(({ impossible }) => impossible),
  }
}

/** Fewest conditions unmet, then fewest unknown, then most that hold. */
function byNearness(a: Weight, b: Weight): number {
  return (
    Number(a.impossible) - Number(b.impossible) ||
    a.unmet.length - b.unmet.length ||
    a.unknown.length - b.unknown.length ||
    b.met.length - a.met.length
  )
}

/** `GET`, `GET or HEAD`, `a, b, c, d, e or 7 others`. */
function listed(sayings: readonly string[]): string {
  const all = unique(sayings)
  const named = all.slice(0, MOST_NAMED)
  const more = all.length - named.length
  const words = more > 0 ? [...named, `${more} others`] : named
  const last = words.at(-1) ?? ''
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${last}` : last
}
