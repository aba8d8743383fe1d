import { problemKey, together, type Problem } from '../../core/problem.ts'

/** What came and what was mended since it was last told. */
export interface ProblemChange {
  readonly come: readonly Problem[]
  readonly gone: readonly Problem[]
}

/** The problems of several finders as one list; tells what comes and goes. */
export class ProblemBoard {
  readonly #parts = new Map<string, readonly Problem[]>()
  readonly #changed: (change: ProblemChange) => void
  readonly #finders: readonly string[]
  #value: readonly Problem[] = []

  /** Of one field of one object the first of `finders` that says something is heard. */
  constructor(finders: readonly string[], changed: (change: ProblemChange) => void) {
    this.#finders = finders
    this.#changed = changed
  }

  /** In order; empty when all is well. */
  get value(): readonly Problem[] {
    return this.#value
  }

  /** Replaces what one finder found. */
  set(finder: string, problems: readonly Problem[]): void {
    this.#parts.set(finder, problems)
    const before = new Map(this.#value.map((problem) => [problemKey(problem), problem]))
    this.#value = together(...this.#finders.map((name) => this.#parts.get(name) ?? []))
    const now = new Set(this.#value.map(problemKey))
    const come = this.#value.filter((problem) => !before.has(problemKey(problem)))
    const gone = [...before].flatMap(([key, problem]) => (now.has(key) ? [] : [problem]))
    if (come.length > 0 || gone.length > 0) this.#changed({ come, gone })
  }
}
