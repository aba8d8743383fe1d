import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { leafTest, type LeafTest } from './leaf.ts'
import type { Matcher } from './rules.ts'

/** A matcher made ready for many decisions. */
export interface Condition {
  /** `facts` are those of a request wherever `early` gave undefined. */
  matches(facts: ConnectionFacts): boolean
  /** What holds for every request of the connection; undefined: it depends on the request. */
  early(connection: ConnectionFacts): boolean | undefined
}

/** Which facts there will be. */
export type Kind = 'request' | 'connection'

/**
 * @param untold What a leaf counts as that can't be told: the value with which the whole refuses more. Beneath a `not` it is
 *   the other one.
 */
export function conditionOf(matcher: Matcher, kind: Kind, untold: boolean): Condition {
  if ('of' in matcher) {
    if (matcher.kind === 'not') return new Negated(conditionOf(matcher.of, kind, !untold))
    const conditions = matcher.of.map((one) => conditionOf(one, kind, untold))
    return conditions.length === 1
      ? (conditions[0] as Condition)
      : new Combined(conditions, matcher.kind === 'and')
  }
  if (matcher.kind === 'any') return ALWAYS
  const test = leafTest(matcher)
  // Of a connection nobody knows its requests.
  if (kind === 'connection' && test.of === 'request') return untold ? ALWAYS : NEVER
  return new Tested(test, untold)
}

class Constant implements Condition {
  readonly #value: boolean

  constructor(value: boolean) {
    this.#value = value
  }

  matches(): boolean {
    return this.#value
  }

  early(): boolean {
    return this.#value
  }
}

export const ALWAYS: Condition = new Constant(true)
const NEVER: Condition = new Constant(false)

class Tested implements Condition {
  readonly #test: LeafTest
  readonly #untold: boolean

  constructor(test: LeafTest, untold: boolean) {
    this.#test = test
    this.#untold = untold
  }

  matches(facts: ConnectionFacts): boolean {
    const test = this.#test
    return (
      (test.of === 'connection' ? test.matches(facts) : test.matches(facts as RequestFacts)) ?? this.#untold
    )
  }

  early(connection: ConnectionFacts): boolean | undefined {
    return this.#test.of === 'connection' ? this.matches(connection) : undefined
  }
}

/** `every`: all must hold; otherwise one. */
class Combined implements Condition {
  readonly #conditions: readonly Condition[]
  readonly #every: boolean

  constructor(conditions: readonly Condition[], every: boolean) {
    this.#conditions = conditions
    this.#every = every
  }

  matches(facts: ConnectionFacts): boolean {
    const every = this.#every
    for (const condition of this.#conditions) if (condition.matches(facts) !== every) return !every
    return every
  }

  early(connection: ConnectionFacts): boolean | undefined {
    const every = this.#every
    let known: boolean | undefined = every
    for (const condition of this.#conditions) {
      const early = condition.early(connection)
      if (early === !every) return early
      if (early === undefined) known = undefined
    }
    return known
  }
}

class Negated implements Condition {
  readonly #of: Condition

  constructor(of: Condition) {
    this.#of = of
  }

  matches(facts: ConnectionFacts): boolean {
    return !this.#of.matches(facts)
  }

  early(connection: ConnectionFacts): boolean | undefined {
    const early = this.#of.early(connection)
    return early === undefined ? undefined : !early
  }
}
