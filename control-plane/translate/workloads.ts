import { isDeepStrictEqual } from 'node:util'
import { PROXY_CONTAINER } from '../../core/contract.ts'
import { serviceName } from '../../core/resource-attributes.ts'
import { SIDECAR_PORTS, type Workload, type WorkloadPort } from '../model/mesh.ts'
import type { MeshSettings } from '../model/mesh-policy.ts'
import type { WorkloadLimits } from '../model/workload-limits.ts'
import { carriesHttp, protocolOf, type PortProtocol } from '../model/protocol.ts'
import { opaquePortsOf } from './opaque-ports.ts'
import { proxyProtocolPortsOf } from './proxy-protocol-ports.ts'
import { ANNOTATION_PREFIX } from '../../core/contract.ts'
import { telemetryTexts } from '../../core/telemetry-settings.ts'
import { headRulesOf } from './head-rules.ts'
import { pathRulesOf } from './path-rules.ts'
import { limitsOf } from './workload-limits.ts'
import type { PodObject } from '../registry/kinds/core.ts'
import { podMtls, type PodMtls } from './peer-authentications.ts'
import type { PeerAuthenticationObject } from '../registry/kinds/peer-authentication.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { capturedPortsOf } from './captured-ports.ts'
import { identityOf, isMeshed } from './meshed.ts'
import { ownerOf } from './owner.ts'
import type { Target, TranslatedService } from './services.ts'
import { Targets } from './targets.ts'

const NONE: ReadonlySet<string> = new Set()

interface Kept {
  readonly pod: PodObject
  readonly mtls: PodMtls
  readonly workload: Workload
}

interface Last {
  readonly services: unknown
  readonly pods: unknown
  readonly policies: unknown
  readonly settings: MeshSettings
  readonly result: ReadonlyMap<string, Workload>
}

/** Pods with a sidecar; an unchanged one comes back as the same object, and so does the map of them all. */
export class WorkloadTranslator {
  readonly #trustDomain: string
  readonly #limits: WorkloadLimits
  readonly #targets = new Targets()
  #kept = new Map<string, Kept>()
  #last: Last | undefined

  /** `limits`: of pods that say nothing. */
  constructor(trustDomain: string, limits: WorkloadLimits) {
    this.#trustDomain = trustDomain
    this.#limits = limits
  }

  translate(
    snapshot: Snapshot,
    services: ReadonlyMap<string, TranslatedService>,
    settings: MeshSettings,
  ): ReadonlyMap<string, Workload> {
    const { pods, peerAuthentications } = snapshot
    const last = this.#last
    const samePods = last?.pods === pods
    const samePolicies = last?.policies === peerAuthentications && last.settings === settings
    const touched = last?.services === services ? NONE : this.#targets.update(services)
    let result: ReadonlyMap<string, Workload>
    if (last && samePods && samePolicies) {
      result = touched.size === 0 ? last.result : this.#patched(last.result, snapshot, touched, settings)
    } else result = this.#all(snapshot, touched, samePolicies, settings)
    this.#last = { services, pods, policies: peerAuthentications, settings, result }
    return result
  }

  /** Where only Services changed: the pods that they lead to, or led to. */
  #patched(
    before: ReadonlyMap<string, Workload>,
    snapshot: Snapshot,
    touched: ReadonlySet<string>,
    settings: MeshSettings,
  ): ReadonlyMap<string, Workload> {
    const policies = policiesByNamespace(snapshot)
    const result = new Map(before)
    for (const key of touched) {
      const pod = snapshot.pods.get(key)
      if (!pod || !result.has(key)) continue
      const mtls = podMtls(pod, policies.get(pod.meta.namespace) ?? [], settings)
      const kept = this.#work(key, pod, mtls)
      this.#kept.set(key, kept)
      result.set(key, kept.workload)
    }
    return result
  }

  #all(
    snapshot: Snapshot,
    touched: ReadonlySet<string>,
    samePolicies: boolean,
    settings: MeshSettings,
  ): ReadonlyMap<string, Workload> {
    const policies = policiesByNamespace(snapshot)
    const next = new Map<string, Kept>()
    const result = new Map<string, Workload>()
    for (const [key, pod] of snapshot.pods) {
      if (pod.finished || !isMeshed(pod)) continue
      let kept = this.#kept.get(key)
      const same = kept?.pod === pod && !touched.has(key)
      if (!kept || !same || !samePolicies) {
        const mtls = podMtls(pod, policies.get(pod.meta.namespace) ?? [], settings)
        if (!kept || !same || !isDeepStrictEqual(kept.mtls, mtls)) kept = this.#work(key, pod, mtls)
      }
      next.set(key, kept)
      result.set(key, kept.workload)
    }
    this.#kept = next
    return result
  }

  #work(key: string, pod: PodObject, mtls: PodMtls): Kept {
    const ports = portsOf(pod, this.#targets.of(key), mtls.ports)
    const services = this.#targets.servicesOf(key)
    const before = this.#kept.get(key)
    if (
      before?.pod === pod &&
      isDeepStrictEqual(before.mtls, mtls) &&
      samePorts(before.workload.ports, ports) &&
      isDeepStrictEqual(before.workload.services, services)
    )
      return before
    const workload: Workload = {
      key,
      namespace: pod.meta.namespace,
      name: pod.meta.name,
      uid: pod.uid,
      addresses: pod.ips,
      identity: identityOf(pod, this.#trustDomain),
      service: serviceName({ ...pod.meta, owner: pod.owner }),
      owner: ownerOf(pod),
      node: pod.node,
      services,
      mtls: mtls.all,
      captured: capturedPortsOf(pod),
      paths: pathRulesOf(pod),
      limits: limitsOf(pod, this.#limits),
      heads: headRulesOf(pod),
      telemetry: telemetryTexts(pod.meta.annotations, ANNOTATION_PREFIX),
      labels: pod.meta.labels,
      ports,
    }
    return { pod, mtls, workload }
  }
}

function samePorts(a: readonly WorkloadPort[], b: readonly WorkloadPort[]): boolean {
  return (
    a.length === b.length &&
    a.every(
      ({ port, protocol, mtls, proxyProtocol, services }, at) =>
        port === b[at]?.port &&
        protocol === b[at]?.protocol &&
        proxyProtocol === b[at]?.proxyProtocol &&
        isDeepStrictEqual(mtls, b[at]?.mtls) &&
        isDeepStrictEqual(services, b[at]?.services),
    )
  )
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

interface Said {
  readonly protocol: PortProtocol
  readonly declared: boolean
}

/**
 * What two Services say of one port, in whatever order they come. Where they differ its first bytes decide, also
 * where one says that it is HTTP and the other nothing: what is only one of them must not shut out the other's
 * callers. Bytes that somebody declared to be only that stay so.
 */
function agreed(a: Said, b: Said): Said {
  if (a.protocol === b.protocol) return a.declared ? a : b
  if (a.declared && b.declared) return { protocol: isHttp(a) && isHttp(b) ? 'http' : 'auto', declared: true }
  const said = a.declared ? a : b
  if ((a.declared || b.declared) && !carriesHttp(said.protocol)) return said
  return { protocol: 'auto', declared: a.declared || b.declared }
}

/** Nothing but HTTP, of whichever kind. */
function isHttp({ protocol }: Said): boolean {
  return protocol !== 'auto' && carriesHttp(protocol)
}

function portsOf(
  pod: PodObject,
  targets: readonly Target[],
  modes: PodMtls['ports'],
): readonly WorkloadPort[] {
  const ports = new Map<number, Said>()
  for (const { container, name, port } of pod.ports) {
    if (container === PROXY_CONTAINER || SIDECAR_PORTS.has(port)) continue
    ports.set(port, { protocol: protocolOf({ port, name, appProtocol: undefined }), declared: false })
  }
  const aimed = new Map<number, Said>()
  const services = new Map<number, Set<string>>()
  for (const { service, port, protocol, declared } of targets) {
    if (SIDECAR_PORTS.has(port)) continue
    services.set(port, (services.get(port) ?? new Set()).add(service))
    const other = aimed.get(port)
    aimed.set(port, other ? agreed(other, { protocol, declared }) : { protocol, declared })
  }
  for (const [port, entry] of aimed) {
    // A Service that says nothing does not overrule the container port's name.
    if (entry.protocol !== 'auto' || !ports.has(port)) ports.set(port, entry)
    else if (entry.declared) ports.set(port, entry)
  }
  for (const port of opaquePortsOf(pod)) {
    if (!SIDECAR_PORTS.has(port)) ports.set(port, { protocol: 'opaque', declared: true })
  }
  const told = proxyProtocolPortsOf(pod)
  // They have filter chains of their own, whoever else speaks of them.
  for (const port of [...told.keys(), ...modes.keys()])
    if (!ports.has(port) && !SIDECAR_PORTS.has(port)) ports.set(port, { protocol: 'auto', declared: false })
  return [...ports]
    .sort(([a], [b]) => a - b)
    .map(([port, { protocol }]) => {
      const proxyProtocol = told.get(port)
      const leading = [...(services.get(port) ?? [])].toSorted()
      const mtls = modes.get(port)
      return {
        port,
        protocol,
        ...(mtls ? { mtls } : {}),
        ...(proxyProtocol ? { proxyProtocol } : {}),
        services: leading,
      }
    })
}
