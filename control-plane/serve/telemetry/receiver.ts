import {
  status,
  type handleUnaryCall,
  type MethodDefinition,
  type ServerUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { systemClock, type Clock } from '../../../core/clock.ts'
import { describeError, WeftError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import { LogsService, MetricsService, TraceService } from '../../../core/xds/generated/otlp.js'
import { callerOf } from '../admission/admitted.ts'
import type { Caller } from '../tokens/claims.ts'
import { GrpcError } from '../tokens/grpc-error.ts'
import type { SpanTaker } from './decision-store.ts'
import type { Forwarder } from './forwarder.ts'
import { isStored, type MetricStore } from './metric-store.ts'
import { inTurns } from '../../../core/in-turns.ts'
import { OBSERVED_CALLS_METRIC } from '../../../core/observed-calls.ts'
import type { ObservedStore } from './observed-store.ts'
import { reportedPoints, reportedSpans } from './report-parts.ts'
import { reporterOf, type KnownPod, type Reporter } from './reporter.ts'
import { isSidecarGauge, type SidecarStore } from './sidecar-store.ts'
import { storedSpan } from './stored-span.ts'

export interface ReceiverOptions {
  readonly traces: SpanTaker
  readonly metrics: MetricStore
  /** What sidecars saw of those who call their pods. */
  readonly observed?: ObservedStore
  /** What they say of themselves. */
  readonly sidecars?: SidecarStore
  /** By `namespace/pod`: the pods of the mesh as it is now. */
  readonly pods: (key: string) => KnownPod | undefined
  /** Where reports go on to. */
  readonly forwarder?: Forwarder | undefined
  readonly log: Logger
  readonly clock?: Clock
}

export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
  readonly raw: true
  readonly title: string
}

/**
 * OTLP's trace, metrics and log services (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc). A report is read as bytes,
 * part by part in turns of the event loop, so that a large one holds up nobody. What can't be kept is told as a partial
 * success.
 */
export function telemetryServices(options: ReceiverOptions): readonly GrpcService[] {
  const { traces, metrics, observed, sidecars, pods, forwarder, log, clock = systemClock } = options
  const reporter = (caller: Caller): Reporter =>
    reporterOf(caller, caller.pod && pods(`${caller.namespace}/${caller.pod.name}`))
  return [
    service(log, TraceService, async (report, caller) => {
      const from = reporter(caller)
      forwarder?.traces(report, from)
      const rejected = await inTurns(takingSpans(traces, report, from))
      if (rejected === 0) return {}
      const errorMessage = 'malformed spans, or more of one trace than the store keeps'
      return { partialSuccess: { rejectedSpans: BigInt(rejected), errorMessage } }
    }),
    service(log, MetricsService, async (report, caller) => {
      const from = reporter(caller)
      forwarder?.metrics(report, from)
      const rejected = await inTurns(takingPoints({ metrics, observed, sidecars }, report, from, clock.now()))
      if (rejected === 0) return {}
      const errorMessage = 'points that are malformed or not cumulative'
      return { partialSuccess: { rejectedDataPoints: BigInt(rejected), errorMessage } }
    }),
    // Nothing here keeps log records: they go on, or nowhere, and then their sender is told so.
    service(log, LogsService, async (report, caller) => {
      if (!forwarder) throw new GrpcError(status.UNIMPLEMENTED, 'no collector is set that takes log records')
      forwarder.logs(report, reporter(caller))
      return {}
    }),
  ]
}

/** Takes an ExportTraceServiceRequest, a part at each step. Returns the number of spans that were refused. */
export function* takingSpans(
  traces: SpanTaker,
  report: Uint8Array,
  reporter: Reporter,
): Generator<void, number> {
  let rejected = 0
  for (const span of reportedSpans(report)) {
    const stored = span && storedSpan(span, reporter)
    if (!stored || !traces.add(stored)) rejected++
    yield
  }
  return rejected
}

/** Where points go; what nobody takes is not decoded. */
export interface PointTakers {
  readonly metrics: MetricStore
  readonly observed?: ObservedStore | undefined
  readonly sidecars?: SidecarStore | undefined
}

/** The same with an ExportMetricsServiceRequest and its points. */
export function* takingPoints(
  { metrics, observed, sidecars }: PointTakers,
  report: Uint8Array,
  reporter: Reporter,
  now: number,
): Generator<void, number> {
  let rejected = 0
  const read = {
    histograms: isStored,
    sums: (metric: string) => observed !== undefined && metric === OBSERVED_CALLS_METRIC,
    gauges: (metric: string) => sidecars !== undefined && isSidecarGauge(metric),
  }
  for (const one of reportedPoints(report, read)) {
    const taken =
      one.kind === 'sum'
        ? observed?.add(one, reporter, now)
        : one.kind === 'gauge'
          ? sidecars?.add(one, reporter, now)
          : metrics.add(one, reporter, now)
    if (taken === false) rejected++
    yield
  }
  return rejected
}

function service<Request, Response>(
  log: Logger,
  definition: { readonly export: MethodDefinition<Request, Response> },
  take: (report: Uint8Array, caller: Caller) => Promise<Response>,
): GrpcService {
  const answer = async (call: ServerUnaryCall<Uint8Array, Response>): Promise<Response> =>
    take(call.request, callerOf(call.metadata))
  const handle: handleUnaryCall<Uint8Array, Response> = (call, callback) => {
    answer(call).then(
      (response) => callback(null, response),
      (error: unknown) => {
        const refusal = refusalOf(error)
        log.debug('telemetry refused', { peer: call.getPeer(), reason: refusal.details })
        callback(refusal)
      },
    )
  }
  return { definition: { ...definition }, implementation: { export: handle }, raw: true, title: 'telemetry' }
}

function refusalOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error
  if (error instanceof WeftError)
    return new GrpcError(status.INVALID_ARGUMENT, `the report cannot be read: ${describeError(error)}`)
  return new GrpcError(status.INTERNAL, 'the report could not be taken', error)
}
