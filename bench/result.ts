/** One line of the result; what a case does not measure is null. */
export interface Row {
  readonly case: string
  readonly connections: number
  readonly peer: string
  /** Of all proxies in the path together; the median of the turns. */
  readonly cpu_us_per_request: number | null
  /** Lowest and highest of the turns: what else runs on the machine only adds. */
  readonly cpu_spread: readonly [number, number] | null
  readonly rps: number | null
  readonly p50_us: number | null
  readonly p99_us: number | null
  /** Of the larger of the proxies. */
  readonly rss_kib: number | null
  readonly pss_kib: number | null
  /** Memory that is nobody else's, of the server's sidecar; the median of the turns. */
  readonly private_kib: number | null
  /** This peer's CPU divided by Weft's in the same turn, the median of the turns. */
  readonly ratio_to_weft: number | null
  /** Lowest and highest of those ratios. */
  readonly ratio_spread: readonly [number, number] | null
  /** Only of `idle`: from exec to the first connection taken, and the CPU of one proxy that has nothing to do. */
  readonly ready_ms?: number
  readonly idle_cpu_percent?: number
  /** Instead of figures: what was wrong. */
  readonly error?: string
}

/** The middle of some numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2
}

/** Three significant digits are more than two noisy CPUs hold. */
export function rounded(value: number): number {
  return Number(value.toPrecision(value >= 1000 ? 4 : 3))
}

/** A line with nothing in it yet. */
export function emptyRow(name: string, connections: number, peer: string): Row {
  return {
    case: name,
    connections,
    peer,
    cpu_us_per_request: null,
    cpu_spread: null,
    rps: null,
    p50_us: null,
    p99_us: null,
    rss_kib: null,
    pss_kib: null,
    private_kib: null,
    ratio_to_weft: null,
    ratio_spread: null,
  }
}

export function failedRow(name: string, connections: number, peer: string, error: string): Row {
  return { ...emptyRow(name, connections, peer), error }
}
