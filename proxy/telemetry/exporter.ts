import type { ExportMetricsServiceRequest, ExportTraceServiceRequest } from '../../core/xds/generated/otlp.js'

/** Where spans and metrics go. Rejects when they did not arrive; what to repeat is the caller's decision. */
export interface Exporter {
  traces(request: ExportTraceServiceRequest): Promise<void>
  metrics(request: ExportMetricsServiceRequest): Promise<void>
  close(): void
}

/** The collector has it and does not want it: sending the same again would not help. */
export class ExportRefused extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'ExportRefused'
  }
}
