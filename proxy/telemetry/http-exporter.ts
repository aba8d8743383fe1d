import type { Agent, Dispatcher } from 'undici'
import { ExportMetricsServiceRequest, ExportTraceServiceRequest } from '../../core/xds/generated/otlp.js'
import { ExportRefused, type Exporter } from './exporter.ts'

const DEADLINE_MS = 5000
// https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
const RETRYABLE = new Set([429, 502, 503, 504])

/** OTLP over HTTP with protobuf (https://opentelemetry.io/docs/specs/otlp/#otlphttp). `base` has no `/v1/traces`. */
export function createHttpExporter(base: URL): Exporter {
  let loaded: Promise<{ agent: Agent; request: typeof Dispatcher.prototype.request }> | undefined
  // Loaded with the first report: a proxy that reports by gRPC never pays for it.
  const client = () =>
    (loaded ??= import('undici').then(({ Agent }) => {
      const agent = new Agent({ connections: 1, headersTimeout: DEADLINE_MS, bodyTimeout: DEADLINE_MS })
      return { agent, request: agent.request.bind(agent) }
    }))
  const prefix = base.pathname.replace(/\/+$/, '')
  const send = async (path: string, body: Uint8Array): Promise<void> => {
    const { request } = await client()
    const response = await request({
      origin: base.origin,
      path: `${prefix}${path}`,
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      signal: AbortSignal.timeout(DEADLINE_MS),
    })
    await response.body.dump()
    const { statusCode } = response
    if (statusCode >= 200 && statusCode < 300) return
    if (RETRYABLE.has(statusCode) || statusCode >= 500)
      throw new Error(`the collector answered ${statusCode}`)
    throw new ExportRefused(`the collector answered ${statusCode}`)
  }
  return {
    traces: (request) => send('/v1/traces', ExportTraceServiceRequest.encode(request)),
    metrics: (request) => send('/v1/metrics', ExportMetricsServiceRequest.encode(request)),
    close: () =>
      void loaded?.then(
        ({ agent }) => agent.destroy(),
        () => {},
      ),
  }
}
