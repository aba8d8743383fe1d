import type { ConnectionFacts, RequestFacts } from './facts.ts'
import { leafTest, methodsTest, type LeafTest } from './leaf.ts'
import type { Matcher } from './rules.ts'

/** A matcher made ready for many decisions. */
export interface Condition {
  matches(facts: ConnectionFacts): boolean
  /** What is left of it for the requests of a connection: it asks of each only what differs. ALWAYS or NEVER: nothing does. */
  narrow(connection: ConnectionFacts): Condition
  /** Text that is equal for connections to which it is narrowed alike; `+` and `-` where that is to ALWAYS or NEVER. */
  outline(connection: ConnectionFacts): string
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
    const methods = matcher.kind === 'or' ? methodsTest(matcher.of) : undefined
    if (methods) return tested(methods, kind, untold)
    const conditions = matcher.of.map((one) => conditionOf(one, kind, untold))
    return combined(conditions, matcher.kind === 'and')
  }
  return matcher.kind === 'any' ? ALWAYS : tested(leafTest(matcher), kind, untold)
}

function tested(test: LeafTest, kind: Kind, untold: boolean): Condition {
  // Of a connection nobody knows its requests.
  if (kind === 'connection' && test.of === 'request') return untold ? ALWAYS : NEVER
  return test.of === 'connection' ? new OfConnection(test, untold) : new OfRequest(test, untold)
}

/** Holds where all of these do (`every`), or one of them. */
export function combined(conditions: readonly Condition[], every: boolean): Condition {
  return conditions.length === 1 ? (conditions[0] as Condition) : new Combined(conditions, every)
}

type Known = '+' | '-'

class Constant implements Condition {
  readonly #value: boolean
  readonly #outline: Known

  constructor(value: boolean) {
    this.#value = value
    this.#outline = value ? '+' : '-'
  }

  matches(): boolean {
    return this.#value
  }

  narrow(): this {
    return this
  }

  outline(): Known {
    return this.#outline
  }
}

export const ALWAYS: Condition = new Constant(true)
export const NEVER: Condition = new Constant(false)

class OfConnection implements Condition {
  readonly #test: LeafTest & { readonly of: 'connection' }
  readonly #untold: boolean

  constructor(test: LeafTest & { readonly of: 'connection' }, untold: boolean) {
    this.#test = test
    this.#untold = untold
  }

  matches(facts: ConnectionFacts): boolean {
    return this.#test.matches(facts) ?? this.#untold
  }

  narrow(connection: ConnectionFacts): Condition {
    return this.matches(connection) ? ALWAYS : NEVER
  }

  outline(connection: ConnectionFacts): Known {
    return this.matches(connection) ? '+' : '-'
  }
}

class OfRequest implements Condition {
  readonly #test: LeafTest & { readonly of: 'request' }
  readonly #untold: boolean

  constructor(test: LeafTest & { readonly of: 'request' }, untold: boolean) {
    this.#test = test
    this.#untold = untold
  }

  matches(facts: ConnectionFacts): boolean {
    return this.#test.matches(facts as RequestFacts) ?? this.#untold
  }

  narrow(): this {
    return this
  }

  outline(): string {
    return '?'
  }
}

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

  narrow(connection: ConnectionFacts): Condition {
    const [decides, saysNothing] = this.#every ? [NEVER, ALWAYS] : [ALWAYS, NEVER]
    const left: Condition[] = []
    for (const condition of this.#conditions) {
      const narrowed = condition.narrow(connection)
      if (narrowed === decides) return decides
      if (narrowed !== saysNothing) left.push(narrowed)
    }
    return left.length === 0 ? saysNothing : combined(left, this.#every)
  }

  outline(connection: ConnectionFacts): string {
    const decides = this.#every ? '-' : '+'
    let all = ''
    let known = true
    for (const condition of this.#conditions) {
      const outline = condition.outline(connection)
      if (outline === decides) return decides
      known &&= outline.length === 1 && outline !== '?'
      all += outline
    }
    return known ? (this.#every ? '+' : '-') : `(${all})`
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

  narrow(connection: ConnectionFacts): Condition {
    const narrowed = this.#of.narrow(connection)
    if (narrowed === ALWAYS) return NEVER
    return narrowed === NEVER ? ALWAYS : new Negated(narrowed)
  }

  outline(connection: ConnectionFacts): string {
    const outline = this.#of.outline(connection)
    return outline === '+' ? '-' : outline === '-' ? '+' : outline
  }
}
