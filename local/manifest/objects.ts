import type { NetworkPolicy } from '../network/policy/network-policy.ts'
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
  readonly annotations: Readonly<Record<string, string>>
}

/** A ConfigMap or a Secret; what is no text is a Buffer. */
export interface ConfigObject extends Named {
  readonly data: Readonly<Record<string, string | Buffer>>
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

/** What keeps a number of pods that are all the same. A DaemonSet has one pod a node, whatever `replicas` is. */
export interface ReplicatedObject extends Named {
  readonly kind: 'Deployment' | 'ReplicaSet' | 'DaemonSet'
  readonly replicas: number
  readonly template: PodTemplate
  /** `keep` of a ReplicaSet: a changed template holds for new pods only. Else the limits of a rolling update in pods. */
  readonly strategy: 'recreate' | 'keep' | { readonly maxSurge: number; readonly maxUnavailable: number }
}

export interface StatefulSetObject extends Named {
  readonly kind: 'StatefulSet'
  readonly replicas: number
  readonly firstOrdinal: number
  /** The headless Service that gives each pod a name. */
  readonly serviceName: string
  readonly template: PodTemplate
  /** Pods come and go all at once, not one after the other. */
  readonly parallel: boolean
  /** Pods of a lower ordinal keep the template that they have; all do where it is infinite (OnDelete). */
  readonly partition: number
  /** Names of the volumes that each pod has for itself, and finds again. */
  readonly claims: readonly string[]
}

export interface JobObject extends Named {
  readonly kind: 'Job'
  readonly template: PodTemplate
  readonly completions: number
  readonly parallelism: number
  /** Each completion has a number, told to its pod. */
  readonly indexed: boolean
  readonly backoffLimit: number
  readonly deadlineSeconds: number | undefined
  readonly suspended: boolean
}

export type Workload = ReplicatedObject | StatefulSetObject | JobObject

export interface CronJobObject extends Named {
  readonly schedule: string
  readonly timeZone: string | undefined
  readonly concurrency: 'Allow' | 'Forbid' | 'Replace'
  readonly suspended: boolean
  /** How many finished Jobs stay to be looked at. */
  readonly keepSucceeded: number
  readonly keepFailed: number
  /** What each run is, but for its name. */
  readonly job: Omit<JobObject, 'name' | 'namespace'>
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
  /** Addresses of outside that lead to it, too. */
  readonly externalIPs: readonly string[]
  readonly dualStack: boolean
  readonly externalName: string | undefined
  readonly publishNotReady: boolean
  readonly raw: RawObject
}

/** What the manifests ask for, keyed by `namespace/name` (namespaces by name). */
export interface DesiredState {
  readonly namespaces: ReadonlyMap<string, NamespaceObject>
  readonly serviceAccounts: ReadonlySet<string>
  readonly configMaps: ReadonlyMap<string, ConfigObject>
  readonly secrets: ReadonlyMap<string, ConfigObject>
  /** By `Kind namespace/name`, see workloadKey. */
  readonly workloads: ReadonlyMap<string, Workload>
  readonly cronJobs: ReadonlyMap<string, CronJobObject>
  readonly pods: ReadonlyMap<string, PodObject>
  readonly services: ReadonlyMap<string, ServiceObject>
  readonly networkPolicies: ReadonlyMap<string, NetworkPolicy>
}

export function keyOf(object: Named): string {
  return `${object.namespace}/${object.name}`
}

export function workloadKey(workload: { readonly kind: string } & Named): string {
  return `${workload.kind} ${keyOf(workload)}`
}

/** Every pod template, with `Kind namespace/name` of the object that has it and the path of its spec in there. */
export function podTemplates(
  desired: DesiredState,
): { readonly object: string; readonly path: string; readonly template: PodTemplate }[] {
  return [
    ...[...desired.workloads].map(([object, { template }]) => ({
      object,
      path: 'spec.template.spec',
      template,
    })),
    ...[...desired.cronJobs].map(([key, { job }]) => ({
      object: `CronJob ${key}`,
      path: 'spec.jobTemplate.spec.template.spec',
      template: job.template,
    })),
    ...[...desired.pods].map(([key, { template }]) => ({ object: `Pod ${key}`, path: 'spec', template })),
  ]
}
