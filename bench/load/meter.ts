import { cpuMicroseconds, memoryOf, type Memory } from '../../e2e/programs/process-usage.ts'
import { stolenTicks, TICKS_A_SECOND } from '../measure/steal.ts'
import { Histogram } from './histogram.ts'

/** What happened between two readings. */
export interface RunResult {
  /** Exchanges; a part of one counts by its bytes, so that long answers need no whole number. */
  readonly requests: number
  readonly seconds: number
  /** Of all watched processes together. */
  readonly cpuMicroseconds: number
  /** Share of the window, 0 to 1, in which the machine below took the proxies' CPU away. */
  readonly stolen: number
  readonly p50Us: number
  readonly p99Us: number
  /** Of each proxy, while all connections are open. */
  readonly memory: readonly Memory[]
}

/** Process ids of each proxy. */
export type Watched = readonly (readonly number[])[]

/** Counts what the callers of one turn complete, and stops everything at the first wrong answer. */
export class Meter {
  readonly #latencies = new Histogram()
  /** Bytes of body that one exchange brings. */
  readonly #size: number
  readonly #fail: (error: Error) => void
  #bytes = 0
  #began = 0
  #cpuBefore = 0
  #cpu: number | undefined
  #stolenBefore = 0
  stopped = false
  /** Callers that have had no answer yet: the window waits for them. */
  waiting = 0

  constructor(size: number, fail: (error: Error) => void) {
    this.#size = size
    this.#fail = fail
  }

  /** Bytes of body that came, verified as part of an answer. */
  received(bytes: number): void {
    this.#bytes += bytes
  }

  /** An exchange ended that took so many milliseconds; `first`: its caller's first. */
  finished(ms: number, first: boolean): void {
    if (first) this.waiting--
    this.#latencies.add(ms)
  }

  wrong(what: string): void {
    if (this.stopped) return
    this.stopped = true
    this.#fail(new Error(what))
  }

  open(proxies: Watched, cpu: number | undefined): void {
    this.#latencies.reset()
    this.#bytes = 0
    this.#cpu = cpu
    this.#stolenBefore = stolenTicks(cpu)
    this.#cpuBefore = cpuMicroseconds(proxies.flat())
    this.#began = performance.now()
  }

  close(proxies: Watched): RunResult {
    const requests = this.#bytes / this.#size
    const seconds = (performance.now() - this.#began) / 1000
    return {
      requests,
      seconds,
      cpuMicroseconds: cpuMicroseconds(proxies.flat()) - this.#cpuBefore,
      stolen: (stolenTicks(this.#cpu) - this.#stolenBefore) / TICKS_A_SECOND / seconds,
      p50Us: this.#latencies.quantile(0.5),
      p99Us: this.#latencies.quantile(0.99),
      memory: proxies.map(memoryOf),
    }
  }
}
