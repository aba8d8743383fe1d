import type { PodSpec } from './pod-spec.ts'

/** Any Kubernetes object as it stands in a document. */
export interface RawObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

export interface Named {
  readonly namespace: string
  readonly name: string
}

export interface NamespaceObject {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export interface ConfigMapObject extends Named {
  readonly data: Readonly<Record<string, string>>
}

/** What pods are made from: the whole metadata and spec as written, for the webhook, and its parsed form. */
export interface PodTemplate {
  readonly raw: { readonly metadata: Readonly<Record<string, unknown>>; readonly spec: unknown }
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly spec: PodSpec
  /** Changes when the template does. */
  readonly hash: string
}

export interface DeploymentObject extends Named {
  readonly replicas: number
  readonly selector: Readonly<Record<string, string>>
  readonly template: PodTemplate
  /** `recreate`, or the limits of a rolling update as numbers of pods. */
  readonly strategy: 'recreate' | { readonly maxSurge: number; readonly maxUnavailable: number }
}

export interface PodObject extends Named {
  readonly template: PodTemplate
}

export interface ServicePort {
  readonly name: string | undefined
  readonly port: number
  readonly targetPort: number | string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly appProtocol: string | undefined
}

export interface ServiceObject extends Named {
  readonly type: 'ClusterIP' | 'Headless' | 'ExternalName'
  /** Undefined when the endpoints are not chosen by labels. */
  readonly selector: Readonly<Record<string, string>> | undefined
  readonly ports: readonly ServicePort[]
  /** Addresses asked for, at most one a family. */
  readonly requestedIPs: readonly string[]
  readonly dualStack: boolean
  readonly externalName: string | undefined
  readonly publishNotReady: boolean
  readonly raw: RawObject
}

/** What the manifests ask for, keyed by `namespace/name` (namespaces by name). */
export interface DesiredState {
  readonly namespaces: ReadonlyMap<string, NamespaceObject>
  readonly serviceAccounts: ReadonlySet<string>
  readonly configMaps: ReadonlyMap<string, ConfigMapObject>
  readonly deployments: ReadonlyMap<string, DeploymentObject>
  readonly pods: ReadonlyMap<string, PodObject>
  readonly services: ReadonlyMap<string, ServiceObject>
}

export function keyOf(object: Named): string {
  return `${object.namespace}/${object.name}`
}

/** Every pod template, with `Kind namespace/name` of the object that has it and the path of its spec in there. */
export function podTemplates(
  desired: DesiredState,
): { readonly object: string; readonly path: string; readonly template: PodTemplate }[] {
  return [
    ...[...desired.deployments].map(([key, { template }]) => ({
      object: `Deployment ${key}`,
      path: 'spec.template.spec',
      template,
    })),
    ...[...desired.pods].map(([key, { template }]) => ({ object: `Pod ${key}`, path: 'spec', template })),
  ]
}
