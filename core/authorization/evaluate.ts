import { ALWAYS, conditionOf, type Condition, type Kind } from './condition.ts'
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
  readonly permission: Condition
  readonly principal: Condition
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

class CompiledRules implements Decider {
  readonly #stages: readonly CompiledStage[]
  readonly #dryRun: boolean
  readonly #audits: boolean
  readonly #narrowed = new Map<string, CompiledRules>()

  constructor(stages: readonly CompiledStage[], dryRun: boolean) {
    this.#stages = stages
    this.#dryRun = dryRun
    this.#audits = stages.some(({ action, enforced }) => action === 'AUDIT' && enforced?.length)
  }

  decide(facts: ConnectionFacts): Decision {
    const decision = this.#verdict(facts, false)
    if (!this.#audits && !this.#dryRun) return decision
    return {
      ...decision,
      audited: this.#audits ? this.#audited(facts) : NONE,
      shadow: this.#dryRun ? this.#verdict(facts, true) : undefined,
    }
  }

  narrow(connection: ConnectionFacts): CompiledRules {
    const known: Known[] = []
    let key = ''
    for (const stage of this.#stages)
      for (const rule of allOf(stage)) {
        const permission = rule.permission.early(connection)
        const principal = rule.principal.early(connection)
        known.push({ rule, permission, principal })
        key += letter(permission) + letter(principal)
      }
    let narrowed = this.#narrowed.get(key)
    if (narrowed) return narrowed
    narrowed = new CompiledRules(narrowedStages(this.#stages, known), this.#dryRun)
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

  #audited(facts: ConnectionFacts): readonly string[] {
    return this.#stages
      .filter(({ action }) => action === 'AUDIT')
      .flatMap(({ enforced = NONE }) =>
        enforced.filter((rule) => matches(rule, facts)).map(({ name }) => name),
      )
  }
}

interface Known {
  readonly rule: CompiledRule
  readonly permission: boolean | undefined
  readonly principal: boolean | undefined
}

/** Those of what is enforced and of dry runs, in one order. */
function allOf({ enforced = NONE, shadow = NONE }: CompiledStage): readonly CompiledRule[] {
  return shadow === enforced ? enforced : [...enforced, ...shadow]
}

function letter(known: boolean | undefined): string {
  return known === undefined ? '?' : known ? '+' : '-'
}

function narrowedStages(stages: readonly CompiledStage[], known: readonly Known[]): CompiledStage[] {
  const left = new Map(known.map((one) => [one.rule, narrowedRule(one)]))
  const of = (rules: readonly CompiledRule[] | undefined): readonly CompiledRule[] | undefined =>
    rules?.flatMap((rule) => left.get(rule) ?? [])
  return stages.map(({ action, enforced, shadow }) => {
    const own = of(enforced)
    return { action, enforced: own, shadow: shadow === enforced ? own : of(shadow) }
  })
}

/** Undefined: it matches nothing that comes on the connection. */
function narrowedRule({ rule, permission, principal }: Known): CompiledRule | undefined {
  if (permission === false || principal === false) return undefined
  return {
    ...rule,
    permission: permission ? ALWAYS : rule.permission,
    principal: principal ? ALWAYS : rule.principal,
  }
}

function firstMatch(rules: readonly CompiledRule[], facts: ConnectionFacts): CompiledRule | undefined {
  for (const rule of rules) if (matches(rule, facts)) return rule
  return undefined
}

function matches({ permission, principal }: CompiledRule, facts: ConnectionFacts): boolean {
  return permission.matches(facts) && principal.matches(facts)
}

function compiled(
  rules: readonly Rule[] | undefined,
  kind: Kind,
  untold: boolean,
): readonly CompiledRule[] | undefined {
  return rules
    ?.map(({ name, permissions, principals }) => ({
      name,
      permission: conditionOf({ kind: 'or', of: permissions }, kind, untold),
      principal: conditionOf({ kind: 'or', of: principals }, kind, untold),
      denied: plain(false, 'DENY', name),
      allowed: plain(true, 'ALLOW', name),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function plain(allowed: boolean, action: Decision['action'], rule: string): Decision {
  return Object.freeze({ allowed, action, rule, audited: NONE, shadow: undefined })
}
