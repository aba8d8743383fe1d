import type { Clock } from '../../../core/clock.ts'
import {
  OBSERVED_ATTRIBUTES,
  OBSERVED_CALLS_METRIC,
  type ObservedCall,
} from '../../../core/observed-calls.ts'
import type {
  ExportMetricsServiceRequest,
  KeyValue,
  NumberDataPoint,
  Resource,
} from '../../../core/xds/generated/otlp.js'
import type { Exporter } from '../exporter.ts'
import { integer, text } from '../resource.ts'
import type { CallSeries, ObservedCalls } from './observed-calls.ts'

/** What is new is told so often; everything, for a control plane that began anew, every 5 minutes. */
const REPORT_MS = 5000
const WHOLE_EVERY = 60
/** Points of one request: some 100 KB. */
const MOST_POINTS = 250

export interface ObservedReportOptions {
  readonly calls: ObservedCalls
  readonly exporter: Exporter
  readonly resource: Resource
  /** Monotonic, for the time between two reports. */
  readonly clock: Clock
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** A report was not taken. */
  readonly failed: () => void
}

/** Tells the control plane what was observed. */
export class ObservedReport {
  readonly #options: ObservedReportOptions
  #round = 0
  #cancel: () => void = () => {}
  #sent: Promise<void> = Promise.resolve()
  #sending = false

  constructor(options: ObservedReportOptions) {
    this.#options = options
    this.#repeat()
  }

  /** Sends what is new. Never rejects. */
  close(): Promise<void> {
    this.#cancel()
    return this.#report(false)
  }

  #repeat(): void {
    this.#cancel = this.#options.clock.after(REPORT_MS, () => {
      this.#repeat()
      this.#options.calls.expire(this.#options.now())
      if (!this.#sending) void this.#report(this.#round++ % WHOLE_EVERY === 0)
    })
  }

  /** One after the other: cumulative counts must not overtake each other. */
  #report(whole: boolean): Promise<void> {
    this.#sent = this.#sent.then(() => this.#send(whole))
    return this.#sent
  }

  async #send(whole: boolean): Promise<void> {
    const { calls, exporter, resource, failed } = this.#options
    const told = calls.series().filter((series) => whole || series.changed)
    if (!whole && told.length === 0) return
    this.#sending = true
    for (let from = 0; from === 0 || from < told.length; from += MOST_POINTS) {
      const some = told.slice(from, from + MOST_POINTS)
      const points = some.map(pointOf)
      if (from === 0) points.push(overflowPoint(calls))
      const counts = some.map(({ count }) => count)
      for (const series of some) series.changed = false
      try {
        await exporter.metrics(requestOf(points, resource))
        for (const [at, series] of some.entries()) series.told = counts[at] as number
      } catch {
        for (const series of some) series.changed = true
        failed()
      }
    }
    this.#sending = false
  }
}

function requestOf(dataPoints: NumberDataPoint[], resource: Resource): ExportMetricsServiceRequest {
  const sum = {
    aggregationTemporality: 'AGGREGATION_TEMPORALITY_CUMULATIVE' as const,
    isMonotonic: true,
    dataPoints,
  }
  const metrics = [{ name: OBSERVED_CALLS_METRIC, unit: '{call}', sum }]
  return { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: 'weft.proxy' }, metrics }] }] }
}

function pointOf(series: CallSeries): NumberDataPoint {
  return {
    startTimeUnixNano: nanoseconds(series.firstMs),
    timeUnixNano: nanoseconds(series.lastMs),
    asInt: BigInt(series.count),
    attributes: attributesOf(series),
  }
}

/** It says, too, since when this sidecar watches. */
function overflowPoint(calls: ObservedCalls): NumberDataPoint {
  return {
    startTimeUnixNano: nanoseconds(calls.sinceMs),
    timeUnixNano: nanoseconds(calls.lastMs),
    asInt: BigInt(calls.others),
    attributes: [{ key: OBSERVED_ATTRIBUTES.overflow, value: { boolValue: true } }],
  }
}

function attributesOf({ source, address, port, protocol, method, path, outcome }: ObservedCall): KeyValue[] {
  const { source: sourceKey, ...keys } = OBSERVED_ATTRIBUTES
  return [
    text(sourceKey, source),
    ...(address === '' ? [] : [text(keys.address, address)]),
    integer(keys.port, port),
    text(keys.protocol, protocol),
    ...(method === '' ? [] : [text(keys.method, method)]),
    ...(path === '' ? [] : [text(keys.path, path)]),
    text(keys.outcome, outcome),
  ]
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.floor(ms)) * 1_000_000n
}
