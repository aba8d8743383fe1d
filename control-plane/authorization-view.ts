import type { RuleSet } from '../core/authorization/rules.ts'
import { HEALTH_PORT, METRICS_PORT } from '../core/contract.ts'
import { rulesFor, type RuleSource } from './model/authorization.ts'
import type { DefaultDecision, Said } from './model/mesh-policy.ts'
import type { CapturedPorts, Mesh } from './model/mesh.ts'
import type { MtlsMode } from './model/mesh-policy.ts'
import type { PortProtocol } from './model/protocol.ts'
import type { PathRules } from './model/path-rules.ts'

/** What holds for a pod with a sidecar, and from where, for people and tools; plain JSON. */
export interface WorkloadAuthorizationView {
  readonly trustDomain: string
  readonly namespace: string
  readonly pod: string
  readonly identity: string
  readonly addresses: readonly string[]
  /** How its sidecar puts paths in order before it decides. */
  readonly paths: PathRules
  readonly captured: CapturedPorts
  /** In order; the last, whose port is null, stands for all others. */
  readonly ports: readonly PortAuthorizationView[]
  readonly notCovered: readonly NotCovered[]
}

export interface PortAuthorizationView {
  readonly port: number | null
  /** `auto`: its first bytes decide. */
  readonly protocol: PortProtocol
  readonly mtls: Said<MtlsMode>
  /** Of requests. */
  readonly http: RuleSet
  /** Of connections that carry none, or none that anybody looks at. */
  readonly tcp: RuleSet
  readonly sources: readonly RuleSource[]
  /** Of what no ALLOW policy covers. */
  readonly decision: Said<DefaultDecision>
}

/** What reaches the pod without being decided on. */
export interface NotCovered {
  readonly what: string
  readonly why: string
}

/** The pods that one address stands for. */
export interface TargetsView {
  /** `none`: there is neither a Service nor a pod with a sidecar of this name. */
  readonly kind: 'Service' | 'Pod' | 'none'
  /** Those of the Service. */
  readonly ports: readonly number[]
  readonly targets: readonly {
    readonly namespace: string
    /** '' where nobody knows which pod has the address. */
    readonly pod: string
    readonly address: string
    /** On which it listens. */
    readonly port: number
    /** False: it has no sidecar, so nobody decides. */
    readonly meshed: boolean
  }[]
}

export function workloadAuthorization(
  mesh: Mesh,
  namespace: string,
  pod: string,
): WorkloadAuthorizationView | undefined {
  const workload = mesh.workloads.get(`${namespace}/${pod}`)
  if (!workload) return undefined
  const { mtls } = workload
  const portView = (port: number | undefined, protocol: PortProtocol, own = mtls): PortAuthorizationView => {
    const { http, tcp, sources, decision } = rulesFor(mesh, workload, port)
    return {
      port: port ?? null,
      protocol,
      mtls: own,
      http,
      tcp,
      sources,
      decision,
    }
  }
  return {
    trustDomain: mesh.trustDomain,
    namespace,
    pod,
    identity: workload.identity,
    addresses: workload.addresses,
    paths: workload.paths,
    captured: workload.captured,
    ports: [
      ...workload.ports.map(({ port, protocol, mtls: own }) => portView(port, protocol, own)),
      portView(undefined, 'auto'),
    ],
    notCovered: notCovered(workload.captured),
  }
}

/** The pods that `name:port` of a namespace leads to: those of a Service's port, or a pod by itself. */
export function targetsOf(mesh: Mesh, namespace: string, name: string, port: number): TargetsView {
  const service = mesh.services.get(`${namespace}/${name}`)
  if (service) {
    const key = service.ports.find((one) => one.port === port)?.key
    const targets = new Map<string, TargetsView['targets'][number]>()
    for (const endpoint of (key === undefined ? undefined : mesh.endpoints.get(key))?.endpoints ?? []) {
      const dot = endpoint.workload.lastIndexOf('.')
      const pod = endpoint.workload.slice(0, Math.max(dot, 0))
      // One of two families of addresses is enough.
      const id = pod === '' ? endpoint.address : `${endpoint.workload} ${endpoint.port}`
      if (targets.has(id)) continue
      const { address, meshed } = endpoint
      targets.set(id, { namespace, pod, address, port: endpoint.port, meshed })
    }
    return { kind: 'Service', ports: service.ports.map((one) => one.port), targets: [...targets.values()] }
  }
  const workload = mesh.workloads.get(`${namespace}/${name}`)
  if (!workload) return { kind: 'none', ports: [], targets: [] }
  const [address = ''] = workload.addresses
  return { kind: 'Pod', ports: [], targets: [{ namespace, pod: name, address, port, meshed: true }] }
}

function notCovered({ include, exclude }: CapturedPorts): readonly NotCovered[] {
  return [
    ...exclude.map((port) => ({
      what: `port ${port}`,
      why: 'weft.dev/exclude-inbound-ports: connections reach the application past the sidecar',
    })),
    ...(include === '*'
      ? []
      : [
          {
            what: include.length === 0 ? 'every port' : `every port but ${include.join(', ')}`,
            why: 'weft.dev/include-inbound-ports: connections reach the application past the sidecar',
          },
        ]),
    {
      what: `port ${HEALTH_PORT}`,
      why: "the kubelet's probes: the sidecar asks the application in its place, from within the pod",
    },
    { what: `port ${METRICS_PORT}`, why: "the sidecar's own metrics" },
    {
      what: 'loopback',
      why: 'what containers of the pod say to each other by 127.0.0.1 and ::1 is not captured',
    },
    { what: 'UDP and SCTP', why: 'only TCP is captured' },
  ]
}
