const PROBE_MS = 100
/** Requests are turned away while the loop answers this much too late. Milliseconds. */
const SHED_ABOVE_MS = 1000
/** Once may be a machine that was busy with something else. */
const LATE_PROBES = 2

/** Whether the event loop is so far behind that taking more work would only make all of it late. */
export class LoopLag {
  overloaded = false
  readonly #now: () => number
  #expected: number
  #late = 0
  readonly #timer: NodeJS.Timeout

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#expected = now() + PROBE_MS
    this.#timer = setInterval(() => this.probe(), PROBE_MS)
    this.#timer.unref()
  }

  probe(): void {
    const now = this.#now()
    this.#late = now - this.#expected > SHED_ABOVE_MS ? this.#late + 1 : 0
    this.overloaded = this.#late >= LATE_PROBES
    this.#expected = now + PROBE_MS
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
