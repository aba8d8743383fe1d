/** A server that closes within so short a time did not wait: it closes behind an answer, and at any moment after it. */
const AT_ONCE_MS = 10
/** A habit is forgotten when so many connections outlived it by far: a crash or a restart looked like one. */
const OUTLIVED = 8
const OUTLIVED_AT_LEAST_MS = 1000

/**
 * How long a server lets a connection wait between two requests, and how many requests it takes on one, learned from
 * when it closed some and how long others lived. A request that must not be repeated goes only on connections that are
 * well below: the server's FIN may be on its way already (RFC 9112 section 9.6). Times in milliseconds; `carried`
 * is how many requests a connection had.
 */
export class KeepAliveHabit {
  /** Least and greatest idle time at which it closed a connection. */
  #shortest = Infinity
  #longest = 0
  /** Least number of requests behind which it closed at once, and the greatest number behind which it closed at all. */
  #fewest = Infinity
  #most = 0
  /** Greatest idle time that a connection lived through. */
  #lived = 0
  readonly #outlived = new Set<object>()

  /** The server closed a connection that had waited for `idleMs`. */
  closed(idleMs: number, carried: number): void {
    // One that had none was closed behind no answer.
    if (idleMs < AT_ONCE_MS) this.#fewest = Math.min(this.#fewest, Math.max(carried, 1))
    else this.#shortest = Math.min(this.#shortest, idleMs)
    this.#longest = Math.max(this.#longest, idleMs)
    this.#most = Math.max(this.#most, carried)
    this.#outlived.clear()
  }

  /** `connection`, which has waited for `idleMs`, is still open. */
  lived(connection: object, idleMs: number, carried: number): void {
    if (idleMs > this.#lived) this.#lived = idleMs
    if (this.#shortest === Infinity && this.#fewest === Infinity) return
    if (carried < this.#most || idleMs < Math.max(OUTLIVED_AT_LEAST_MS, 2 * this.#longest)) return
    if (this.#outlived.add(connection).size < OUTLIVED) return
    this.#shortest = this.#fewest = Infinity
    this.#longest = this.#most = 0
    this.#outlived.clear()
  }

  /**
   * Idle time up to which a connection is safe; none is, where it is negative. `announcedMs` is what the server said
   * (`Keep-Alive: timeout`).
   */
  safeMs(announcedMs: number | undefined, carried: number): number {
    if (carried >= this.#fewest) return -1
    const known = Math.min(this.#shortest, announcedMs ?? this.#lived)
    // Nothing says yet that it keeps connections at all.
    const safe = known < AT_ONCE_MS ? -1 : known / 2
    // A server waits for the first request at least.
    return carried === 0 ? Math.max(safe, AT_ONCE_MS) : safe
  }
}
