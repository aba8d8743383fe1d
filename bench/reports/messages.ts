/** To the process that plays the sidecars. */
export interface ReportersConfig {
  readonly port: number
  /** PEM. */
  readonly roots: string
  readonly serverName: string
  readonly reporters: readonly { readonly pod: string; readonly token: string }[]
  /** Of all together. */
  readonly spansPerSecond: number
  readonly seconds: number
}

/** And back, once, when the time is over. */
export interface FromReporters {
  readonly spans: number
  /** Spans that were not taken: their queue was full, or nobody wanted them. */
  readonly lost: number
}
