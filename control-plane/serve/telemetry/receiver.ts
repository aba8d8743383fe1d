import type {
  handleUnaryCall,
  Metadata,
  MethodDefinition,
  ServerUnaryCall,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../../core/clock.ts'
import type { Logger } from '../../../core/log.ts'
import {
  MetricsService,
  TraceService,
  type ExportMetricsServiceRequest,
  type ExportTraceServiceRequest,
} from '../../../core/xds/generated/otlp.js'
import { GrpcError } from '../tokens/grpc-error.ts'
import type { MetricStore } from './metric-store.ts'
import { reporterOf, type ReportingCaller } from './reporter.ts'
import { storedSpan } from './stored-span.ts'
import type { TraceStore } from './trace-store.ts'

export interface ReceiverOptions {
  readonly traces: TraceStore
  readonly metrics: MetricStore
  /** Says who calls. Throws GrpcError for a caller that may not report. */
  readonly authenticate: (metadata: Metadata) => Promise<ReportingCaller>
  readonly log: Logger
  readonly clock?: Clock
}

export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

/**
 * OTLP's trace and metrics services (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc), for
 * `server.addService(definition, implementation)`. What can't be kept is told as a partial success.
 */
export function telemetryServices(options: ReceiverOptions): readonly GrpcService[] {
  const { traces, metrics, clock = systemClock } = options
  return [
    service(options, TraceService, (request: ExportTraceServiceRequest, caller) => {
      const rejected = addSpans(traces, request, caller)
      if (rejected === 0) return {}
      const errorMessage = 'malformed spans, or more of one trace than the store keeps'
      return { partialSuccess: { rejectedSpans: BigInt(rejected), errorMessage } }
    }),
    service(options, MetricsService, (request: ExportMetricsServiceRequest, caller) => {
      const rejected = metrics.add(request, caller, clock.now())
      if (rejected === 0) return {}
      const errorMessage = 'not cumulative or malformed histograms, or more series than the store keeps'
      return { partialSuccess: { rejectedDataPoints: BigInt(rejected), errorMessage } }
    }),
  ]
}

/** Gives the number of spans that were refused. */
export function addSpans(
  traces: TraceStore,
  request: ExportTraceServiceRequest,
  caller: ReportingCaller,
): number {
  let rejected = 0
  for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
    const reporter = reporterOf(resource, caller)
    for (const { spans } of scopeSpans ?? [])
      for (const span of spans ?? []) {
        const stored = storedSpan(span, reporter)
        if (!stored || !traces.add(stored)) rejected++
      }
  }
  return rejected
}

function service<Request, Response>(
  { authenticate, log }: ReceiverOptions,
  definition: { readonly export: MethodDefinition<Request, Response> },
  take: (request: Request, caller: ReportingCaller) => Response,
): GrpcService {
  const answer = async (call: ServerUnaryCall<Request, Response>): Promise<Response> =>
    take(call.request, await authenticate(call.metadata))
  const handle: handleUnaryCall<Request, Response> = (call, callback) => {
    answer(call).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const refusal =
          error instanceof GrpcError ? error : new GrpcError(status.INTERNAL, 'the report could not be taken')
        log.debug('telemetry refused', { peer: call.getPeer(), reason: refusal.details })
        callback(refusal)
      },
    )
  }
  return { definition: { ...definition }, implementation: { export: handle } }
}
