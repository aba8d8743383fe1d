import { Backoff } from '../../core/backoff.ts'
import type { Clock } from '../../core/clock.ts'
import { WeftError } from '../../core/errors.ts'

interface Failing {
  readonly backoff: Backoff
  readonly error: WeftError
  readonly until: number
}

const BACKOFF = { baseMs: 1000, maxMs: 5 * 60_000 }
/** The oldest gives way. */
const MOST = 10_000
/** Who has not come again for so long after its time does not wait any more. Milliseconds. */
const GONE_MS = 10 * 60_000

/** Callers whose own requests fail: each is kept from asking again for longer and longer, and nobody else is. */
export class CallerBackoff {
  readonly #clock: Clock
  readonly #random: () => number
  readonly #failing = new Map<string, Failing>()

  constructor({ clock, random }: { clock: Clock; random: () => number }) {
    this.#clock = clock
    this.#random = random
  }

  /** How many fail, without those that are gone. */
  get waiting(): number {
    const gone = this.#clock.now() - GONE_MS
    for (const [caller, { until }] of this.#failing) if (until < gone) this.#failing.delete(caller)
    return this.#failing.size
  }

  /** Milliseconds until this caller may ask again. */
  failed(caller: string, error: WeftError): number {
    const backoff = this.#failing.get(caller)?.backoff ?? new Backoff({ ...BACKOFF, random: this.#random })
    const wait = backoff.next()
    this.#failing.delete(caller)
    this.#failing.set(caller, { backoff, error, until: this.#clock.now() + wait })
    const [oldest] = this.#failing.keys()
    if (this.#failing.size > MOST && oldest !== undefined) this.#failing.delete(oldest)
    return wait
  }

  worked(caller: string): void {
    this.#failing.delete(caller)
  }

  /** Throws what its last request ended with while it has to wait. */
  require(caller: string): void {
    const failing = this.#failing.get(caller)
    if (!failing) return
    const wait = failing.until - this.#clock.now()
    if (wait <= 0) return
    const { code, message, field } = failing.error
    throw new WeftError(code, `${message} (it is asked again in ${Math.ceil(wait / 1000)} s)`, {
      ...(field !== undefined && { field }),
      cause: failing.error,
    })
  }
}
