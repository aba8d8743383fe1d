import { PROXY_CONTAINER } from '../../core/contract.ts'
import type { KeyValue, Resource } from '../../core/xds/generated/otlp.js'

/**
 * Who reports, by OpenTelemetry's names: the resource of every span and metric
 * (https://opentelemetry.io/docs/specs/semconv/resource/).
 */
export type ResourceAttributes = ReadonlyMap<string, string>

export interface ReportingPod {
  readonly name: string
  readonly namespace: string
  /** '' where it was not told. */
  readonly uid: string
  readonly node: string
}

/**
 * Of a sidecar. `said` is its OTEL_RESOURCE_ATTRIBUTES, by which the injector tells what names the pod; what the pod is, is not
 * for it to say. The instance is that of the sidecar's container: the application, which may report too, is another writer.
 */
export function sidecarResource(pod: ReportingPod, said: ResourceAttributes): ResourceAttributes {
  const { name, namespace, uid, node } = pod
  const attributes = new Map([
    ['service.name', name],
    ['service.namespace', namespace],
    ['service.instance.id', `${namespace}.${name}.${PROXY_CONTAINER}`],
    ...SDK,
    ...said,
    ['k8s.namespace.name', namespace],
    ['k8s.pod.name', name],
    ['k8s.pod.uid', uid],
    ['k8s.node.name', node],
    ['k8s.container.name', PROXY_CONTAINER],
  ])
  for (const [key, value] of attributes) if (value === '') attributes.delete(key)
  return attributes
}

/** Of a proxy that runs alone: its node's cluster and id (Envoy's bootstrap), unless the environment says otherwise. */
export function standaloneResource(
  node: { readonly cluster: string; readonly id: string },
  said: ResourceAttributes,
): ResourceAttributes {
  return new Map([
    ['service.name', node.cluster || 'weft'],
    ...(node.id === '' ? [] : [['service.instance.id', node.id] as const]),
    ...SDK,
    ...said,
  ])
}

const SDK = [
  ['telemetry.sdk.name', 'weft'],
  ['telemetry.sdk.language', 'nodejs'],
] as const

export function resourceOf(attributes: ResourceAttributes): Resource {
  return { attributes: [...attributes].map(([key, value]) => text(key, value)) }
}

export function text(key: string, value: string): KeyValue {
  return { key, value: { stringValue: value } }
}

export function integer(key: string, value: number): KeyValue {
  return { key, value: { intValue: BigInt(value) } }
}
