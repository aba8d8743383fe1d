import { LINGER_MS, LONGEST_LINGER_MS } from './limits.ts'

/**
 * How long a server reads on after its last byte: a close with unread bytes is a RST that may take the answer from
 * the client (RFC 9112 section 9.6). Times and the deadlines that it answers are those of `Deadlines.now`.
 */
export class Linger {
  /** It is over by then, whatever still comes. */
  #until = 0
  #extended = false

  begin(now: number): number {
    this.#until = now + LONGEST_LINGER_MS
    return now + LINGER_MS
  }

  /** More bytes came. */
  heard(now: number, deadline: number): number {
    return Math.max(deadline, Math.min(this.#until, now + LINGER_MS))
  }

  /** Once: a client that takes its answer slowly still gets the rest. */
  extend(now: number, byMs: number): number | undefined {
    if (this.#extended) return undefined
    this.#extended = true
    return now + byMs
  }
}
