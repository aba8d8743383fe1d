import { ALWAYS, combined, conditionOf, NEVER, type Condition, type Kind } from './condition.ts'
import type { ConnectionFacts, RequestFacts } from './facts.ts'
import type { Action, Rule, RuleSet } from './rules.ts'

/** What was decided of a connection or a request, and by what. */
export interface Decision {
  readonly allowed: boolean
  /** Of the stage that decided; undefined: none did, and it is let through. */
  readonly action: 'DENY' | 'ALLOW' | undefined
  /** Name of the rule that decided; '' where none did, or no ALLOW rule matched. */
  readonly rule: string
  /** Names of the AUDIT rules that match, whatever else was decided. */
  readonly audited: readonly string[]
  /** What would be decided once dry runs are over; undefined: there are none. */
  readonly shadow: { readonly allowed: boolean; readonly rule: string } | undefined
}

/** Rules made ready for many decisions. It has no state that a decision depends on: neither a clock nor what came before. */
export interface Decider<F extends ConnectionFacts = ConnectionFacts> {
  decide(facts: F): Decision
  /** The same for what comes on this one connection, with less to look at. For connections that show the same it is one object. */
  narrow(connection: ConnectionFacts): Decider<F>
}

/**
 * A DENY rule that can't be told to match or not, as what it asks for is no UTF-8 or unknown to a connection, matches, and an
 * ALLOW rule does not: also where that stands beneath a `not`. Among rules of one stage the first by name decides, as in Envoy.
 * @throws WeftError `pattern.invalid` or `path_template.invalid`: of a rule that holds such.
 */
export function compile(rules: RuleSet, kind: 'request'): Decider<RequestFacts>
export function compile(rules: RuleSet, kind: 'connection'): Decider
export function compile(rules: RuleSet, kind: Kind): Decider<RequestFacts> | Decider {
  const dryRun = rules.some(({ shadow }) => shadow !== undefined)
  const stages = rules.map(({ action, enforced, shadow }): CompiledStage => {
    const untold = action !== 'ALLOW'
    const own = compiled(enforced, kind, untold)
    // Where a stage has no dry run, what is enforced stays.
    return { action, enforced: own, shadow: shadow ? compiled(shadow, kind, untold) : own }
  })
  return new CompiledRules(stages, dryRun)
}

interface CompiledRule {
  readonly name: string
  readonly condition: Condition
  /** Where it is the last word. */
  readonly denied: Decision
  readonly allowed: Decision
}

interface CompiledStage {
  readonly action: Action
  readonly enforced: readonly CompiledRule[] | undefined
  readonly shadow: readonly CompiledRule[] | undefined
}

const NONE: readonly never[] = []
const UNDECIDED: Decision = plain(true, undefined, '')
const NOT_ALLOWED: Decision = plain(false, 'ALLOW', '')
/** Of connections that show something else. */
const MOST_NARROWED = 1024
/** Of what is enforced and would be, together. */
const MOST_PAIRS = 1024

class CompiledRules implements Decider {
  readonly #stages: readonly CompiledStage[]
  readonly #dryRun: boolean
  readonly #audits: boolean
  readonly #narrowed = new Map<string, CompiledRules>()
  /** By what is enforced, then by what would be: made once, as most requests meet the same. */
  readonly #pairs = new Map<Decision, Map<Decision, Decision>>()
  #pairCount = 0

  constructor(stages: readonly CompiledStage[], dryRun: boolean) {
    this.#stages = stages
    this.#dryRun = dryRun
    this.#audits = stages.some(({ action, enforced }) => action === 'AUDIT' && enforced?.length)
  }

  decide(facts: ConnectionFacts): Decision {
    const enforced = this.#verdict(facts, false)
    const decision = this.#dryRun ? this.#pair(enforced, this.#verdict(facts, true)) : enforced
    const audited = this.#audits ? this.#audited(facts) : NONE
    return audited.length === 0 ? decision : { ...decision, audited }
  }

  narrow(connection: ConnectionFacts): CompiledRules {
    let key = ''
    for (const { enforced = NONE, shadow = NONE } of this.#stages) {
      key += outlineOf(enforced, connection)
      if (shadow !== enforced) key += outlineOf(shadow, connection)
    }
    let narrowed = this.#narrowed.get(key)
    if (narrowed) return narrowed
    narrowed = new CompiledRules(
      this.#stages.map((stage) => narrowedStage(stage, connection)),
      this.#dryRun,
    )
    if (this.#narrowed.size >= MOST_NARROWED) this.#narrowed.clear()
    this.#narrowed.set(key, narrowed)
    return narrowed
  }

  #verdict(facts: ConnectionFacts, dryRun: boolean): Decision {
    let last = UNDECIDED
    for (const { action, enforced, shadow } of this.#stages) {
      const rules = dryRun ? shadow : enforced
      if (action === 'AUDIT' || !rules) continue
      const rule = firstMatch(rules, facts)
      if (action === 'DENY') {
        if (rule) return rule.denied
      } else if (rule) last = rule.allowed
      else return NOT_ALLOWED
    }
    return last
  }

  #pair(enforced: Decision, shadow: Decision): Decision {
    let pairs = this.#pairs.get(enforced)
    const known = pairs?.get(shadow)
    if (known) return known
    if (this.#pairCount++ >= MOST_PAIRS) {
      this.#pairs.clear()
      this.#pairCount = 1
      pairs = undefined
    }
    if (!pairs) this.#pairs.set(enforced, (pairs = new Map()))
    const made = Object.freeze({ ...enforced, shadow })
    pairs.set(shadow, made)
    return made
  }

  #audited(facts: ConnectionFacts): readonly string[] {
    let audited: string[] | undefined
    for (const { action, enforced = NONE } of this.#stages)
      if (action === 'AUDIT')
        for (const { condition, name } of enforced) if (condition.matches(facts)) (audited ??= []).push(name)
    return audited ?? NONE
  }
}

/** Of those that may match, by their places. */
function outlineOf(rules: readonly CompiledRule[], connection: ConnectionFacts): string {
  let all = '/'
  for (let i = 0; i < rules.length; i++) {
    const outline = (rules[i] as CompiledRule).condition.outline(connection)
    if (outline !== '-') all += `${i}${outline}`
  }
  return all
}

function narrowedStage(
  { action, enforced, shadow }: CompiledStage,
  connection: ConnectionFacts,
): CompiledStage {
  const own = enforced && narrowedRules(enforced, action, connection)
  if (shadow === enforced) return { action, enforced: own, shadow: own }
  return { action, enforced: own, shadow: shadow && narrowedRules(shadow, action, connection) }
}

/** Those that may match something that comes on the connection, and, but for AUDIT, none behind one that matches all of it. */
function narrowedRules(
  rules: readonly CompiledRule[],
  action: Action,
  connection: ConnectionFacts,
): readonly CompiledRule[] {
  const left: CompiledRule[] = []
  for (const rule of rules) {
    const condition = rule.condition.narrow(connection)
    if (condition === NEVER) continue
    left.push({ ...rule, condition })
    if (condition === ALWAYS && action !== 'AUDIT') break
  }
  return left
}

function firstMatch(rules: readonly CompiledRule[], facts: ConnectionFacts): CompiledRule | undefined {
  for (const rule of rules) if (rule.condition.matches(facts)) return rule
  return undefined
}

function compiled(
  rules: readonly Rule[] | undefined,
  kind: Kind,
  untold: boolean,
): readonly CompiledRule[] | undefined {
  return rules
    ?.map(({ name, permissions, principals }) => ({
      name,
      // Who calls comes first: few rules are about one caller.
      condition: combined(
        [principals, permissions].map((of) => conditionOf({ kind: 'or', of }, kind, untold)),
        true,
      ),
      denied: plain(false, 'DENY', name),
      allowed: plain(true, 'ALLOW', name),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function plain(allowed: boolean, action: Decision['action'], rule: string): Decision {
  return Object.freeze({ allowed, action, rule, audited: NONE, shadow: undefined })
}
