import type { RequestHead } from '../http/message.ts'
import type { ConnectionRecord, HopSpan, RequestRecord, TelemetrySink } from '../exchange/telemetry-sink.ts'
import { AccessLog, type AccessLogMode } from './access-log.ts'
import type { Exporter } from './exporter.ts'
import { metricsRequests } from './metric-push.ts'
import { Metrics } from './metrics.ts'
import { prometheusText } from './prometheus.ts'
import { resourceOf, type ReportingWorkload } from './resource.ts'
import { SpanQueue } from './span-queue.ts'
import { spanOf } from './span.ts'
import { newSpanId, newTraceId, readTrace, writeTrace } from './trace-context.ts'

export interface TelemetryOptions {
  readonly workload: ReportingWorkload
  /** Undefined: spans are not made and metrics not pushed. */
  readonly exporter: Exporter | undefined
  readonly accessLog: AccessLogMode
  /** Where log lines go; standard output unless said otherwise. */
  readonly write?: (text: string) => void
  readonly random?: () => number
  readonly pushMs?: number
  /** Instead of what listeners say: share of undecided requests that begin a trace, 0 to 100. */
  readonly samplingPercent?: number | undefined
}

// What was counted since the last push is lost with a sidecar that is killed.
const PUSH_MS = 1000

/** What the data plane tells, turned into spans, counters and log lines. */
export class Telemetry implements TelemetrySink {
  readonly metrics = new Metrics()
  readonly #log: AccessLog
  readonly #exporter: Exporter | undefined
  readonly #spans: SpanQueue | undefined
  readonly #resource
  readonly #random: () => number
  readonly #samplingPercent: number | undefined
  readonly #timer: NodeJS.Timeout

  constructor(options: TelemetryOptions) {
    this.#resource = resourceOf(options.workload)
    this.#exporter = options.exporter
    this.#spans = options.exporter ? new SpanQueue(options.exporter, this.#resource) : undefined
    this.#log = new AccessLog(options.accessLog, options.write ?? ((text) => void process.stdout.write(text)))
    this.#random = options.random ?? Math.random
    this.#samplingPercent = options.samplingPercent
    this.#timer = setInterval(() => void this.#push(), options.pushMs ?? PUSH_MS)
    this.#timer.unref()
  }

  beginTrace(
    _direction: 'outbound' | 'inbound',
    head: RequestHead,
    samplingPercent: number,
  ): HopSpan | undefined {
    // Nobody would export a span of this hop: what came passes on as it is, and its parent stays the parent.
    if (!this.#exporter) return undefined
    const incoming = readTrace(head)
    const sampled = incoming?.sampled ?? this.#random() * 100 < (this.#samplingPercent ?? samplingPercent)
    const traceId = incoming?.traceId || newTraceId()
    if (!sampled) {
      // Said to the next hop, or each would decide anew and traces would come in pieces. Our own span will not
      // exist, so a parent that came stays the parent.
      writeTrace(head, traceId, incoming?.parentSpanId || newSpanId(), false, incoming)
      return undefined
    }
    const spanId = newSpanId()
    writeTrace(head, traceId, spanId, true, incoming)
    return {
      traceId,
      spanId,
      parentSpanId: incoming?.parentSpanId ?? '',
      traceState: incoming?.traceState ?? '',
    }
  }

  requestStarted(direction: 'outbound' | 'inbound'): void {
    this.metrics.active[direction]++
  }

  requestFinished(record: RequestRecord): void {
    this.metrics.active[record.direction]--
    this.metrics.request(record)
    if (record.span && this.#spans) this.#spans.add(spanOf(record, record.span))
    this.#log.request(record)
  }

  connectionFinished(record: ConnectionRecord): void {
    this.metrics.connection(record)
    this.#log.connection(record)
  }

  count(name: string, by?: number): void {
    this.metrics.count(name, by)
  }

  prometheus(): string {
    const counters = this.metrics.counters
    counters.set('spans_exported', this.#spans?.exported ?? 0)
    counters.set('spans_dropped', this.#spans?.dropped ?? 0)
    return prometheusText(this.metrics)
  }

  /** Sends what is left, within the exporter's own deadline. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#log.flush()
    await Promise.allSettled([this.#spans?.flush(), this.#push()])
    this.#exporter?.close()
  }

  async #push(): Promise<void> {
    const now = Date.now()
    this.metrics.expire(now)
    if (!this.#exporter || this.metrics.requests.size === 0) return
    try {
      for (const request of metricsRequests(this.metrics, this.#resource, now))
        await this.#exporter.metrics(request)
    } catch {
      // Cumulative: the next push says it all.
      this.count('metric_push_failed')
    }
  }
}
