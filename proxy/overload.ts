const PROBE_MS = 100
/** Requests are turned away while the loop answers this much too late. Milliseconds. */
const SHED_ABOVE_MS = 1000
/** Once may be a machine that was busy with something else. */
const LATE_PROBES = 2

/** Whether the event loop is so far behind that taking more work would only make all of it late. */
export class LoopLag {
  overloaded = false
  #expected = performance.now() + PROBE_MS
  #late = 0
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#late = now - this.#expected > SHED_ABOVE_MS ? this.#late + 1 : 0
      this.overloaded = this.#late >= LATE_PROBES
      this.#expected = now + PROBE_MS
    }, PROBE_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
