import { Backoff } from '../../core/backoff.ts'
import { ExportDelayed, ExportRefused } from './exporter.ts'

const MAX_QUEUED = 4096
const MAX_BATCH = 512
const DELAY_MS = 500
/** A collector may say when to come again; who stays away for longer than this loses more than it spares. */
const LONGEST_DELAY_MS = 60_000

/**
 * Spans or log records on their way out: bounded, in batches, dropped rather than waited for. `send` rejects where a batch did
 * not arrive.
 */
export class ExportQueue<T> {
  dropped = 0
  exported = 0
  readonly #send: (batch: readonly T[]) => Promise<void>
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 30_000 })
  #queue: T[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined

  constructor(send: (batch: readonly T[]) => Promise<void>) {
    this.#send = send
  }

  add(one: T): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.dropped++
      return
    }
    this.#queue.push(one)
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS).unref()
  }

  /** Sends what is queued; resolves when nothing is left or a batch failed. Never rejects. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    // Set back outside of #sendAll: with nothing to send that ends before it is assigned here, and would count as running for ever.
    return (this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
    }))
  }

  async #sendAll(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.slice(0, MAX_BATCH)
        const rejected = await this.#rejectedOf(batch)
        this.#queue.splice(0, batch.length)
        this.exported += batch.length - rejected
        this.dropped += rejected
        this.#backoff.reset()
      }
    } catch (error) {
      // The collector is away: what is queued waits, what comes beyond the bound is counted as dropped.
      const asked = error instanceof ExportDelayed ? Math.min(error.delayMs, LONGEST_DELAY_MS) : 0
      this.#timer = setTimeout(() => void this.flush(), Math.max(asked, this.#backoff.next())).unref()
    }
  }

  /** How many of them the collector does not want, and would not the next time. */
  async #rejectedOf(batch: readonly T[]): Promise<number> {
    try {
      await this.#send(batch)
      return 0
    } catch (error) {
      if (!(error instanceof ExportRefused)) throw error
      return Math.min(error.rejected ?? batch.length, batch.length)
    }
  }
}
