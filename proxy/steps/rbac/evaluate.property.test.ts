import t from 'tap'
import { compile } from '../../../core/authorization/evaluate.ts'
import type { RequestFacts } from '../../../core/authorization/facts.ts'
import type { Action, Matcher, Rule, RuleSet, TextMatch } from '../../../core/authorization/rules.ts'
import { seeded } from '../../testing/seeded-random.ts'
import { requestFacts } from '../../../core/authorization/testing/facts.ts'

// Random rules and requests of few values each, so that they meet, held against the rules as rules.ts says them.

const SEED = Number(process.env['WEFT_SEED'] ?? 1)
const ROUNDS = Number(process.env['WEFT_ROUNDS'] ?? 5000)

const random = seeded(SEED)
/** From 0 up to, and without, `limit`. */
const below = (limit: number): number => Math.floor(random() * limit)

const one = <T>(of: readonly T[]): T => of[below(of.length)] as T
const several = <T>(make: () => T, most: number): T[] => Array.from({ length: below(most + 1) }, make)

const WORDS = ['a', 'b', 'ab', 'A', 'ba'] as const
/** Two bytes that are no UTF-8. */
const BAD = '\xff\xfe'

function text(): TextMatch {
  return {
    type: one(['exact', 'prefix', 'suffix', 'contains'] as const),
    value: one(WORDS),
    ignoreCase: below(3) === 0,
  }
}

function matcher(depth: number): Matcher {
  if (depth > 0 && below(2) === 0) {
    const kind = one(['and', 'or', 'not'] as const)
    if (kind === 'not') return { kind, of: matcher(depth - 1) }
    return { kind, of: several(() => matcher(depth - 1), 3) }
  }
  switch (below(8)) {
    case 0:
      return { kind: 'any' }
    case 1:
      return { kind: 'identity', match: below(4) === 0 ? undefined : text() }
    case 2:
      return { kind: 'source-ip', prefix: one(['10.0.0.0', '10.0.1.0']), bits: one([16, 24]) }
    case 3:
      return { kind: 'port', start: one([80, 81]), end: 82 }
    case 4:
      return { kind: 'method', match: text() }
    case 5:
      return { kind: 'path', match: text() }
    case 6:
      return { kind: 'header', name: one(['x', 'y']), match: below(4) === 0 ? undefined : text() }
    default:
      return { kind: 'claim', path: ['c'], match: text(), inList: below(2) === 0 }
  }
}

function rules(): Rule[] {
  return several(
    () => ({
      name: one(['n/a/0', 'n/b/0', 'n/c/0', 'n/d/1']),
      permissions: several(() => matcher(2), 2),
      principals: several(() => matcher(2), 2),
    }),
    3,
  )
}

function ruleSet(): RuleSet {
  return (['AUDIT', 'DENY', 'ALLOW'] as const)
    .filter(() => below(3) > 0)
    .map((action) => ({
      action,
      enforced: below(5) === 0 ? undefined : rules(),
      shadow: below(3) === 0 ? rules() : undefined,
    }))
}

const word = (): string => (below(8) === 0 ? BAD : one(WORDS))

function request(): RequestFacts {
  return requestFacts({
    identity: one(['', ...WORDS]),
    sourceAddress: one(['10.0.0.7', '::ffff:10.0.1.7']),
    destinationPort: one([80, 81, 82]),
    method: one(WORDS),
    path: word() + one(['', '?a', '?b']),
    fields: { x: several(word, 2), y: several(word, 1) },
    claims: one([undefined, { c: one(WORDS) }, { c: several(() => one(WORDS), 2) }]),
  })
}

// The direct reading: three values, of which undefined can't be told.

type Told = boolean | undefined

function allOf(told: readonly Told[]): Told {
  return told.includes(false) ? false : told.includes(undefined) ? undefined : true
}

function anyOf(told: readonly Told[]): Told {
  return told.includes(true) ? true : told.includes(undefined) ? undefined : false
}

function says({ type, value, ignoreCase }: TextMatch, of: string): Told {
  if (of.includes(BAD)) return undefined
  const [have, want] = ignoreCase ? [of.toLowerCase(), value.toLowerCase()] : [of, value]
  if (type === 'exact') return have === want
  return type === 'prefix'
    ? have.startsWith(want)
    : type === 'suffix'
      ? have.endsWith(want)
      : have.includes(want)
}

function reads(matcher: Matcher, facts: RequestFacts): Told {
  switch (matcher.kind) {
    case 'any':
      return true
    case 'and':
      return allOf(matcher.of.map((inner) => reads(inner, facts)))
    case 'or':
      return anyOf(matcher.of.map((inner) => reads(inner, facts)))
    case 'not': {
      const told = reads(matcher.of, facts)
      return told === undefined ? undefined : !told
    }
    case 'identity':
      return facts.identity !== '' && (!matcher.match || says(matcher.match, facts.identity))
    case 'source-ip':
      return facts.sourceAddress.replace('::ffff:', '').startsWith(
        matcher.prefix
          .split('.')
          .slice(0, matcher.bits / 8)
          .join('.'),
      )
    case 'port':
      return facts.destinationPort >= matcher.start && facts.destinationPort < matcher.end
    case 'method':
      return says(matcher.match, facts.method)
    case 'path':
      return says(matcher.match, facts.path.split('?')[0] as string)
    case 'header': {
      const { match } = matcher
      const values = facts.values(matcher.name)
      if (!match) return values.length > 0
      const joined = values.length > 1 ? [says(match, values.join(','))] : []
      return anyOf([...values.map((value) => says(match, value)), ...joined])
    }
    case 'claim': {
      const value = facts.claims?.['c']
      const { match } = matcher
      if (matcher.inList) return Array.isArray(value) && value.some((item) => says(match, String(item)))
      return typeof value === 'string' && says(match, value)
    }
    case 'destination-ip':
    case 'host':
    case 'path-template':
    case 'sni':
      throw new Error(`${matcher.kind} is not drawn`)
  }
}

function hits(action: Action, rule: Rule, facts: RequestFacts): boolean {
  const told = allOf([
    anyOf(rule.permissions.map((inner) => reads(inner, facts))),
    anyOf(rule.principals.map((inner) => reads(inner, facts))),
  ])
  return told ?? action !== 'ALLOW'
}

function verdict(set: RuleSet, facts: RequestFacts, shadow: boolean): { allowed: boolean; rule: string } {
  let allowedBy = ''
  for (const stage of set) {
    const of = shadow ? (stage.shadow ?? stage.enforced) : stage.enforced
    if (!of || stage.action === 'AUDIT') continue
    const names = of.filter((rule) => hits(stage.action, rule, facts)).map(({ name }) => name)
    const [first] = names.toSorted()
    if (stage.action === 'DENY' && first !== undefined) return { allowed: false, rule: first }
    if (stage.action === 'ALLOW' && first === undefined) return { allowed: false, rule: '' }
    if (stage.action === 'ALLOW') allowedBy = first as string
  }
  return { allowed: true, rule: allowedBy }
}

t.test(`what is decided is what the rules say (seed ${SEED}, ${ROUNDS} decisions)`, async (t) => {
  const seen = { allowed: 0, denied: 0 }
  for (let i = 0; i < ROUNDS / 10; i++) {
    const set = ruleSet()
    const decider = compile(set, 'request')
    for (let j = 0; j < 10; j++) {
      const facts = request()
      const wanted = {
        ...verdict(set, facts, false),
        audited: set
          .filter(({ action }) => action === 'AUDIT')
          .flatMap(({ enforced = [] }) => enforced.filter((rule) => hits('AUDIT', rule, facts)))
          .map(({ name }) => name)
          .toSorted(),
        shadow: set.some(({ shadow }) => shadow) ? verdict(set, facts, true) : undefined,
      }
      for (const one of [decider, decider.narrow(facts)]) {
        const { allowed, rule, audited, shadow } = one.decide(facts)
        const found = {
          allowed,
          rule,
          audited,
          shadow: shadow && { allowed: shadow.allowed, rule: shadow.rule },
        }
        if (JSON.stringify(found) !== JSON.stringify(wanted)) {
          t.same(
            found,
            wanted,
            JSON.stringify({ set, facts, fields: [facts.values('x'), facts.values('y')] }),
          )
          return
        }
      }
      seen[wanted.allowed ? 'allowed' : 'denied']++
    }
  }
  t.ok(Math.min(seen.allowed, seen.denied) > ROUNDS / 10, 'both are met often', seen)
})
