import { monotonicClock, type Clock } from '../../core/clock.ts'
import type { MetricFamily } from '../../core/metrics/family.ts'
import { exposition, type Exposition, type ExpositionRequest } from '../../core/metrics/exposition.ts'
import { workloadOfResource } from '../../core/peer-workload.ts'
import type { CounterName, LimitMetricName } from '../model/counters.ts'
import type { LogRecord, Resource } from '../../core/xds/generated/otlp.js'
import type { RequestHead } from '../http/message.ts'
import type {
  ConnectionRecord,
  HopSpan,
  LimitMetric,
  RequestRecord,
  TelemetrySink,
  TraceStart,
  TryRecord,
} from '../exchange/telemetry-sink.ts'
import type { LogMode, TelemetrySettings } from '../../core/telemetry-settings.ts'
import { AccessLog } from './access-log.ts'
import { countFamilies } from './count-families.ts'
import type { Exporter } from './exporter.ts'
import { flaggerFamilies } from './foreign-names/flagger.ts'
import { istioFamilies } from './foreign-names/istio.ts'
import { logRecordOf } from './log-records.ts'
import { LimitMetrics } from './limit-metrics.ts'
import type { MetricNameSet } from '../../core/metrics/name-sets.ts'
import { Metrics } from './metrics.ts'
import type { ObservedCalls } from './observed-calls/observed-calls.ts'
import { ObservedReport } from './observed-calls/observed-report.ts'
import { MetricReport } from './metric-report.ts'
import { otherFamilies, requestFamilies, type OwnWorkload } from './request-families.ts'
import { tcpFamilies } from './tcp-families.ts'
import { resourceOf, type ResourceAttributes } from './resource.ts'
import { ExportQueue } from './export-queue.ts'
import { requestIdOf } from './attributes.ts'
import { KEPT_DEFAULTS, KeptSpans, type KeptSettings } from './kept-spans.ts'
import { SCHEMA_URL, SpanWriter } from './span.ts'
import type { RequestListener } from './taps/taps.ts'
import { traceRequests } from './trace-request.ts'
import { newSpanId, newTraceId, readTrace, writeTrace, writeTry } from './trace-context.ts'

export interface TelemetryOptions {
  /** Who reports. */
  readonly resource: ResourceAttributes
  /** Undefined: spans are not made and metrics not pushed. */
  readonly exporter: Exporter | undefined
  readonly accessLog: LogMode
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
  /** What is told of requests that are not sampled. */
  readonly kept?: KeptSettings | undefined
}

/** What the data plane tells, turned into spans, counters and log lines. */
export class Telemetry implements TelemetrySink {
  readonly metrics = new Metrics()
  /** Hears of each request that is over; undefined: nobody taps. */
  tap: RequestListener | undefined
  readonly #limits = new LimitMetrics()
  readonly #kept: KeptSpans
  readonly #observed: ObservedCalls | undefined
  readonly #observedReport: ObservedReport | undefined
  readonly #log: AccessLog
  /** Of lines that go to the collector, too. Undefined: it takes none. */
  readonly #logRecords: ExportQueue<LogRecord> | undefined
  #exportsLog = false
  readonly #options: TelemetryOptions
  readonly #exporter: Exporter | undefined
  readonly #spans: ExportQueue<Uint8Array> | undefined
  readonly #writer = new SpanWriter()
  readonly #attributes: ResourceAttributes
  readonly #resource
  readonly #random: () => number
  #samplingPercent: number | undefined
  readonly #clock: Clock
  readonly #report: MetricReport
  readonly #names: ReadonlySet<MetricNameSet>
  readonly #own: OwnWorkload | undefined
  readonly #sources: (() => readonly MetricFamily[])[] = []
  readonly #promptSources: (() => readonly MetricFamily[])[] = []

  constructor(options: TelemetryOptions) {
    this.#options = options
    this.#attributes = options.resource
    this.#resource = resourceOf(options.resource)
    this.#exporter = options.exporter
    this.#spans = options.exporter && spanQueue(options.exporter, this.#resource)
    this.#logRecords = options.exporter && logQueue(options.exporter, this.#resource)
    const write = options.write ?? ((text: string) => void process.stdout.write(text))
    this.#random = options.random ?? Math.random
    this.#log = new AccessLog({
      settings: { mode: options.accessLog, filter: undefined, sampling: 1 },
      write,
      resource: options.resource,
      random: this.#random,
      told: (line, endedMs, failed) => {
        if (this.#exportsLog) this.#logRecords?.add(logRecordOf(line, endedMs, failed))
      },
    })
    this.#samplingPercent = options.samplingPercent
    this.#clock = options.clock ?? monotonicClock
    this.#names = options.metricNames ?? new Set(['weft'])
    this.#own = ownWorkload(options.resource)
    this.#kept = new KeptSpans(this.#clock, options.kept ?? KEPT_DEFAULTS, {
      refused: () => this.count('refusals_not_reported'),
      kept: () => this.count('spans_not_kept'),
    })
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
      prompt: () => this.#promptSources.flatMap((source) => source()),
      others: () => [...otherFamilies(this.metrics, this.#own), ...this.#besideRequests()],
      clock: this.#clock,
      pushMs: options.pushMs,
    })
  }

  /** What is said of this sidecar by its pod and namespace, from now on; a flag of the command goes before that. */
  configure(settings: TelemetrySettings): void {
    const { accessLog, kept = KEPT_DEFAULTS, samplingPercent } = this.#options
    const sampling = settings['trace-sampling']
    this.#samplingPercent = samplingPercent ?? (sampling === undefined ? undefined : sampling * 100)
    this.#kept.settings = {
      aSecond: settings['trace-kept'] ?? kept.aSecond,
      slowMs: settings['trace-slow'] ?? kept.slowMs,
    }
    this.#log.settings = {
      mode: settings['access-log'] ?? accessLog,
      filter: settings['access-log-filter'],
      sampling: settings['access-log-sampling'] ?? 1,
    }
    this.#exportsLog = settings['access-log-otlp'] ?? false
  }

  beginTrace(record: TraceStart, head: RequestHead, samplingPercent: number): void {
    // Nobody would export a span of this hop: what came passes on as it is, and its parent stays the parent.
    if (!this.#exporter) return
    const incoming = readTrace(head)
    const sampled = incoming?.sampled ?? this.#random() * 100 < (this.#samplingPercent ?? samplingPercent)
    const traceId = incoming?.traceId || newTraceId()
    const continued = incoming !== undefined && incoming.parentSpanId !== ''
    record.trace = continued ? 'continued' : 'began'
    if (!sampled) {
      // Said to the next hop, or each would decide anew and traces would come in pieces. Our own span will not
      // exist unless it is kept, so a parent that came stays the parent.
      writeTrace(head, traceId, continued ? incoming.parentSpanId : newSpanId(), false, incoming)
      return
    }
    const spanId = newSpanId()
    writeTrace(head, traceId, spanId, true, incoming)
    record.span = {
      traceId,
      spanId,
      manySpanId: newSpanId(),
      parentSpanId: incoming?.parentSpanId ?? '',
      traceState: incoming?.traceState ?? '',
      kept: undefined,
    }
  }

  trySpanId(): string {
    return newSpanId()
  }

  writeTry(head: RequestHead, span: HopSpan, spanId: string): void {
    writeTry(head, spanId, span.manySpanId)
  }

  mirrorFinished(record: RequestRecord, copy: TryRecord): void {
    if (record.span) this.#spans?.add(this.#writer.mirror(record, record.span, copy))
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

  requestFinished(record: RequestRecord, head: RequestHead): void {
    if (record.direction === 'inbound' && !record.answered) this.#observed?.request(record)
    this.metrics.active[record.direction]--
    const span =
      this.#spans && (record.span ?? this.#kept.refusal(record) ?? this.#kept.request(record, head))
    this.metrics.request(record, span)
    this.metrics.decisions.add(record)
    if (span) for (const one of this.#writer.request(record, span, requestIdOf(head))) this.#spans?.add(one)
    this.#log.request(record, head)
    this.tap?.(record, head, span !== undefined)
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
    const span = this.#spans && this.#kept.refusal(record)
    if (span) this.#spans?.add(this.#writer.connection(record, span))
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

  /** The same of what is to be told at once, each second: little, and nothing while all is well. */
  addPromptMetrics(source: () => readonly MetricFamily[]): void {
    this.#promptSources.push(source)
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
      ...this.#promptSources.flatMap((source) => source()),
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
    await Promise.allSettled([
      this.#spans?.flush(),
      this.#logRecords?.flush(),
      this.#report.close(),
      this.#observedReport?.close(),
    ])
    this.#exporter?.close()
  }

  #besideRequests(): readonly MetricFamily[] {
    const { counters, tcp } = this.metrics
    if (this.#spans) {
      counters.set('spans_exported', this.#spans.exported)
      counters.set('spans_dropped', this.#spans.dropped)
    }
    if (this.#logRecords) {
      counters.set('log_records_exported', this.#logRecords.exported)
      counters.set('log_records_dropped', this.#logRecords.dropped)
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

function spanQueue(exporter: Exporter, resource: Resource): ExportQueue<Uint8Array> {
  const requestOf = traceRequests(resource)
  return new ExportQueue<Uint8Array>((spans) => exporter.traces(requestOf(spans)))
}

function logQueue(exporter: Exporter, resource: Resource): ExportQueue<LogRecord> | undefined {
  if (!exporter.logs) return undefined
  return new ExportQueue<LogRecord>(async (logRecords) =>
    exporter.logs?.({
      resourceLogs: [
        { resource, scopeLogs: [{ scope: { name: 'weft.proxy' }, logRecords, schemaUrl: SCHEMA_URL }] },
      ],
    }),
  )
}
