import { SIDECAR_PORTS, type MtlsMode, type Workload, type WorkloadPort } from '../model/mesh.ts'
import { protocolOf, type PortProtocol } from '../model/protocol.ts'
import { opaquePortsOf } from './opaque-ports.ts'
import type { PodObject } from '../registry/kinds/core.ts'
import type { PeerAuthenticationObject } from '../registry/kinds/peer-authentication.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { identityOf, isMeshed, PROXY_CONTAINER } from './meshed.ts'
import type { Target, TranslatedService } from './services.ts'

interface Kept {
  readonly pod: PodObject
  readonly mtls: MtlsMode
  readonly ports: string
  readonly workload: Workload
}

/** Pods with a sidecar; an unchanged one comes back as the same object. */
export class WorkloadTranslator {
  readonly #trustDomain: string
  #kept = new Map<string, Kept>()
  #last: { readonly inputs: readonly unknown[]; readonly result: ReadonlyMap<string, Workload> } | undefined

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain
  }

  translate(
    snapshot: Snapshot,
    services: ReadonlyMap<string, TranslatedService>,
  ): ReadonlyMap<string, Workload> {
    const inputs = [services, snapshot.pods, snapshot.peerAuthentications]
    if (this.#last && inputs.every((input, index) => input === this.#last?.inputs[index]))
      return this.#last.result
    const targets = new Map<string, Target[]>()
    for (const service of services.values()) {
      for (const target of service.targets) {
        const list = targets.get(target.pod)
        if (list) list.push(target)
        else targets.set(target.pod, [target])
      }
    }
    const policies = policiesByNamespace(snapshot)
    const next = new Map<string, Kept>()
    const result = new Map<string, Workload>()
    for (const [key, pod] of snapshot.pods) {
      if (pod.finished || !isMeshed(pod)) continue
      const mtls = mtlsMode(pod, policies.get(pod.meta.namespace) ?? [])
      const ports = portsOf(pod, targets.get(key) ?? [])
      const signature = JSON.stringify(ports)
      let kept = this.#kept.get(key)
      if (!kept || kept.pod !== pod || kept.mtls !== mtls || kept.ports !== signature) {
        const workload: Workload = {
          key,
          namespace: pod.meta.namespace,
          name: pod.meta.name,
          addresses: pod.ips,
          identity: identityOf(pod, this.#trustDomain),
          mtls,
          labels: pod.meta.labels,
          ports,
        }
        kept = { pod, mtls, ports: signature, workload }
      }
      next.set(key, kept)
      result.set(key, kept.workload)
    }
    this.#kept = next
    this.#last = { inputs, result }
    return result
  }
}

function policiesByNamespace(snapshot: Snapshot): ReadonlyMap<string, readonly PeerAuthenticationObject[]> {
  const index = new Map<string, PeerAuthenticationObject[]>()
  for (const policy of snapshot.peerAuthentications.values()) {
    const list = index.get(policy.meta.namespace)
    if (list) list.push(policy)
    else index.set(policy.meta.namespace, [policy])
  }
  for (const list of index.values()) {
    list.sort((a, b) => a.meta.createdAt - b.meta.createdAt || (a.meta.name < b.meta.name ? -1 : 1))
  }
  return index
}

/**
 * A policy that selects the pod beats the namespace's; of several on one level STRICT wins, so that a
 * second policy never opens what the first one closed. Without any: PERMISSIVE.
 */
export function mtlsMode(pod: PodObject, policies: readonly PeerAuthenticationObject[]): MtlsMode {
  const selecting = policies.filter(
    (policy) => policy.selector !== undefined && selects(policy.selector, pod),
  )
  const level = selecting.length > 0 ? selecting : policies.filter((policy) => policy.selector === undefined)
  return level.some((policy) => policy.mode === 'STRICT') ? 'STRICT' : 'PERMISSIVE'
}

function selects(selector: Readonly<Record<string, string>>, pod: PodObject): boolean {
  return Object.entries(selector).every(([key, value]) => pod.meta.labels[key] === value)
}

function portsOf(pod: PodObject, targets: readonly Target[]): readonly WorkloadPort[] {
  const ports = new Map<number, { protocol: PortProtocol; declared: boolean }>()
  for (const { container, name, port } of pod.ports) {
    if (container === PROXY_CONTAINER || SIDECAR_PORTS.has(port)) continue
    ports.set(port, { protocol: protocolOf({ port, name, appProtocol: undefined }), declared: false })
  }
  const aimed = new Map<number, { protocol: PortProtocol; declared: boolean }>()
  for (const { port, protocol, declared } of targets) {
    if (SIDECAR_PORTS.has(port)) continue
    const other = aimed.get(port)
    if (!other || (declared && !other.declared)) aimed.set(port, { protocol, declared })
    // Two Services that say different things of one port: its first bytes decide.
    else if (declared === other.declared && protocol !== other.protocol) {
      aimed.set(port, { protocol: 'auto', declared })
    }
  }
  for (const [port, entry] of aimed) {
    // A Service that says nothing does not overrule the container port's name.
    if (entry.protocol !== 'auto' || !ports.has(port)) ports.set(port, entry)
    else if (entry.declared) ports.set(port, entry)
  }
  for (const port of opaquePortsOf(pod)) {
    if (!SIDECAR_PORTS.has(port)) ports.set(port, { protocol: 'opaque', declared: true })
  }
  return [...ports].sort(([a], [b]) => a - b).map(([port, { protocol }]) => ({ port, protocol }))
}
