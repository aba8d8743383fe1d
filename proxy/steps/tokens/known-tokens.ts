import { hash } from 'node:crypto'
import type { VerifiedToken } from '../../exchange/verified-token.ts'

/** A token that was verified, with all that a request that shows it needs. */
export interface KnownToken {
  readonly token: VerifiedToken
  /** Of its provider, in the order of the filter. */
  readonly provider: number
  /** Names and values that the application gets, as they stand in a head. */
  readonly fields: readonly string[]
  /** It holds from, and until, then; milliseconds since the Unix epoch, with the skew that is allowed. */
  readonly fromMs: number
  readonly untilMs: number
}

export const MOST_TOKENS = 1024
export const MOST_BYTES = 1024 * 1024

interface Kept {
  readonly known: KnownToken
  readonly bytes: number
  used: boolean
}

/** SHA-256 of a token: the token itself is kept nowhere. */
export function tokenKey(text: string): string {
  return hash('sha256', text, 'base64url')
}

/**
 * Tokens that were verified, by their key: at most MOST_TOKENS, and MOST_BYTES of their text. Where it is full, those
 * that nobody showed since the last round go first (the clock algorithm).
 */
export class KnownTokens {
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  get size(): number {
    return this.#kept.size
  }

  get(key: string): KnownToken | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    kept.used = true
    return kept.known
  }

  /** `bytes`: length of the token. */
  add(key: string, known: KnownToken, bytes: number): void {
    this.forget(key)
    this.#kept.set(key, { known, bytes, used: false })
    this.#bytes += bytes
    while (this.#kept.size > MOST_TOKENS || this.#bytes > MOST_BYTES) {
      const [[oldest, kept]] = this.#kept as unknown as [[string, Kept]]
      this.#kept.delete(oldest)
      if (kept.used && oldest !== key) {
        kept.used = false
        this.#kept.set(oldest, kept)
      } else this.#bytes -= kept.bytes
    }
  }

  forget(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
  }
}
