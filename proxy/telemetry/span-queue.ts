import { Backoff } from '../../core/backoff.ts'
import type { Resource, Span } from '../../core/xds/generated/otlp.js'
import { SCHEMA_URL } from './span.ts'
import { ExportRefused, type Exporter } from './exporter.ts'

const MAX_QUEUED = 4096
const MAX_BATCH = 512
const DELAY_MS = 500

/** Spans on their way out: bounded, in batches, dropped rather than waited for. */
export class SpanQueue {
  dropped = 0
  exported = 0
  readonly #exporter: Exporter
  readonly #resource: Resource
  readonly #backoff = new Backoff({ baseMs: 500, maxMs: 30_000 })
  #queue: Span[] = []
  #timer: NodeJS.Timeout | undefined
  #sending = false

  constructor(exporter: Exporter, resource: Resource) {
    this.#exporter = exporter
    this.#resource = resource
  }

  add(span: Span): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.dropped++
      return
    }
    this.#queue.push(span)
    this.#timer ??= setTimeout(() => void this.flush(), DELAY_MS).unref()
  }

  /** Sends what is queued; resolves when nothing is left or a batch failed. Never rejects. */
  async flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#sending) return
    this.#sending = true
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.slice(0, MAX_BATCH)
        const accepted = await this.#send(batch)
        this.#queue.splice(0, batch.length)
        if (accepted) this.exported += batch.length
        else this.dropped += batch.length
        this.#backoff.reset()
      }
    } catch {
      // The collector is away: what is queued waits, what comes beyond the bound is counted as dropped.
      this.#timer = setTimeout(() => void this.flush(), this.#backoff.next()).unref()
    } finally {
      this.#sending = false
    }
  }

  /** False: the collector does not want this batch, and would not the next time. */
  async #send(spans: readonly Span[]): Promise<boolean> {
    const scopeSpans = [{ scope: { name: 'weft.proxy' }, spans, schemaUrl: SCHEMA_URL }]
    try {
      await this.#exporter.traces({ resourceSpans: [{ resource: this.#resource, scopeSpans }] })
      return true
    } catch (error) {
      if (error instanceof ExportRefused) return false
      throw error
    }
  }
}
