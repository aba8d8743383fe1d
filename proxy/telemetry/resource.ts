import type { KeyValue, Resource } from '../../core/xds/generated/otlp.js'

/** Who reports: becomes the OpenTelemetry resource of every span and metric. */
export interface ReportingWorkload {
  /** Service name: the workload's service account, unless an annotation says otherwise. */
  readonly service: string
  readonly namespace: string
  readonly pod: string
}

/** https://opentelemetry.io/docs/specs/semconv/resource/ */
export function resourceOf(workload: ReportingWorkload): Resource {
  return {
    attributes: [
      text('service.name', workload.service),
      text('service.namespace', workload.namespace),
      text('k8s.namespace.name', workload.namespace),
      text('k8s.pod.name', workload.pod),
      text('telemetry.sdk.language', 'nodejs'),
    ],
  }
}

export function text(key: string, value: string): KeyValue {
  return { key, value: { stringValue: value } }
}

export function integer(key: string, value: number): KeyValue {
  return { key, value: { intValue: BigInt(value) } }
}
