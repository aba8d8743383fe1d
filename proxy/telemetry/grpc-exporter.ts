import { Metadata, status, type Client, type MethodDefinition } from '@grpc/grpc-js'
import { MetricsService, TraceService } from '../../core/xds/generated/otlp.js'
import { ExportRefused, type Exporter } from './exporter.ts'

const DEADLINE_MS = 5000
// Others are worth another try (https://opentelemetry.io/docs/specs/otlp/#failures): a token is renewed, too.
const REFUSALS = new Set([status.INVALID_ARGUMENT, status.UNIMPLEMENTED, status.PERMISSION_DENIED])

export interface GrpcExporterOptions {
  /** Closed with the exporter. */
  readonly client: Client
  /** Read for every call: a projected token changes. Undefined: none is sent. */
  readonly token?: () => string | undefined
}

/** OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). */
export function createGrpcExporter({ client, token: readToken }: GrpcExporterOptions): Exporter {
  const call = <Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      const token = readToken?.()
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + DEADLINE_MS },
        (error) => {
          if (!error) resolve()
          else reject(REFUSALS.has(error.code) ? new ExportRefused(error.details) : error)
        },
      )
    })
  return {
    traces: (request) => call(TraceService.export, request),
    metrics: (request) => call(MetricsService.export, request),
    close: () => client.close(),
  }
}
