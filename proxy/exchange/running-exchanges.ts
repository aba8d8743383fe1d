import type { RunningExchange } from './dependencies.ts'

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
