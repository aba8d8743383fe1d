import type { Clock } from '../../core/clock.ts'

/** How an endpoint of a replay behaves. */
export interface Behaviour {
  /** What its work takes, times the request's own. */
  readonly slowdown: number
  /** It answers 500 instead, after 1 ms. */
  readonly fails: boolean
  /** It stands still for so long, again and again; 0: it does not. Milliseconds. */
  readonly stallMs: number
  /** From the end of a stall to the next one. */
  readonly untilStallMs: () => number
}

const FAILS_AFTER_MS = 1

interface Work {
  readonly ms: number
  readonly done: (status: number) => void
}

/** A server on the virtual clock: some requests at once, the others wait in its queue. */
export class Server {
  readonly #clock: Clock
  readonly #behaviour: Behaviour
  readonly #queue: Work[] = []
  #free: number
  #stalledUntil = 0

  constructor(clock: Clock, workers: number, behaviour: Behaviour, endsAt: number) {
    this.#clock = clock
    this.#free = workers
    this.#behaviour = behaviour
    const stall = (): void => {
      if (clock.now() > endsAt) return
      this.#stalledUntil = clock.now() + behaviour.stallMs
      clock.after(behaviour.stallMs + behaviour.untilStallMs(), stall)
    }
    if (behaviour.stallMs > 0) clock.after(behaviour.untilStallMs(), stall)
  }

  /** `workMs`: what it takes a server without faults that has nothing else to do. */
  request(workMs: number, done: (status: number) => void): void {
    if (this.#behaviour.fails) {
      this.#clock.after(FAILS_AFTER_MS, () => done(500))
      return
    }
    this.#queue.push({ ms: workMs * this.#behaviour.slowdown, done })
    this.#next()
  }

  #next(): void {
    if (this.#free === 0) return
    const work = this.#queue.shift()
    if (!work) return
    this.#free--
    this.#clock.after(work.ms, () => this.#finish(work))
  }

  /** What would be done while it stands still is done when it goes on. */
  #finish(work: Work): void {
    const left = this.#stalledUntil - this.#clock.now()
    if (left > 0) {
      this.#clock.after(left, () => this.#finish(work))
      return
    }
    this.#free++
    work.done(200)
    this.#next()
  }
}
