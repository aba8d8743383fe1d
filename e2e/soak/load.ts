import { describeError } from '../../core/errors.ts'
import type { Operation } from './operations.ts'

const TICK_MS = 10
/** Operations at once while full load is measured. */
const FULL = 64
/** A pair that is behind gets no more than this at once. */
const MOST = 512

/** Runs operations in turns, as fast as they go or at a rate, and counts what came of them. */
export class Load {
  readonly done = new Map<string, number>()
  readonly failed = new Map<string, number>()
  /** The first reasons. */
  readonly reasons: string[] = []
  running = 0
  readonly #operations: readonly (readonly [string, Operation])[]
  #next = 0

  constructor(operations: ReadonlyMap<string, Operation>) {
    this.#operations = [...operations]
  }

  get total(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0)
  }

  get failures(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Operations a second that go through when many run at once, all the time. */
  async full(seconds: number): Promise<number> {
    const before = this.total
    const startedAt = performance.now()
    const until = startedAt + seconds * 1000
    await Promise.all(
      Array.from({ length: FULL }, async () => {
        while (performance.now() < until) await this.#one()
      }),
    )
    return ((this.total - before) * 1000) / (performance.now() - startedAt)
  }

  /** Begins `rate` operations a second, whether those before have ended or not. */
  async steady(rate: number, seconds: number, stopped: AbortSignal): Promise<void> {
    const startedAt = performance.now()
    let begun = 0
    while (!stopped.aborted) {
      const elapsed = performance.now() - startedAt
      if (elapsed > seconds * 1000) break
      for (const due = (elapsed * rate) / 1000; begun < due; begun++)
        if (this.running < MOST) void this.#one()
      await new Promise((resolve) => setTimeout(resolve, TICK_MS))
    }
    while (this.running > 0) await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }

  async #one(): Promise<void> {
    const [name, operation] = this.#operations[this.#next++ % this.#operations.length] as [string, Operation]
    this.running++
    try {
      await operation()
      this.done.set(name, (this.done.get(name) ?? 0) + 1)
    } catch (error) {
      this.failed.set(name, (this.failed.get(name) ?? 0) + 1)
      if (this.reasons.length < 10) this.reasons.push(`${name}: ${describeError(error)}`)
    }
    this.running--
  }
}
