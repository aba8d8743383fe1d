import { Backoff } from '../../core/backoff.ts'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import { KubernetesError } from '../kubernetes/api-error.ts'

export interface WorkQueueOptions {
  /** For messages, e.g. `trust bundle`. */
  readonly what: string
  /** Makes one thing as it should be, and does nothing where it is. Throws what shall be tried again. */
  readonly reconcile: (key: string) => Promise<void>
  /** Nothing is worked on while this is false; it is asked before each. */
  readonly mayWrite: () => boolean
  readonly log: Logger
  readonly clock?: Clock
  readonly parallel?: number
  readonly retry?: { readonly baseMs: number; readonly maxMs: number }
}

/** Keys whose things may not be as they should be: each is worked on by one at a time, and again until that succeeds. */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #clock: Clock
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  /** Asked for while they were worked on. */
  readonly #again = new Set<string>()
  readonly #failed = new Map<string, { readonly backoff: Backoff; cancel: () => void }>()
  #stopped = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  add(key: string): void {
    if (this.#stopped) return
    this.#failed.get(key)?.cancel()
    if (this.#running.has(key)) this.#again.add(key)
    else this.#waiting.add(key)
    this.#next()
  }

  /** Forgets what waits; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const { cancel } of this.#failed.values()) cancel()
    this.#waiting.clear()
    await Promise.all(this.#running.values())
  }

  #next(): void {
    const { parallel = 4, mayWrite } = this.#options
    for (const key of this.#waiting) {
      if (this.#stopped || this.#running.size >= parallel) return
      this.#waiting.delete(key)
      this.#running.set(key, mayWrite() ? this.#work(key) : this.#later(key))
    }
  }

  async #work(key: string): Promise<void> {
    try {
      await this.#options.reconcile(key)
      this.#failed.delete(key)
    } catch (error) {
      this.#retry(key, error)
    }
    this.#done(key)
  }

  /** A leader that cannot tell whether it still is one: it knows soon. */
  async #later(key: string): Promise<void> {
    await Promise.resolve()
    this.#retry(key, undefined)
    this.#done(key)
  }

  #done(key: string): void {
    this.#running.delete(key)
    if (this.#again.delete(key)) this.add(key)
    this.#next()
  }

  #retry(key: string, error: unknown): void {
    if (this.#stopped) return
    const { what, log, retry = { baseMs: 200, maxMs: 30_000 } } = this.#options
    const entry = this.#failed.get(key) ?? { backoff: new Backoff(retry), cancel: () => {} }
    this.#failed.set(key, entry)
    // Somebody else was faster: what they wrote is looked at.
    const conflict = error instanceof KubernetesError && error.status === 409
    if (error !== undefined && !conflict)
      log.warn(`${what} could not be written; it is tried again`, { key, reason: describeError(error) })
    entry.cancel = this.#clock.after(entry.backoff.next(), () => this.add(key))
  }
}
