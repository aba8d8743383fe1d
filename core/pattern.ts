import { createRequire } from 'node:module'
import { WeftError } from './errors.ts'
import { patternCost } from './pattern-cost.ts'

/**
 * Instructions of the compiled program; a literal character is one, `x{n}` is x n times. A pattern may need this many steps
 * for each character of what it is held against.
 */
const MAX_PROGRAM = 500
/** As `patternCost` counts: 10 ms of CPU or so, though it then turns out to be too large. */
const MAX_COST = 2000
/**
 * Bytes that the states of all patterns may take, which come about while they match, are kept for the next match, and can be
 * found again. The library bounds those of one pattern, by 8 MiB.
 */
const MAX_STATE_BYTES = 16 << 20

type Engine = typeof import('re2js')
let engine: Engine | undefined

type States = InstanceType<Engine['RE2JS']>['re2Input']['lazyDFA']
/** Of patterns that have any, with the bytes they had when that was last asked. */
const states = new Map<States, number>()
let stateBytes = 0

/** The same pattern for the same text while somebody has it: an edit of a route need not compile the others again. */
export function patternOf(source: string): Pattern {
  const known = compiled.get(source)?.deref()
  if (known) return known
  const made = new Pattern(source)
  compiled.set(source, new WeakRef(made))
  gone.register(made, source)
  return made
}

const compiled = new Map<string, WeakRef<Pattern>>()
const gone = new FinalizationRegistry<string>((source) => {
  if (compiled.get(source)?.deref() === undefined) compiled.delete(source)
})

/**
 * A regular expression from configuration: RE2's syntax (github.com/google/re2/wiki/Syntax), in time linear in what it is
 * held against, whatever the expression. What RE2 does not know, look-around and back-references above all, is refused.
 */
export class Pattern {
  readonly source: string
  readonly #compiled: InstanceType<Engine['RE2JS']>

  /** @throws WeftError `pattern.invalid`: what in it is not taken. */
  constructor(source: string) {
    const cost = patternCost(source)
    if (cost > MAX_COST)
      throw new WeftError(
        'pattern.invalid',
        `is too large: to compile it costs ${cost}, ${MAX_COST} are allowed`,
      )
    // 3 MiB and 8 ms that a sidecar without expressions has no use for.
    engine ??= createRequire(import.meta.url)('re2js') as Engine
    this.source = source
    try {
      this.#compiled = engine.RE2JS.compile(source)
    } catch (error) {
      throw new WeftError('pattern.invalid', `is no regular expression of RE2: ${reasonOf(error, engine)}`)
    }
    const size = this.#compiled.programSize()
    if (size > MAX_PROGRAM)
      throw new WeftError(
        'pattern.invalid',
        `is too large: it compiles to ${size} instructions, ${MAX_PROGRAM} are allowed`,
      )
  }

  /** How many groups it captures, the whole match not counted. */
  get groups(): number {
    return this.#compiled.groupCount()
  }

  /** Whether it matches all of the text (RE2::FullMatch). */
  matches(text: string): boolean {
    const matches = this.#compiled.testExact(text)
    const { lazyDFA } = this.#compiled.re2Input
    // There are none where the expression leaves no choice.
    if (lazyDFA as States | null) keepStatesBounded(lazyDFA)
    return matches
  }

  /** Each match that does not overlap one before it in place of what `replacement` makes of it (RE2::GlobalReplace). */
  replaceAll(text: string, replacement: Replacement): string {
    let end = -1
    return this.#compiled.matcher(text).replaceAll((match: string, ...rest: unknown[]) => {
      const at = rest[this.groups] as number
      // An empty match right behind another is none to RE2.
      if (match === '' && at === end) return ''
      end = at + match.length
      return replacement
        .map((part) => {
          if (typeof part === 'string') return part
          return part === 0 ? match : ((rest[part - 1] as string | undefined) ?? '')
        })
        .join('')
    })
  }

  toString(): string {
    return this.source
  }

  toJSON(): string {
    return this.source
  }
}

/** Bytes that the states of all patterns take now, as the library counts them. */
export function patternStateBytes(): number {
  return stateBytes
}

function keepStatesBounded(of: States): void {
  const bytes = of.maxMem - of.memBudget
  stateBytes += bytes - (states.get(of) ?? 0)
  states.set(of, bytes)
  if (stateBytes <= MAX_STATE_BYTES) return
  for (const one of states.keys()) one.clearCache()
  states.clear()
  stateBytes = 0
}

/** Text, and numbers of groups; 0 is the whole match. */
export type Replacement = readonly (string | number)[]

/**
 * What RE2::Rewrite reads: `\0` to `\9`, one digit, and `\\`.
 * @throws WeftError `pattern.invalid`: another escape, or a group that the pattern does not have (RE2::CheckRewriteString).
 */
export function parseReplacement(text: string, pattern: Pattern): Replacement {
  const parts: (string | number)[] = []
  let literal = ''
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      literal += text[i]
      continue
    }
    const escaped = text[++i] ?? ''
    if (escaped === '\\') {
      literal += escaped
      continue
    }
    if (!/^\d$/.test(escaped))
      throw new WeftError(
        'pattern.invalid',
        String.raw`must have a digit or a \ behind each \, not "${escaped}"`,
      )
    const group = Number(escaped)
    if (group > pattern.groups)
      throw new WeftError('pattern.invalid', `names group ${group} of a pattern that has ${pattern.groups}`)
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push(group)
  }
  if (literal !== '') parts.push(literal)
  return parts
}

/** By what the library quotes of the pattern; for what people bring from other dialects, its name. */
const FOREIGN: readonly (readonly [RegExp, string])[] = [
  [/^\(\?[=!]/, 'lookahead'],
  [/^\(\?<[=!]/, 'lookbehind'],
  [/^\\([1-9]|[kg]$)/, 'a back-reference'],
  [/^\(\?P/, 'a back-reference (?P=...)'],
  [/^\(\?>/, 'an atomic group'],
  [/[*+?}]\+$/, 'a possessive quantifier'],
]

function reasonOf(error: unknown, { RE2JSSyntaxException }: Engine): string {
  if (!(error instanceof RE2JSSyntaxException)) return error instanceof Error ? error.message : String(error)
  const part = error.getPattern() ?? ''
  const foreign = FOREIGN.find(([shape]) => shape.test(part))
  const name = foreign ? `${foreign[1]} is not supported` : error.getDescription()
  return part === '' ? name : `${name}: ${part}`
}
