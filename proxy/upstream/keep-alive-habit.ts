/** Until something is known of a server: none in use closes what waited for a shorter time. */
const UNKNOWN_MS = 500
/** A habit is forgotten when so many connections outlived it by far: a crash or a restart looked like one. */
const OUTLIVED = 8
const OUTLIVED_AT_LEAST_MS = 1000

/**
 * How long a server lets a connection wait between two requests, learned from when it closed some and how long others
 * lived. A request that must not be repeated goes only on connections that are well below: the server's FIN may be on
 * its way already (RFC 9112 section 9.6). Times in milliseconds.
 */
export class KeepAliveHabit {
  /** Least and greatest idle time at which it closed a connection. */
  #shortest = Infinity
  #longest = 0
  /** Greatest idle time that a connection lived through. */
  #lived = 0
  #outlived = 0

  /** The server closed a connection that had waited for `idleMs`. */
  closed(idleMs: number): void {
    this.#shortest = Math.min(this.#shortest, idleMs)
    this.#longest = Math.max(this.#longest, idleMs)
    this.#outlived = 0
  }

  /** A connection that has waited for `idleMs` is still open. */
  lived(idleMs: number): void {
    if (idleMs > this.#lived) this.#lived = idleMs
    if (this.#shortest === Infinity || idleMs < Math.max(OUTLIVED_AT_LEAST_MS, 2 * this.#longest)) return
    if (++this.#outlived < OUTLIVED) return
    this.#shortest = Infinity
    this.#longest = this.#outlived = 0
  }

  /** Idle time up to which a connection is safe; `announcedMs` is what the server said (`Keep-Alive: timeout`). */
  safeMs(announcedMs: number | undefined): number {
    const believed = announcedMs ?? Math.max(2 * UNKNOWN_MS, this.#lived)
    return Math.min(this.#shortest, believed) / 2
  }
}
