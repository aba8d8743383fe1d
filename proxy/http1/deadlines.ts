import type { Clock } from '../../core/clock.ts'
import { monotonicClock } from '../../core/clock.ts'

const TICK_MS = 250

/** Something that may run out of time. Setting `deadline` costs one store: no timer is made for a request. */
export interface Perishable {
  /** In the clock of `Deadlines.now`; Infinity: none. */
  deadline: number
  /** Once per deadline, up to a tick late. */
  onDeadline(): void
}

/** One ticking timer for every connection; it rests while there is none. */
export class Deadlines {
  /** Time as of the last tick, milliseconds: free to read, at most a tick old. */
  now: number
  readonly #clock: Clock
  readonly #items = new Set<Perishable>()
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.now = clock.now()
  }

  add(item: Perishable): void {
    this.#items.add(item)
    if (this.#cancel) return
    this.now = this.#clock.now()
    this.#cancel = this.#clock.after(TICK_MS, () => this.#tick())
  }

  remove(item: Perishable): void {
    this.#items.delete(item)
    if (this.#items.size > 0 || !this.#cancel) return
    this.#cancel()
    this.#cancel = undefined
  }

  #tick(): void {
    this.now = this.#clock.now()
    for (const item of this.#items) {
      if (this.now < item.deadline) continue
      item.deadline = Infinity
      item.onDeadline()
    }
    this.#cancel = this.#items.size > 0 ? this.#clock.after(TICK_MS, () => this.#tick()) : undefined
  }
}

export const systemDeadlines = new Deadlines(monotonicClock)
