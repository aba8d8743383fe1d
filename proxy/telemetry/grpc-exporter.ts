import { Metadata, status, type Client, type MethodDefinition, type ServiceError } from '@grpc/grpc-js'
import { Status } from '../../core/xds/generated/envoy.js'
import { LogsService, MetricsService, TraceService } from '../../core/xds/generated/otlp.js'
import { RetryInfo } from '../../core/xds/generated/weft.js'
import { checkTaken, ExportDelayed, ExportRefused, type Exporter } from './exporter.ts'

const DEADLINE_MS = 5000
const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'
// https://opentelemetry.io/docs/specs/otlp/#failures. UNAUTHENTICATED is not among them there: a token is renewed, too.
const RETRYABLE = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
  status.UNAUTHENTICATED,
])

export interface GrpcExporterOptions {
  /** Closed with the exporter. */
  readonly client: Client
  /** Read for every call: a projected token changes. Undefined: none is sent. */
  readonly token?: () => string | undefined
}

/** OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). */
export function createGrpcExporter({ client, token: readToken }: GrpcExporterOptions): Exporter {
  const call = <Request, Response>(
    { path, responseDeserialize }: Pick<MethodDefinition<unknown, Response>, 'path' | 'responseDeserialize'>,
    request: Request,
    encode: (request: Request) => Buffer,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      const token = readToken?.()
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
      client.makeUnaryRequest(
        path,
        encode,
        responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
        (error, response) => {
          if (error) reject(failureOf(error))
          else if (response === undefined) reject(new Error('the collector answered nothing'))
          else resolve(response)
        },
      )
    })
  return {
    traces: async (request) =>
      checkTaken((await call(TraceService.export, request, asBuffer)).partialSuccess),
    metrics: async (request) =>
      void (await call(MetricsService.export, request, MetricsService.export.requestSerialize)),
    logs: async (request) =>
      checkTaken(
        (await call(LogsService.export, request, LogsService.export.requestSerialize)).partialSuccess,
      ),
    close: () => client.close(),
  }
}

/** What is encoded already. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** RESOURCE_EXHAUSTED is worth another try only where the collector says when. */
function failureOf(error: ServiceError): Error {
  const delayMs = retryDelayMs(error)
  if (delayMs !== undefined) return new ExportDelayed(error.details, delayMs)
  return RETRYABLE.has(error.code) ? error : new ExportRefused(error.details)
}

function retryDelayMs({ code, metadata }: ServiceError): number | undefined {
  if (code !== status.RESOURCE_EXHAUSTED && code !== status.UNAVAILABLE) return undefined
  const [details] = metadata.get('grpc-status-details-bin')
  if (!Buffer.isBuffer(details)) return undefined
  try {
    const info = Status.decode(details).details?.find(({ typeUrl }) => typeUrl === RETRY_INFO)
    return info?.value && RetryInfo.decode(info.value).retryDelay
  } catch {
    return undefined
  }
}
