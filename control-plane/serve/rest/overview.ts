import type { MeshBrain } from '../../mesh.ts'
import { together, type Problem } from '../../../core/problem.ts'
import { proxyProblems } from '../../problems/mesh-problems.ts'
import {
  targetsOf,
  workloadAuthorization,
  type TargetsView,
  type WorkloadAuthorizationView,
} from '../../authorization-view.ts'
import { policyOverview, type PolicyOverview } from '../../policy-view.ts'
import type { Issuer, IssuerTrouble } from '../../issuers/issuer.ts'
import type { ExpectedSidecar } from '../answers/mesh-answers.ts'
import type { CanaryView } from '../../canary/view.ts'
import type { ServiceView } from '../../service-view.ts'

/** A proxy, or another xDS client, whose stream is open. Plain JSON. */
export interface NamedProxy extends ProxyStream {
  /** Its pod's name in telemetry (docs/telemetry-names.md), or ''. */
  readonly service: string
}

/** The same, wherever it is connected. */
export interface ProxyView extends NamedProxy {
  /** The replica of the control plane that it is connected to; '' is the one that answers. */
  readonly replica: string
  /** Version of the mesh at that replica: each counts for itself. */
  readonly latest: number
}

/** What its stream tells. */
export interface ProxyStream {
  /** `pod.namespace` */
  readonly node: string
  readonly namespace: string
  readonly pod: string
  readonly serviceAccount: string
  /** Milliseconds since the epoch. */
  readonly connectedAt: number
  /** The version of Node.js that a sidecar says it runs on, or ''. */
  readonly runtime?: string
  /** Version of the mesh that it took last. */
  readonly version: number
  /** Why it refused what it was sent last, or ''. */
  readonly rejected: string
}

/** The mesh as people look at it; read anew for each answer. */
export interface MeshOverview {
  /** Grows with every change of the mesh. */
  version(): number
  readonly trustDomain: string
  services(): readonly ServiceView[]
  policies(): PolicyOverview
  /** What holds for a pod; undefined: there is none with a sidecar. */
  authorization(namespace: string, pod: string): WorkloadAuthorizationView | undefined
  /** The pods that a Service's port leads to, or a pod by itself. */
  targets(namespace: string, name: string, port: number): TargetsView
  /** Pods with a sidecar. */
  workloads(): number
  /** The same, by name. */
  pods(): readonly ExpectedSidecar[]
  /** In order; empty when all is well. `own`: without those that somebody else found. `of`: left out, proxies of this replica. */
  problems(own: boolean, of?: readonly ProxyStream[]): readonly Problem[]
  /** Of this replica. */
  proxies(): readonly NamedProxy[]
  canaries(): readonly CanaryView[]
  /** Who signs certificates, as this replica sees it; undefined while it starts. */
  issuer(): IssuerView | undefined
}

/** Plain JSON. */
export interface IssuerView {
  readonly title: string
  /** Why it gives no certificates; null while all is well. */
  readonly trouble: IssuerTrouble | null
}

/** Of a mesh that may not be there yet: then nothing is in it. `told` are problems that somebody else found. */
export function overviewOf(
  brain: () => MeshBrain | undefined,
  trustDomain: string,
  proxies: () => readonly ProxyStream[],
  told: () => readonly Problem[],
  canaries: () => readonly CanaryView[] = () => [],
  issuer: () => Issuer | undefined = () => undefined,
): MeshOverview {
  const now = () => brain()?.snapshot.value
  return {
    trustDomain,
    proxies() {
      const workloads = now()?.model.workloads
      return proxies().map((one) => ({
        ...one,
        service: workloads?.get(`${one.namespace}/${one.pod}`)?.service ?? '',
      }))
    },
    canaries,
    issuer() {
      const signs = issuer()
      return signs && { title: signs.title, trouble: signs.trouble.value ?? null }
    },
    version: () => now()?.version ?? 0,
    services: () => now()?.services ?? [],
    policies() {
      const model = now()?.model
      return model ? policyOverview(model) : { policies: [], services: [] }
    },
    authorization(namespace, pod) {
      const model = now()?.model
      return model && workloadAuthorization(model, namespace, pod)
    },
    targets(namespace, name, port) {
      const model = now()?.model
      return model ? targetsOf(model, namespace, name, port) : { kind: 'none', ports: [], targets: [] }
    },
    workloads: () => now()?.model.workloads.size ?? 0,
    pods: () =>
      Array.from(now()?.model.workloads.values() ?? [], ({ namespace, name, service, identity }) => ({
        namespace,
        pod: name,
        service,
        serviceAccount: identity.slice(identity.lastIndexOf('/') + 1),
      })),
    problems: (own, of = proxies()) =>
      together(own ? [] : told(), brain()?.problems() ?? [], proxyProblems(of)),
  }
}
