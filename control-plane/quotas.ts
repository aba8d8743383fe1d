import { WeftError } from '../core/errors.ts'
import { integerBetween } from '../core/flags.ts'
import { CALLER_LIMITS, type CallerLimits } from './serve/admission/allowance.ts'
import { SERIES_SHARES } from './serve/telemetry/cumulative.ts'
import type { Shares } from './serve/telemetry/fair-budget.ts'
import { DEFAULT_TRACE_LIMITS, type TraceStoreLimits } from './serve/telemetry/trace-store.ts'

/** What callers may take of a control plane: each by itself, and what all of them may have in its memory. */
export interface Quotas {
  readonly caller: CallerLimits
  readonly series: Shares
  readonly traces: TraceStoreLimits
}

/** The flags of `weft control-plane` for them, each with a value. */
export type QuotaFlags = { readonly [name in keyof typeof BOUNDS]?: string | undefined }

const KIB = 1024
const MIB = 1024 * 1024
/** What may be sent at once, in seconds of what may be sent over time. */
const BURST_SECONDS = 4

const BOUNDS = {
  'calls-per-pod': [1, 1024],
  'kib-per-second-per-pod': [16, 65_536],
  'series-mib-per-pod': [1, 1024],
  'series-mib-per-namespace': [1, 4096],
  'series-mib': [1, 16_384],
  'traces-mib': [1, 16_384],
} as const

/** Throws a WeftError that names the flag. */
export function readQuotas(flags: QuotaFlags): Quotas {
  const value = (name: keyof typeof BOUNDS, preset: number): number => {
    const said = flags[name]
    const [least, most] = BOUNDS[name]
    return said === undefined ? preset : integerBetween(`--${name}`, said, least, most)
  }
  const bytesPerSecond = KIB * value('kib-per-second-per-pod', CALLER_LIMITS.bytesPerSecond / KIB)
  const series: Shares = {
    perPod: MIB * value('series-mib-per-pod', SERIES_SHARES.perPod / MIB),
    perNamespace: MIB * value('series-mib-per-namespace', SERIES_SHARES.perNamespace / MIB),
    total: MIB * value('series-mib', SERIES_SHARES.total / MIB),
  }
  if (series.perPod > series.perNamespace) throw above('series-mib-per-pod', 'series-mib-per-namespace')
  if (series.perNamespace > series.total) throw above('series-mib-per-namespace', 'series-mib')
  return {
    caller: {
      calls: value('calls-per-pod', CALLER_LIMITS.calls),
      bytesPerSecond,
      burstBytes: BURST_SECONDS * bytesPerSecond,
    },
    series,
    traces: {
      ...DEFAULT_TRACE_LIMITS,
      maxBytes: MIB * value('traces-mib', DEFAULT_TRACE_LIMITS.maxBytes / MIB),
    },
  }
}

function above(name: string, other: string): WeftError {
  return new WeftError('cli.flags', `must not be above --${other}: raise that, too`, { field: `--${name}` })
}
