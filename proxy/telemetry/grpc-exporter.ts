import { Client, Metadata, status, type ChannelCredentials, type MethodDefinition } from '@grpc/grpc-js'
import { MetricsService, TraceService } from '../../core/xds/generated/otlp.js'
import { ExportRefused, type Exporter } from './exporter.ts'

const DEADLINE_MS = 5000
// Others are worth another try (https://opentelemetry.io/docs/specs/otlp/#failures): a token is renewed, too.
const REFUSALS = new Set([status.INVALID_ARGUMENT, status.UNIMPLEMENTED, status.PERMISSION_DENIED])

export interface GrpcExporterOptions {
  /** `host:port` */
  readonly address: string
  readonly credentials: ChannelCredentials
  /** The name that the server's certificate must have, where it is not that of the address. */
  readonly serverName?: string
  /** Read for every call: a projected token changes. Undefined: none is sent. */
  readonly token?: () => string | undefined
}

/** OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). */
export function createGrpcExporter(options: GrpcExporterOptions): Exporter {
  const client = new Client(options.address, options.credentials, {
    ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
  })
  const call = <Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const metadata = new Metadata()
      const token = options.token?.()
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
