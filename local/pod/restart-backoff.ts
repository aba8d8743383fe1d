const FIRST_MS = 1000
const LONGEST_MS = 30_000
const HEALTHY_MS = 60_000

/**
 * How long a container that ended waits for its next start: not at all the first time, then 1, 2, 4 ... 30 s.
 * A run of a minute clears the record. (Kubernetes waits 10 s to 5 min; one machine is for trying things.)
 */
export class RestartBackoff {
  #failures = 0

  /** Milliseconds to wait after a run of `ranMs`. */
  next(ranMs: number): number {
    if (ranMs >= HEALTHY_MS) this.#failures = 0
    const waitMs = this.#failures === 0 ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#failures - 1))
    this.#failures++
    return waitMs
  }

  reset(): void {
    this.#failures = 0
  }
}
