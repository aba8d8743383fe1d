import type { Refusal } from './verifier.ts'

export const MOST_REFUSED = 4096

/**
 * Tokens whose signature was checked and was none of their issuer's keys', by their key: that stays so for as long as the
 * keys do. At most MOST_REFUSED, oldest first to go; callers pay for each that is added.
 */
export class RefusedTokens {
  readonly #refused = new Map<string, Refusal>()

  get size(): number {
    return this.#refused.size
  }

  get(key: string): Refusal | undefined {
    return this.#refused.get(key)
  }

  add(key: string, why: Refusal): void {
    this.#refused.set(key, why)
    if (this.#refused.size > MOST_REFUSED) this.#refused.delete(this.#refused.keys().next().value as string)
  }
}
