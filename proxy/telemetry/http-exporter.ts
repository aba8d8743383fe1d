import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Agent, Dispatcher } from 'undici'
import {
  ExportLogsServiceRequest,
  ExportLogsServiceResponse,
  ExportMetricsServiceRequest,
  ExportTraceServiceResponse,
} from '../../core/xds/generated/otlp.js'
import { parseRetryAfter } from '../exchange/retry-after.ts'
import { checkTaken, ExportDelayed, ExportRefused, type Exporter } from './exporter.ts'

const DEADLINE_MS = 5000
// https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes
const RETRYABLE = new Set([429, 502, 503, 504])
/** A smaller request is not worth compressing. */
const COMPRESSED_FROM_BYTES = 1024
/** Of an answer, which says little. */
const MOST_ANSWER_BYTES = 64 * 1024

const compress = promisify(gzip)

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
  /** The answer to what was taken. */
  const send = async (path: string, message: Uint8Array): Promise<Uint8Array> => {
    const { request } = await client()
    const plain = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
    const compressed = plain.length >= COMPRESSED_FROM_BYTES
    const { statusCode, headers, body } = await request({
      origin: base.origin,
      path: `${prefix}${path}`,
      method: 'POST',
      headers: {
        'content-type': 'application/x-protobuf',
        ...(compressed ? { 'content-encoding': 'gzip' } : {}),
      },
      body: compressed ? await compress(plain) : plain,
      signal: AbortSignal.timeout(DEADLINE_MS),
    })
    if (statusCode >= 200 && statusCode < 300) return bounded(body)
    await body.dump()
    const reason = `the collector answered ${statusCode}`
    if (!RETRYABLE.has(statusCode)) throw new ExportRefused(reason)
    const delayMs = parseRetryAfter(String(headers['retry-after']))
    throw delayMs > 0 ? new ExportDelayed(reason, delayMs) : new Error(reason)
  }
  return {
    async traces(request) {
      const answer = await send('/v1/traces', request)
      checkTaken(partOf(() => ExportTraceServiceResponse.decode(answer)))
    },
    metrics: async (request) => void (await send('/v1/metrics', ExportMetricsServiceRequest.encode(request))),
    async logs(request) {
      const answer = await send('/v1/logs', ExportLogsServiceRequest.encode(request))
      checkTaken(partOf(() => ExportLogsServiceResponse.decode(answer)))
    },
    close: () =>
      void loaded?.then(
        ({ agent }) => agent.destroy(),
        () => {},
      ),
  }
}

/** `partial_success` of an answer. One that can't be read says nothing: the request was taken. */
function partOf<T>(decode: () => { readonly partialSuccess?: T }): T | undefined {
  try {
    return decode().partialSuccess
  } catch {
    return undefined
  }
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > MOST_ANSWER_BYTES) return new Uint8Array(0)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
