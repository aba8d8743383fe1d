import { CONTROL_PLANE, HTTP_PORT, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { CanaryRow } from '../../control-plane/canary/manifests/state-directory.ts'
import type { Problem } from '../../core/problem.ts'
import packageJson from '../../package.json' with { type: 'json' }
import type { Cluster } from '../node/cluster.ts'
import type { NetworkMode } from '../network/node-network.ts'
import type { Nodes, NodeStatus } from '../node/nodes.ts'
import type { ObjectEvent } from '../pod/events.ts'
import type { PodRunner } from '../pod/pod-runner.ts'
import type { ContainerStatus, PodPhase } from '../pod/pod-state.ts'

/** What `weft local status --json` prints. */
export interface ClusterStatus {
  readonly name: string
  /** Of the program that runs it. */
  readonly version: string
  /** Every pod that the manifests ask for is there and ready. */
  readonly ready: boolean
  /** How packets get from node to node; null of one node. */
  readonly network: NetworkMode | null
  readonly nodes: readonly NodeStatus[]
  readonly pods: readonly PodStatus[]
  readonly services: readonly ServiceStatus[]
  /** Where the dashboard is, `http://127.0.0.1:41237`; null without the mesh. */
  readonly dashboard: string | null
  /** What else this machine reaches. */
  readonly exposed: readonly ExposedService[]
  /** Of manifests, pods and the mesh, now; empty when all is well. */
  readonly problems: readonly Problem[]
  /** Canaries that were looked at: how far they are. */
  readonly canaries: readonly CanaryRow[]
  /** The last warnings and errors of other kinds, oldest first. */
  readonly messages: readonly string[]
}

export interface PodStatus {
  readonly namespace: string
  readonly name: string
  readonly owner: string | undefined
  /** Undefined before it has one. */
  readonly node: string | undefined
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  readonly phase: PodPhase
  readonly ready: boolean
  readonly terminating: boolean
  readonly ips: readonly string[]
  /** The node's end of the pod's veth pair. */
  readonly device: string | undefined
  readonly createdAt: number
  /** Why the pod as a whole does not get on, when it does not, in one word and in a sentence. */
  readonly reason: string | undefined
  readonly problem: string | undefined
  readonly containers: readonly ContainerStatus[]
  /** The last ones, the eldest first. */
  readonly events: readonly ObjectEvent[]
}

export interface ServiceStatus {
  readonly namespace: string
  readonly name: string
  readonly ips: readonly string[]
  readonly ports: readonly { readonly name: string | undefined; readonly port: number }[]
  /** Addresses of the ready endpoints. */
  readonly endpoints: readonly string[]
}

export interface ExposedService {
  /** `name.namespace:port` */
  readonly target: string
  /** `http://127.0.0.1:8080` */
  readonly address: string
}

/** The Service that `weft local up` exposes for the dashboard. */
export const DASHBOARD_TARGET = `${CONTROL_PLANE}.${SYSTEM_NAMESPACE}:${HTTP_PORT}`

type Facts = Pick<ClusterStatus, 'name' | 'ready' | 'exposed' | 'problems' | 'canaries' | 'messages'> & {
  readonly cluster: Cluster
  readonly nodes: Nodes
}

export function clusterStatus({
  name,
  ready,
  cluster,
  nodes,
  exposed,
  problems,
  canaries,
  messages,
}: Facts): ClusterStatus {
  return {
    name,
    version: packageJson.version,
    ready,
    network: nodes.mode ?? null,
    nodes: nodes.status,
    pods: cluster.pods.map((pod) => podStatus(cluster, pod)),
    services: cluster.services.map(({ service, ips, groups }) => ({
      namespace: service.namespace,
      name: service.name,
      ips,
      ports: service.ports.map(({ name: port, port: number }) => ({ name: port, port: number })),
      endpoints: groups.flatMap((group) =>
        group.endpoints.filter((endpoint) => endpoint.ready).map((endpoint) => endpoint.pod.ips[0] ?? ''),
      ),
    })),
    dashboard: exposed.find(({ target }) => target === DASHBOARD_TARGET)?.address ?? null,
    exposed: exposed.filter(({ target }) => target !== DASHBOARD_TARGET),
    problems,
    canaries,
    messages,
  }
}

export function podStatus(cluster: Cluster, pod: PodRunner): PodStatus {
  const { state, identity } = pod
  return {
    namespace: identity.namespace,
    name: identity.name,
    owner: identity.owner?.name,
    node: state.facts.node || undefined,
    serviceAccount: state.facts.serviceAccount,
    labels: state.facts.labels,
    phase: state.phase,
    ready: state.ready,
    terminating: state.deletedAt !== undefined,
    ips: state.facts.ips,
    device: pod.network?.device,
    createdAt: state.createdAt,
    reason: pod.problem?.reason,
    problem: pod.problem?.message,
    containers: state.containers,
    events: cluster.events.of(`Pod ${identity.namespace}/${identity.name}`),
  }
}
