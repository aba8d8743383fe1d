import type { ManualClock } from '../../../core/clock.ts'
import type { RequestHead } from '../../http/message.ts'
import { seeded } from '../../testing/seeded-random.ts'
import type { AdaptiveConcurrencyStep } from '../http/adaptive-concurrency.ts'
import { headOf, HOP } from './requests.ts'

export interface SimulatedServer {
  /** Requests that it works on at once; others queue, first come first served. */
  readonly workers: number
  /** How long it works on one, without its queue, in milliseconds. */
  readonly serviceMs: () => number
  /** How long a caller waits for its answer. */
  readonly patienceMs: number
}

export interface Load {
  readonly requestsPerSecond: number
  readonly forMs: number
  /** Fields of the n-th request. */
  readonly fields?: (n: number) => string[]
}

export interface Served {
  /** Answers within the time that their callers give them, and all of them. */
  inTime: number
  answered: number
  refused: number
  /** Refused, by the value of `x-priority`. */
  readonly refusedBy: Record<string, number>
  latencies: number[]
}

/** Sends requests at random times through the step to a server with a queue, on a clock that it moves. */
export class Simulation {
  readonly #clock: ManualClock
  readonly #step: AdaptiveConcurrencyStep
  readonly #random = seeded(42)
  readonly #queue: { head: RequestHead; arrivedAt: number }[] = []
  #busy = 0
  #served = newServed()
  server: SimulatedServer

  constructor(clock: ManualClock, step: AdaptiveConcurrencyStep, server: SimulatedServer) {
    this.#clock = clock
    this.#step = step
    this.server = server
  }

  /** What became of the requests that were answered or refused in this time. */
  run({ requestsPerSecond, forMs, fields = () => [] }: Load): Served {
    this.#served = newServed()
    const end = this.#clock.now() + forMs
    let n = 0
    const arrive = (): void => {
      this.#arrive(headOf('/', fields(n++)))
      const gapMs = (-Math.log(1 - this.#random()) * 1000) / requestsPerSecond
      if (this.#clock.now() + gapMs < end) this.#clock.after(gapMs, arrive)
    }
    this.#clock.after(0, arrive)
    this.#clock.advance(forMs)
    return this.#served
  }

  #arrive(head: RequestHead): void {
    if (this.#step.decide(HOP, head)) {
      this.#served.refused++
      const priority = head.fields[1] ?? ''
      this.#served.refusedBy[priority] = (this.#served.refusedBy[priority] ?? 0) + 1
      return
    }
    this.#queue.push({ head, arrivedAt: this.#clock.now() })
    this.#work()
  }

  #work(): void {
    while (this.#busy < this.server.workers) {
      const request = this.#queue.shift()
      if (!request) return
      this.#busy++
      this.#clock.after(this.server.serviceMs(), () => {
        this.#busy--
        const latency = this.#clock.now() - request.arrivedAt
        this.#served.answered++
        this.#served.latencies.push(latency)
        if (latency <= this.server.patienceMs) this.#served.inTime++
        this.#step.answered(request.head, { status: 200, fields: [] }, request.arrivedAt)
        this.#step.finished(request.head)
        this.#work()
      })
    }
  }
}

function newServed(): Served {
  return { inTime: 0, answered: 0, refused: 0, refusedBy: {}, latencies: [] }
}
