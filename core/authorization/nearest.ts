import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { leafTest, type Leaf } from './leaf.ts'
import type { Matcher, Rule, RuleSet, Stage } from './rules.ts'
import { fieldOf, isPlain, isLeaf, isRequest, stateOf, subjectOf, wantedBy } from './words.ts'

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
  /** What is not known and would decide, a sentence each; empty unless the verdict is unknown. */
  readonly dependsOn: readonly string[]
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
/** The end of the name of a rule by which a pod reaches itself: near to everything, and nobody's to meet. */
const SELF = '/self'
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
  const depends: Weight[] = []
  let mayAllow = true
  let surelyAllowed = true
  for (const stage of rules) {
    if (stage.action === 'AUDIT') continue
    const weighed = rulesOf(stage, shadow).map((rule) => weighRule(rule, stage.action, { facts, unknown }))
    if (stage.action === 'DENY') {
      for (const one of weighed) {
        if (one.unmet.length > 0 || one.impossible) continue
        denies.push(told(one))
        depends.push(one)
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
      const near = possible.filter(({ rule }) => !rule.endsWith(SELF)).toSorted(byNearness)[0]
      nearest = near && told(near)
      depends.push(...possible.filter(({ unmet }) => unmet.length === 0))
    }
  }
  const refused = surelyDenied || !mayAllow
  const allowed = denies.length === 0 && surelyAllowed
  const verdict = refused ? 'refused' : allowed ? 'allowed' : 'unknown'
  const on = verdict === 'unknown' ? unique(depends.flatMap((one) => one.unknown)) : []
  return { verdict, dependsOn: on, denies, allows, nearest }
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
  if (matcher.kind === 'any') return want ? FREE : IMPOSSIBLE
  if (isLeaf(matcher)) return weighLeaves([matcher], want, asked)
  switch (matcher.kind) {
    case 'not': {
      const weight = weigh(matcher.of, !want, { ...asked, untold: !asked.untold })
      // That it is not the pod itself goes without saying.
      return want && isItself(matcher.of) ? { ...weight, met: [] } : weight
    }
    case 'and':
    case 'or': {
      const every = (matcher.kind === 'and') === want
      const leaves = alternatives(matcher.of)
      if (leaves && matcher.kind === 'or') return weighLeaves(leaves, want, asked)
      const weights = matcher.of.map((one) => weigh(one, want, asked))
      if (every) return sum(weights)
      return weights.toSorted(byNearness)[0] ?? IMPOSSIBLE
    }
  }
}

/** An identity at an address: how the control plane writes a pod that reaches itself. A policy has no word for both denied at once. */
function isItself(matcher: Matcher): boolean {
  if (matcher.kind !== 'and') return false
  const kinds = matcher.of.flatMap((one) => (one.kind === 'or' ? one.of : [one])).map(({ kind }) => kind)
  return kinds.includes('identity') && kinds.includes('source-ip') && new Set(kinds).size === 2
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
  const said = leaves.map((leaf) => ({ leaf, says: holds(leaf, asked) }))
  const held = said.filter(({ says }) => says ?? asked.untold).map(({ leaf }) => leaf)
  const state = stateOf(first, facts)
  if (held.length === 0)
    return want
      ? { ...FREE, unmet: [`${state}, the rule asks for ${names}`] }
      : { ...FREE, met: [`${state}, which is not ${names}`] }
  const these = listed(held.map(wantedBy))
  // What can't be told counts as there, as evaluate.ts has it.
  const maybe = said.every(({ says }) => says !== true)
  if (!want)
    return {
      ...FREE,
      unmet: [`${state}, the rule excepts ${these}${maybe ? ', as which it may be read' : ''}`],
    }
  const how = maybe ? `, which may be read as ${these}` : held.some(isPlain) ? '' : `, as in ${these}`
  return { ...FREE, met: [`${state}${how}`] }
}

/** Undefined: it can't be told. */
function holds(leaf: Leaf, { facts }: Weighing): boolean | undefined {
  const test = leafTest(leaf)
  if (test.of === 'connection') return test.matches(facts)
  return isRequest(facts) ? test.matches(facts) : undefined
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
