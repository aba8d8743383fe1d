import type { ExportLogsServiceRequest, ExportMetricsServiceRequest } from '../../core/xds/generated/otlp.js'

/** Where spans, metrics and log records go. Rejects when they did not arrive; what to repeat is the caller's decision. */
export interface Exporter {
  /** `request`: an ExportTraceServiceRequest, encoded. */
  traces(request: Uint8Array): Promise<void>
  metrics(request: ExportMetricsServiceRequest): Promise<void>
  /** Left out: it takes none. */
  logs?(request: ExportLogsServiceRequest): Promise<void>
  close(): void
}

/** The collector has it and does not want it: sending the same again would not help. */
export class ExportRefused extends Error {
  /** How many spans or records of the request; undefined: all (OTLP's partial success names a number). */
  readonly rejected: number | undefined

  constructor(reason: string, rejected?: number) {
    super(reason)
    this.name = 'ExportRefused'
    this.rejected = rejected
  }
}

/** The collector is busy, and has said when to ask again. */
export class ExportDelayed extends Error {
  readonly delayMs: number

  constructor(reason: string, delayMs: number) {
    super(reason)
    this.name = 'ExportDelayed'
    this.delayMs = delayMs
  }
}

interface PartialSuccess {
  readonly rejectedSpans?: bigint | undefined
  readonly rejectedLogRecords?: bigint | undefined
  readonly errorMessage?: string | undefined
}

/** Throws ExportRefused where the collector took a request only in part. A message without a number is a warning, no loss. */
export function checkTaken({
  rejectedSpans = 0n,
  rejectedLogRecords = 0n,
  errorMessage,
}: PartialSuccess = {}): void {
  const rejected = Number(rejectedSpans + rejectedLogRecords)
  if (rejected > 0) throw new ExportRefused(errorMessage || 'taken in part', rejected)
}
