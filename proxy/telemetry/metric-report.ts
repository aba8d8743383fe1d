import type { Clock } from '../../core/clock.ts'
import type { MetricFamily } from '../../core/metrics/family.ts'
import { otlpRequests } from '../../core/metrics/otlp.ts'
import type { Resource } from '../../core/xds/generated/otlp.js'
import type { Exporter } from './exporter.ts'
import type { Metrics } from './metrics.ts'
import { durationFamilies, type OwnWorkload } from './request-families.ts'
import type { RequestSeries } from './request-series.ts'

// What was counted since the last push is lost with a sidecar that is killed: what is new is told between two whole
// reports as well, a tenth of their interval after the first of it, half of it after the last report.
const PUSH_MS = 1000
/** All but the durations of requests, which nothing waits for, is told each so many reports. */
const OTHERS_EVERY = 15
/**
 * A control plane takes what all sidecars tell: one of 500 has some 120 series. Who has more than these tells nothing between
 * reports, and of most reports what has changed alone.
 */
const MOST_WHOLE = 50
/** And all of them each so many reports, for a control plane that has begun since. */
const WHOLE_EVERY = 5

export interface MetricReportOptions {
  readonly metrics: Metrics
  /** Undefined: nothing is told. */
  readonly exporter: Exporter | undefined
  readonly resource: Resource
  readonly own: OwnWorkload | undefined
  /** What is told with each report: little, and nothing while all is well. */
  readonly prompt: () => readonly MetricFamily[]
  /** All else. */
  readonly others: () => readonly MetricFamily[]
  readonly clock: Clock
  /** Between two reports of all durations. Milliseconds. */
  readonly pushMs?: number | undefined
}

/** Tells a collector what is counted, again and again. */
export class MetricReport {
  readonly #options: MetricReportOptions
  readonly #pushMs: number
  #pushedAt: number
  #reports = 0
  /** What was told last did not arrive, or not all of it: the next report is whole. */
  #missing = false
  /** One report after the other: cumulative counts must not overtake each other. */
  #sent: Promise<void> = Promise.resolve()
  #sending = false
  #cancelPush: () => void = () => {}
  #cancelEarly: (() => void) | undefined

  constructor(options: MetricReportOptions) {
    this.#options = options
    this.#pushMs = options.pushMs ?? PUSH_MS
    this.#pushedAt = options.clock.now()
    this.#repeat()
  }

  /** A request was counted: it is told soon. */
  counted(): void {
    if (this.#cancelEarly === undefined && this.#options.exporter) this.#awaitEarly()
  }

  /** Tells all that there is, once more, and no more after that. Never rejects. */
  close(): Promise<void> {
    this.#cancelPush()
    return this.#pushAll(true)
  }

  #repeat(): void {
    const { clock, metrics } = this.#options
    this.#cancelPush = clock.after(this.#pushMs, () => {
      this.#repeat()
      const changed = [...metrics.requests].filter((series) => series.used)
      // It says of each whether it was used since here.
      metrics.expire(Date.now())
      if (this.#sending) {
        this.#missing = true
        return
      }
      const report = this.#reports++
      const whole = this.#missing || metrics.requests.size <= MOST_WHOLE || report % WHOLE_EVERY === 0
      this.#missing = false
      void (whole
        ? this.#pushAll(report % OTHERS_EVERY === 0)
        : this.#push(changed, report % OTHERS_EVERY === 0, true))
    })
  }

  #pushAll(others: boolean): Promise<void> {
    return this.#push([...this.#options.metrics.requests], others, true)
  }

  #awaitEarly(): void {
    const { clock, metrics } = this.#options
    const waitMs = this.#pushedAt + this.#pushMs / 2 - clock.now()
    this.#cancelEarly = clock.after(Math.max(this.#pushMs / 10, waitMs), () => {
      this.#cancelEarly = undefined
      if (metrics.requests.size > MOST_WHOLE || this.#sending) return
      void this.#push(
        [...metrics.requests].filter((series) => series.used),
        false,
        false,
      )
    })
  }

  #push(series: readonly RequestSeries[], others: boolean, prompt: boolean): Promise<void> {
    this.#cancelEarly?.()
    this.#cancelEarly = undefined
    this.#pushedAt = this.#options.clock.now()
    this.#sent = this.#sent.then(() => this.#send(series, others, prompt))
    return this.#sent
  }

  async #send(series: readonly RequestSeries[], withOthers: boolean, withPrompt: boolean): Promise<void> {
    const { exporter, metrics, others, own, prompt, resource } = this.#options
    if (!exporter) return
    this.#sending = true
    const families = [
      ...durationFamilies(series, own),
      ...(withPrompt ? prompt() : []),
      ...(withOthers ? others() : []),
    ]
    const now = Date.now()
    // A trace that was told twice is told; one between two reports would be missed by a closer look.
    const exemplarsSince = now - 2 * this.#pushMs
    try {
      for (const request of otlpRequests(families, { resource, scope: 'weft.proxy', now, exemplarsSince }))
        await exporter.metrics(request)
    } catch {
      // Cumulative: the next push says it all.
      this.#missing = true
      metrics.count('metric_push_failed')
    } finally {
      this.#sending = false
    }
  }
}
