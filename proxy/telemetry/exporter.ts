import type { ExportMetricsServiceRequest, ExportTraceServiceRequest } from '../../core/xds/generated/otlp.js'

/** Where spans and metrics go. Rejects when they did not arrive; what to repeat is the caller's decision. */
export interface Exporter {
  traces(request: ExportTraceServiceRequest): Promise<void>
  metrics(request: ExportMetricsServiceRequest): Promise<void>
  close(): void
}
