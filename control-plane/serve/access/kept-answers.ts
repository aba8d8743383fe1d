import type { Clock } from '../../../core/clock.ts'

export interface KeptAnswersOptions<T> {
  readonly clock: Clock
  /** Those that let somebody in, and apart from them those that don't: what is refused takes the place of nothing. */
  readonly isGood: (answer: T) => boolean
  readonly goodMs: number
  readonly badMs: number
  /** Of each of the two. */
  readonly most: number
}

interface Kept<T> {
  readonly answer: T
  readonly until: number
}

/** Answers of somebody who is slow to ask, kept for seconds and in bounded number; the same question is asked once at a time. */
export class KeptAnswers<T> {
  readonly #options: KeptAnswersOptions<T>
  readonly #good = new Map<string, Kept<T>>()
  readonly #bad = new Map<string, Kept<T>>()
  readonly #asked = new Map<string, Promise<T>>()

  constructor(options: KeptAnswersOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#good.size + this.#bad.size
  }

  /** Rejects as `ask` does, which is not kept. */
  async get(key: string, ask: () => Promise<T>): Promise<T> {
    const { clock, isGood, goodMs, badMs } = this.#options
    const kept = this.#good.get(key) ?? this.#bad.get(key)
    if (kept && clock.now() < kept.until) return kept.answer
    const already = this.#asked.get(key)
    if (already) return already
    const asked = ask()
    this.#asked.set(key, asked)
    try {
      const answer = await asked
      this.#good.delete(key)
      this.#bad.delete(key)
      const good = isGood(answer)
      this.#keep(good ? this.#good : this.#bad, key, {
        answer,
        until: clock.now() + (good ? goodMs : badMs),
      })
      return answer
    } finally {
      this.#asked.delete(key)
    }
  }

  /** In order of insertion: the oldest goes. */
  #keep(kept: Map<string, Kept<T>>, key: string, one: Kept<T>): void {
    kept.set(key, one)
    for (const oldest of kept.keys()) {
      if (kept.size <= this.#options.most) break
      kept.delete(oldest)
    }
  }
}
