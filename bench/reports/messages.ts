import type { ReportingService } from './mesh.ts'

/** To the process that plays the sidecars. */
export interface ReportersConfig {
  readonly port: number
  /** PEM. */
  readonly roots: string
  readonly serverName: string
  readonly services: readonly ReportingService[]
  /** By `namespace/pod`. */
  readonly tokens: Readonly<Record<string, string>>
  /** Of all together. */
  readonly requestsPerSecond: number
  readonly samplingPercent: number
  readonly seconds: number
}

/** And back, once, when the time is over. */
export interface FromReporters {
  readonly requests: number
  /** In which they were played. */
  readonly seconds: number
  /** Of all sidecars together, at the end. */
  readonly series: number
  readonly spans: number
  /** Spans that were not taken: their queue was full, or nobody wanted them. */
  readonly lost: number
  /** Reports of metrics that failed; the next one says it all. */
  readonly failedReports: number
  /** The longest that a tick came late: a machine that was too slow to play them all. Milliseconds. */
  readonly lateMs: number
}
