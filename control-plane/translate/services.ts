import { isIP } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { EndpointGroup, MeshEndpoint, MeshService, ServicePort } from '../model/mesh.ts'
import { agreedRules } from '../model/path-rules.ts'
import { protocolOf, type PortProtocol } from '../model/protocol.ts'
import { opaquePortsOf } from './opaque-ports.ts'
import { largestLimits } from '../model/workload-limits.ts'
import { limitsOf } from './workload-limits.ts'
import { pathRulesOf } from './path-rules.ts'
import type { PodObject, ServiceObject, ServiceObjectPort } from '../registry/kinds/core.ts'
import type { EndpointSliceObject, SliceEndpoint } from '../registry/kinds/endpoint-slice.ts'
import { podsByAddress, slicesByService, type Snapshot } from '../registry/snapshot.ts'
import { identityOf, isMeshed } from './meshed.ts'
import { ownerOf } from './owner.ts'

/** A Service with what follows from it and its slices alone. */
export interface TranslatedService {
  readonly service: MeshService
  readonly groups: readonly EndpointGroup[]
  /** Ports of pods of its own namespace that the Service leads to. */
  readonly targets: readonly Target[]
}

export interface Target {
  /** Of the Service: `namespace/name`. */
  readonly service: string
  /** `namespace/pod` */
  readonly pod: string
  /** Port of the Service that leads here: `namespace/service/port`. */
  readonly portKey: string
  readonly port: number
  readonly protocol: PortProtocol
  readonly declared: boolean
}

interface Kept {
  readonly source: ServiceObject
  readonly slices: readonly EndpointSliceObject[]
  readonly pods: readonly (PodObject | undefined)[]
  readonly result: TranslatedService
}

/** Translates Services; what did not change since the last call comes back as the same object. */
export class ServiceTranslator {
  readonly #trustDomain: string
  #kept = new Map<string, Kept>()
  #last:
    | { readonly inputs: readonly unknown[]; readonly result: ReadonlyMap<string, TranslatedService> }
    | undefined

  constructor(trustDomain: string) {
    this.#trustDomain = trustDomain
  }

  /** By `namespace/name`; ExternalName Services are not of the mesh. */
  translate(snapshot: Snapshot): ReadonlyMap<string, TranslatedService> {
    const inputs = [snapshot.services, snapshot.slices, snapshot.pods]
    if (this.#last && inputs.every((input, index) => input === this.#last?.inputs[index]))
      return this.#last.result
    const slices = slicesByService(snapshot.slices)
    const samePods = this.#last?.inputs[2] === snapshot.pods
    const next = new Map<string, Kept>()
    const result = new Map<string, TranslatedService>()
    for (const [key, source] of snapshot.services) {
      if (source.type === 'ExternalName') continue
      const own = slices.get(key) ?? []
      const before = this.#kept.get(key)
      const same = before?.source === source && sameItems(before.slices, own)
      // Endpoints are many: they are looked up again only where something could have changed.
      const pods =
        same && samePods
          ? before.pods
          : own.flatMap((slice) => slice.endpoints.map((endpoint) => podOf(snapshot, endpoint)))
      const kept =
        same && sameItems(before.pods, pods)
          ? before
          : {
              source,
              slices: own,
              pods,
              result: keepingService(
                before?.result.service,
                translateService(key, source, own, pods, this.#trustDomain),
              ),
            }
      next.set(key, kept)
      result.set(key, kept.result)
    }
    this.#kept = next
    this.#last = { inputs, result }
    return result
  }
}

/** Endpoints come and go; the Service itself, which routes are bound to, seldom changes with them. */
function keepingService(before: MeshService | undefined, made: TranslatedService): TranslatedService {
  return isDeepStrictEqual(before, made.service) ? { ...made, service: before as MeshService } : made
}

/** The slice names the pod; where it does not, or the pod has another address by now, the address tells. */
function podOf(snapshot: Snapshot, endpoint: SliceEndpoint): PodObject | undefined {
  const address = endpoint.addresses[0]
  if (address === undefined) return undefined
  const named = endpoint.pod === '' ? undefined : snapshot.pods.get(endpoint.pod)
  if (named && (named.ips.length === 0 || named.ips.includes(address))) return named
  return podsByAddress(snapshot.pods).get(address)
}

function translateService(
  key: string,
  source: ServiceObject,
  slices: readonly EndpointSliceObject[],
  pods: readonly (PodObject | undefined)[],
  trustDomain: string,
): TranslatedService {
  const ports = source.ports.map((port) => {
    const translated = translatePort(key, port)
    // One pod that must not be detected is enough: bytes are passed on whatever they are.
    return !translated.declared && anyOpaque(port.name, slices, pods)
      ? { ...translated, protocol: 'opaque' as const }
      : translated
  })
  const service: MeshService = {
    key,
    namespace: source.meta.namespace,
    name: source.meta.name,
    addresses: source.headless ? [] : source.clusterIPs,
    ...(source.externalIPs.length > 0 ? { externalAddresses: source.externalIPs } : {}),
    ports,
    affinityMs: source.affinitySeconds === undefined ? undefined : source.affinitySeconds * 1000,
    ...(source.nearness ? { nearness: source.nearness } : {}),
    paths: agreedRules(pods.flatMap((pod) => (pod ? [pathRulesOf(pod)] : []))),
    limits: largestLimits(pods.flatMap((pod) => (pod ? [limitsOf(pod)] : []))),
  }
  const targets: Target[] = []
  const listed = new Set(slices.flatMap((slice) => slice.endpoints.map(({ addresses }) => addresses[0])))
  const groups = source.ports.map((port, index): EndpointGroup => {
    const { key: portKey, protocol, declared } = ports[index] as ServicePort
    const ready: MeshEndpoint[] = []
    const draining: MeshEndpoint[] = []
    const seen = new Set<string>()
    let at = 0
    for (const slice of slices) {
      const slicePort = slice.ports.find((one) => one.name === port.name)
      for (const endpoint of slice.endpoints) {
        const pod = pods[at++]
        if (!slicePort) continue
        // Whoever may write an EndpointSlice can name any pod's address: how a pod's ports are treated is only for
        // its own namespace to say.
        if (pod?.meta.namespace === source.meta.namespace)
          targets.push({
            service: key,
            pod: `${pod.meta.namespace}/${pod.meta.name}`,
            portKey,
            port: slicePort.port,
            protocol,
            declared,
          })
        const address = endpoint.addresses[0]
        // One endpoint may stand in two slices while they are rebalanced.
        if (address === undefined || seen.has(address)) continue
        if (pod && isSecondAddress(address, pod, listed)) continue
        // A pod that is named but not known (yet) may have a sidecar and a policy: plaintext is no guess to make.
        if (pod?.finished || (!pod && endpoint.pod !== '')) continue
        const healthy = endpoint.ready && !endpoint.terminating
        // Of a Service that publishes what is not ready, what terminates is ready still, and may be serving or not.
        const leaving = endpoint.terminating && (endpoint.serving || endpoint.ready)
        if (!healthy && !leaving) continue
        seen.add(address)
        const meshed = pod !== undefined && isMeshed(pod)
        const found: MeshEndpoint = {
          address,
          port: slicePort.port,
          health: healthy ? 'healthy' : 'draining',
          meshed,
          identity: meshed ? identityOf(pod, trustDomain) : '',
          workload: pod ? `${pod.meta.name}.${pod.meta.namespace}` : '',
          owner: pod ? ownerOf(pod) : '',
          zone: endpoint.zone,
          node: endpoint.node,
        }
        ;(healthy ? ready : draining).push(found)
      }
    }
    // Endpoints that serve while they terminate are the last resort (KEP-1669).
    const endpoints =
      ready.length > 0
        ? [...ready, ...draining]
        : draining.map((one) => ({ ...one, health: 'healthy' as const }))
    const near = {
      ...(source.nearness ? { nearness: source.nearness } : {}),
      ...(source.ownNodeOnly ? { ownNodeOnly: true as const } : {}),
    }
    return { key: portKey, ...near, endpoints: endpoints.sort(byAddress) }
  })
  return { service, groups, targets }
}

/**
 * A pod with two families of addresses stands in a slice of each: it is one endpoint, at its first address, whichever address
 * of the Service is called.
 */
function isSecondAddress(
  address: string,
  { ips: [first] }: PodObject,
  listed: ReadonlySet<string | undefined>,
): boolean {
  return first !== undefined && isIP(first) !== isIP(address) && listed.has(first)
}

function anyOpaque(
  portName: string,
  slices: readonly EndpointSliceObject[],
  pods: readonly (PodObject | undefined)[],
): boolean {
  let at = 0
  for (const slice of slices) {
    const port = slice.ports.find((one) => one.name === portName)?.port
    for (const _ of slice.endpoints) {
      const pod = pods[at++]
      if (pod && port !== undefined && opaquePortsOf(pod).has(port)) return true
    }
  }
  return false
}

function translatePort(serviceKey: string, port: ServiceObjectPort): ServicePort {
  const targetPort = typeof port.targetPort === 'number' ? port.targetPort : undefined
  const facts = { port: port.port, name: port.name, appProtocol: port.appProtocol, targetPort }
  const protocol = protocolOf(facts)
  // Port 0 is in no list: what is left is what somebody declared.
  const declared = protocolOf({ ...facts, port: 0, targetPort: undefined }) !== 'auto'
  return { key: `${serviceKey}/${port.port}`, port: port.port, name: port.name, protocol, declared }
}

function byAddress(a: MeshEndpoint, b: MeshEndpoint): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
