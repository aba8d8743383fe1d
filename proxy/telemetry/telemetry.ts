import { monotonicClock, type Clock } from '../../core/clock.ts'
import type { MetricFamily } from '../../core/metrics/family.ts'
import { exposition, type Exposition, type ExpositionRequest } from '../../core/metrics/exposition.ts'
import { workloadOfResource } from '../../core/peer-workload.ts'
import type { CounterName, LimitMetricName } from '../model/counters.ts'
import type { RequestHead } from '../http/message.ts'
import type {
  ConnectionRecord,
  HopSpan,
  LimitMetric,
  RequestRecord,
  TelemetrySink,
} from '../exchange/telemetry-sink.ts'
import { AccessLog, type AccessLogMode } from './access-log.ts'
import { countFamilies } from './count-families.ts'
import type { Exporter } from './exporter.ts'
import { flaggerFamilies } from './foreign-names/flagger.ts'
import { istioFamilies } from './foreign-names/istio.ts'
import { LimitMetrics } from './limit-metrics.ts'
import type { MetricNameSet } from '../../core/metrics/name-sets.ts'
import { Metrics } from './metrics.ts'
import type { ObservedCalls } from './observed-calls/observed-calls.ts'
import { ObservedReport } from './observed-calls/observed-report.ts'
import { MetricReport } from './metric-report.ts'
import { otherFamilies, requestFamilies, type OwnWorkload } from './request-families.ts'
import { tcpFamilies } from './tcp-families.ts'
import { resourceOf, type ResourceAttributes } from './resource.ts'
import { SpanQueue } from './span-queue.ts'
import { RefusalSpans } from './refusal-spans.ts'
import { connectionSpanOf, spanOf } from './span.ts'
import { newSpanId, newTraceId, readTrace, writeTrace } from './trace-context.ts'

export interface TelemetryOptions {
  /** Who reports. */
  readonly resource: ResourceAttributes
  /** Undefined: spans are not made and metrics not pushed. */
  readonly exporter: Exporter | undefined
  readonly accessLog: AccessLogMode
  /** Where what came to the pod is kept as evidence for policies, and reported; undefined: nowhere. */
  readonly observed?: ObservedCalls | undefined
  /** Where log lines go; standard output unless said otherwise. */
  readonly write?: (text: string) => void
  readonly random?: () => number
  /** Between two reports of all that is counted. Milliseconds. */
  readonly pushMs?: number
  readonly clock?: Clock
  /** Under whose names Prometheus finds requests; Weft's alone unless said otherwise. */
  readonly metricNames?: ReadonlySet<MetricNameSet> | undefined
  /** Instead of what listeners say: share of undecided requests that begin a trace, 0 to 100. */
  readonly samplingPercent?: number | undefined
}

/** What the data plane tells, turned into spans, counters and log lines. */
export class Telemetry implements TelemetrySink {
  readonly metrics = new Metrics()
  readonly #limits = new LimitMetrics()
  readonly #refusals: RefusalSpans
  readonly #observed: ObservedCalls | undefined
  readonly #observedReport: ObservedReport | undefined
  readonly #log: AccessLog
  readonly #exporter: Exporter | undefined
  readonly #spans: SpanQueue | undefined
  readonly #attributes: ResourceAttributes
  readonly #resource
  readonly #random: () => number
  readonly #samplingPercent: number | undefined
  readonly #clock: Clock
  readonly #report: MetricReport
  readonly #names: ReadonlySet<MetricNameSet>
  readonly #own: OwnWorkload | undefined
  readonly #sources: (() => readonly MetricFamily[])[] = []

  constructor(options: TelemetryOptions) {
    this.#attributes = options.resource
    this.#resource = resourceOf(options.resource)
    this.#exporter = options.exporter
    this.#spans = options.exporter ? new SpanQueue(options.exporter, this.#resource) : undefined
    const write = options.write ?? ((text: string) => void process.stdout.write(text))
    this.#log = new AccessLog(options.accessLog, write, options.resource)
    this.#random = options.random ?? Math.random
    this.#samplingPercent = options.samplingPercent
    this.#clock = options.clock ?? monotonicClock
    this.#names = options.metricNames ?? new Set(['weft'])
    this.#own = ownWorkload(options.resource)
    this.#refusals = new RefusalSpans(this.#clock, () => this.count('refusals_not_reported'))
    this.#observed = options.observed
    this.#observedReport =
      options.observed &&
      options.exporter &&
      new ObservedReport({
        calls: options.observed,
        exporter: options.exporter,
        resource: this.#resource,
        clock: this.#clock,
        now: Date.now,
        failed: () => this.count('metric_push_failed'),
      })
    this.#report = new MetricReport({
      metrics: this.metrics,
      exporter: options.exporter,
      resource: this.#resource,
      own: this.#own,
      others: () => [...otherFamilies(this.metrics, this.#own), ...this.#besideRequests()],
      clock: this.#clock,
      pushMs: options.pushMs,
    })
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

  reference(head: RequestHead | undefined): string {
    return (head && readTrace(head)?.traceId) || newTraceId()
  }

  requestStarted(direction: 'outbound' | 'inbound'): void {
    this.metrics.active[direction]++
  }

  requestAnswered(record: RequestRecord): void {
    this.#observed?.request(record)
  }

  requestFinished(record: RequestRecord): void {
    if (record.direction === 'inbound' && !record.answered) this.#observed?.request(record)
    this.metrics.active[record.direction]--
    this.metrics.request(record)
    this.metrics.decisions.add(record)
    const span = record.span ?? (this.#spans && this.#refusals.spanFor(record))
    if (span && this.#spans) this.#spans.add(spanOf(record, span))
    this.#log.request(record)
    this.#report.counted()
  }

  connectionOpened(record: ConnectionRecord): void {
    this.metrics.tcp.opened(record)
    if (record.direction === 'inbound') this.#observed?.connection(record)
  }

  connectionFinished(record: ConnectionRecord): void {
    if (record.direction === 'inbound' && record.upstream === '') this.#observed?.connection(record)
    this.metrics.connection(record)
    this.metrics.decisions.add(record)
    const span = this.#spans && this.#refusals.spanFor(record)
    if (span) this.#spans?.add(connectionSpanOf(record, span))
    this.#log.connection(record)
  }

  count(name: CounterName, by?: number): void {
    this.metrics.count(name, by)
  }

  limitMetric(name: LimitMetricName, limit: string): LimitMetric {
    return this.#limits.get(name, limit)
  }

  /** What else is told with the metrics, as somebody asks. */
  addMetrics(source: () => readonly MetricFamily[]): void {
    this.#sources.push(source)
  }

  /** All metrics under the names that were chosen. */
  families(): readonly MetricFamily[] {
    const target: MetricFamily = {
      name: 'target',
      unit: '',
      type: 'info',
      help: 'Who reports, as labels (telemetry-names.md).',
      points: [{ attributes: [...this.#attributes], value: 1, since: this.metrics.since }],
    }
    return [
      target,
      ...(this.#names.has('weft') ? requestFamilies(this.metrics, this.#own) : []),
      ...this.#besideRequests(),
      ...(this.#names.has('istio') ? istioFamilies(this.metrics, this.#own) : []),
      ...(this.#names.has('flagger') ? flaggerFamilies(this.metrics, this.#own) : []),
    ]
  }

  /** The same as Prometheus asks for them. */
  exposition(request: ExpositionRequest): Exposition {
    if (request.format === 'protobuf') this.metrics.countNative()
    return exposition(this.families(), request)
  }

  /** Sends what is left, within the exporter's own deadline. Never rejects. */
  async close(): Promise<void> {
    this.#log.flush()
    await Promise.allSettled([this.#spans?.flush(), this.#report.close(), this.#observedReport?.close()])
    this.#exporter?.close()
  }

  #besideRequests(): readonly MetricFamily[] {
    const { counters, tcp } = this.metrics
    if (this.#spans) {
      counters.set('spans_exported', this.#spans.exported)
      counters.set('spans_dropped', this.#spans.dropped)
    }
    return [
      ...tcpFamilies(tcp, this.#own),
      ...countFamilies(this.metrics, this.#limits.samples()),
      ...this.#sources.flatMap((source) => source()),
    ]
  }
}

/** As metrics say which end is this one; undefined of a proxy that runs for no pod. */
function ownWorkload(resource: ResourceAttributes): OwnWorkload | undefined {
  const workload = workloadOfResource(resource)
  if (!workload) return undefined
  const namespace = resource.get('k8s.namespace.name') ?? ''
  return { ...workload, namespace, pod: resource.get('k8s.pod.name') ?? '' }
}
