import { Client, credentials, status, type MethodDefinition } from '@grpc/grpc-js'
import type { Logger } from '../../../core/log.ts'
import { WeftError } from '../../../core/errors.ts'
import { OBSERVED_CALLS_METRIC } from '../../../core/observed-calls.ts'
import {
  LogsService,
  MetricsService,
  TraceService,
  type Resource,
  type ScopeMetrics,
} from '../../../core/xds/generated/otlp.js'
import type { Reporter } from './reporter.ts'

/** Passes reports on to a collector of yours. */
export interface Forwarder {
  traces(report: Uint8Array, reporter: Reporter): void
  metrics(report: Uint8Array, reporter: Reporter): void
  logs(report: Uint8Array, reporter: Reporter): void
  close(): void
}

/** Where OTLP over gRPC goes to. */
export interface CollectorAddress {
  /** `HOST:PORT` */
  readonly target: string
  readonly tls: boolean
}

const OTLP_PORT = 4317
const DEADLINE_MS = 5000
/** Reports whose answer is awaited; what comes beyond is dropped, so that a collector that hangs holds nothing up. */
const MOST_WAITING = 64
const MOST_BYTES = 8 << 20

/** `http://HOST[:PORT]` or `https://HOST[:PORT]`; port 4317 without one. Throws WeftError `cli.flags`. */
export function collectorAddress(flag: string, text: string): CollectorAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url && url.username === '' && url.search === '' && url.hash === '' && url.pathname === '/'
  if (!plain || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new WeftError('cli.flags', `"${text}" must be http://HOST:PORT or https://HOST:PORT`, {
      field: flag,
    })
  // A URL leaves out the port of its scheme.
  const said = /:(\d+)\/?$/.exec(text)?.[1]
  return { target: `${url.hostname}:${said ?? OTLP_PORT}`, tls: url.protocol === 'https:' }
}

/**
 * Sends reports on as OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc), each once and with the names of
 * its reporter in place of those that it gives itself: a pod speaks for itself there, too. What does not arrive is counted
 * as lost and told once; the control plane's own store has it.
 */
export function createForwarder({ target, tls }: CollectorAddress, log: Logger): Forwarder {
  const client = new Client(target, tls ? credentials.createSsl() : credentials.createInsecure())
  let waiting = 0
  let bytes = 0
  let lost = 0
  const missed = (reason: string): void => {
    if (lost++ === 0) log.warn('the collector does not take reports', { collector: target, reason })
  }
  const pass = <Request, Response>(
    method: MethodDefinition<Request, Response>,
    report: Uint8Array,
    /** Undefined: nothing of it goes on. */
    named: (request: Request) => Request | undefined,
  ): void => {
    if (waiting === MOST_WAITING || bytes + report.length > MOST_BYTES) return missed('it is too slow')
    let request: Request | undefined
    try {
      request = named(method.requestDeserialize(Buffer.from(report)))
    } catch {
      // Who sent it is told by the store.
      return
    }
    if (!request) return
    waiting++
    bytes += report.length
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + DEADLINE_MS },
      (error) => {
        waiting--
        bytes -= report.length
        if (error?.code === status.CANCELLED) return
        if (error) return missed(error.details)
        if (lost > 0) log.info('the collector takes reports again', { collector: target, lost })
        lost = 0
      },
    )
  }
  return {
    traces: (report, reporter) =>
      pass(TraceService.export, report, ({ resourceSpans = [] }) => ({
        resourceSpans: resourceSpans.map((one) => ({ ...one, resource: namedAs(reporter, one.resource) })),
      })),
    metrics: (report, reporter) =>
      pass(MetricsService.export, report, ({ resourceMetrics = [] }) => {
        const kept = resourceMetrics.map((one) => ({
          ...one,
          resource: namedAs(reporter, one.resource),
          scopeMetrics: (one.scopeMetrics ?? []).flatMap(withoutObserved),
        }))
        const had = resourceMetrics.some(({ scopeMetrics = [] }) => scopeMetrics.length > 0)
        if (had && kept.every(({ scopeMetrics }) => scopeMetrics.length === 0)) return undefined
        return { resourceMetrics: kept }
      }),
    logs: (report, reporter) =>
      pass(LogsService.export, report, ({ resourceLogs = [] }) => ({
        resourceLogs: resourceLogs.map((one) => ({ ...one, resource: namedAs(reporter, one.resource) })),
      })),
    close: () => client.close(),
  }
}

/** What is seen for policies is for the mesh itself: its paths make more series than a collector may want. */
function withoutObserved(scope: ScopeMetrics): readonly ScopeMetrics[] {
  const metrics = (scope.metrics ?? []).filter(({ name }) => name !== OBSERVED_CALLS_METRIC)
  return metrics.length === 0 && scope.metrics?.length !== 0 ? [] : [{ ...scope, metrics }]
}

function namedAs({ service, namespace, pod }: Reporter, resource: Resource | undefined): Resource {
  const own = new Map([
    ['service.name', service],
    ['service.namespace', namespace],
    ['k8s.namespace.name', namespace],
    ['k8s.pod.name', pod],
  ])
  const others = (resource?.attributes ?? []).filter(({ key = '' }) => !own.has(key))
  return {
    ...resource,
    attributes: [...[...own].map(([key, stringValue]) => ({ key, value: { stringValue } })), ...others],
  }
}
