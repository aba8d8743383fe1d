/** One request, for those who look after all of them. */
export interface RunningExchange {
  /** Among all of them, which alone read and write it. */
  place: number
  /** Its answer has begun. */
  readonly answering: boolean
  /** Ends it if neither side moved for longer than its listener allows. `nowMs`: on the clock. */
  idleCheck(nowMs: number): void
  /** Ends it if those who decide who may are others by now, and refuse it. */
  reauthorize(): void
}

/**
 * The exchanges that run now, in no order. An exchange knows its place, and the last one takes that of one that goes. It is no
 * Set, for the reason that no table of streams is a Map (http2/stream-table.ts).
 */
export class RunningExchanges {
  readonly #all: RunningExchange[] = []

  get size(): number {
    return this.#all.length
  }

  add(exchange: RunningExchange): void {
    exchange.place = this.#all.length
    this.#all.push(exchange)
  }

  /** One that was added, once. */
  delete({ place }: RunningExchange): void {
    const last = this.#all.pop()
    if (!last || last.place === place) return
    this.#all[place] = last
    last.place = place
  }

  /** Of those that run now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): Iterator<RunningExchange> {
    return [...this.#all].values()
  }
}
