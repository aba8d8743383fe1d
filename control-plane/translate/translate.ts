import { SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { EndpointGroup, Mesh, MeshService, Workload } from '../model/mesh.ts'
import { NO_LIMITS, type WorkloadLimits } from '../model/workload-limits.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { bindRoutes, type Routes } from './binding.ts'
import { ServiceTranslator } from './services.ts'
import { externalAddresses } from './external-addresses.ts'
import { BackendPolicyTranslator } from './backend-policies.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { PolicyStatus } from '../model/policy-status.ts'
import type { KeysBySource } from '../model/token-rule.ts'
import { TokenTranslator } from './tokens.ts'
import { TrafficPolicyTranslator } from './traffic-policies.ts'
import { AuthorizationTranslator } from './authorization/translator.ts'
import { MeshPolicyTranslator } from './mesh-policies.ts'
import { NamespaceTelemetryTranslator } from './namespace-telemetry.ts'
import { TrustTranslator } from './trust.ts'
import { WorkloadTranslator } from './workloads.ts'

/** What is known beside the objects; each the same object while it stays. */
export interface Fetched {
  /** Keys that policies name by a URL. */
  readonly keys?: KeysBySource | undefined
  /** Roots of other trust domains, by domain, as PEM. */
  readonly federated?: Readonly<Record<string, string>> | undefined
}

const NO_KEYS: KeysBySource = new Map()
const NO_BUNDLES: Readonly<Record<string, string>> = {}

export interface TranslatorOptions {
  readonly trustDomain: string
  /** Whose identities are the mesh's own, too: those of a domain that it is moving from or to. */
  readonly trustDomainAliases?: readonly string[] | undefined
  /** Where Weft is installed: what is for the whole mesh holds there alone. Left out, as it is installed by itself. */
  readonly systemNamespace?: string | undefined
  /** What sidecars of pods take that say nothing; left out, as documented. */
  readonly limits?: WorkloadLimits | undefined
}

/**
 * Objects -> mesh model. Keeps what it made last time: an endpoint's change works out one Service again,
 * a route's change the routes.
 */
export class Translator {
  readonly #trustDomain: string
  readonly #aliases: readonly string[]
  readonly #trust: TrustTranslator
  readonly #namespaceTelemetry = new NamespaceTelemetryTranslator()
  readonly #services: ServiceTranslator
  readonly #workloads: WorkloadTranslator
  readonly #policies = new TrafficPolicyTranslator()
  readonly #backendPolicies = new BackendPolicyTranslator()
  readonly #meshPolicies: MeshPolicyTranslator
  readonly #authorization: AuthorizationTranslator
  readonly #tokens: TokenTranslator
  readonly #policyStatus = new JoinedList<PolicyStatus>()
  readonly #policyProblems = new JoinedList<PolicyProblem>()
  #routes: { readonly inputs: readonly unknown[]; readonly result: Routes } | undefined
  #byAddressOf:
    | { readonly workloads: ReadonlyMap<string, Workload>; readonly result: ReadonlyMap<string, Workload> }
    | undefined
  #found: ReadonlyMap<string, MeshService> = new Map()
  #version = 0

  constructor(options: TranslatorOptions) {
    const { trustDomain, trustDomainAliases: aliases = [], systemNamespace = SYSTEM_NAMESPACE } = options
    this.#trustDomain = trustDomain
    this.#aliases = aliases
    this.#trust = new TrustTranslator({ trustDomain, aliases, systemNamespace })
    this.#meshPolicies = new MeshPolicyTranslator(systemNamespace)
    this.#authorization = new AuthorizationTranslator([trustDomain, ...aliases], systemNamespace)
    this.#tokens = new TokenTranslator(systemNamespace)
    this.#services = new ServiceTranslator(options.trustDomain)
    this.#workloads = new WorkloadTranslator(options.trustDomain, options.limits ?? NO_LIMITS)
  }

  translate(snapshot: Snapshot, { keys = NO_KEYS, federated = NO_BUNDLES }: Fetched = {}): Mesh {
    const { trust, problems: trustProblems } = this.#trust.translate(snapshot, federated)
    const translated = this.#services.translate(snapshot)
    const mesh = this.#meshPolicies.translate(snapshot)
    const workloads = this.#workloads.translate(snapshot, translated, mesh.settings)
    const found = new Map<string, MeshService>()
    const endpoints = new Map<string, EndpointGroup>()
    const servicesByAddress = new Map<string, MeshService>()
    for (const { service, groups } of translated.values()) {
      found.set(service.key, service)
      for (const group of groups) endpoints.set(group.key, group)
      for (const address of service.addresses) servicesByAddress.set(address, service)
    }
    const services = sameEntries(this.#found, found) ? this.#found : found
    this.#found = services
    // What a Service's port carries may follow from its pods.
    const { httpRoutes, grpcRoutes, tlsRoutes, tcpRoutes } = snapshot
    const traffic = this.#policies.translate(snapshot)
    const policies = this.#backendPolicies.translate(snapshot, traffic.tables)
    const { sessions } = policies
    const routes = [httpRoutes, grpcRoutes, tlsRoutes, tcpRoutes]
    const inputs = [services, snapshot.services, ...routes, sessions]
    if (!this.#routes || inputs.some((input, index) => input !== this.#routes?.inputs[index])) {
      this.#routes = { inputs, result: bindRoutes(snapshot, translated, sessions) }
    }
    const authorization = this.#authorization.translate({
      snapshot,
      services: translated,
      workloads,
      routes: this.#routes.result.tables,
      settings: mesh.settings,
    })
    const { tokenRules: meshRules } = mesh
    const tokens = this.#tokens.translate({ snapshot, workloads, meshRules, keys })
    return {
      version: ++this.#version,
      trustDomain: this.#trustDomain,
      trustDomainAliases: this.#aliases,
      trust,
      namespaceTelemetry: this.#namespaceTelemetry.translate(snapshot),
      services,
      servicesByAddress,
      servicesByExternalAddress: externalAddresses(snapshot, services, servicesByAddress),
      endpoints,
      workloads,
      workloadsByAddress: this.#byAddress(snapshot, workloads),
      routes: this.#routes.result.tables,
      routeStatus: this.#routes.result.status,
      routeProblems: this.#routes.result.problems,
      traffic: policies.tables,
      authorization: authorization.tables,
      tokens: tokens.tokens,
      policyStatus: this.#policyStatus.of(
        traffic.status,
        policies.status,
        authorization.status,
        mesh.status,
        tokens.status,
      ),
      policyProblems: this.#policyProblems.of(
        traffic.problems,
        policies.problems,
        authorization.problems,
        mesh.problems,
        tokens.problems,
        trustProblems,
      ),
    }
  }

  #byAddress(snapshot: Snapshot, workloads: ReadonlyMap<string, Workload>): ReadonlyMap<string, Workload> {
    if (this.#byAddressOf?.workloads === workloads) return this.#byAddressOf.result
    const result = new Map<string, Workload>()
    const newer = (key: string) => snapshot.pods.get(key)?.meta.createdAt ?? 0
    for (const workload of workloads.values()) {
      for (const address of workload.addresses) {
        const other = result.get(address)
        // An address that was handed on belongs to the newer pod.
        if (!other || newer(other.key) <= newer(workload.key)) result.set(address, workload)
      }
    }
    this.#byAddressOf = { workloads, result }
    return result
  }
}

/** Lists as one, which stays the same array while none changes: whoever follows it looks at nothing else. */
class JoinedList<T> {
  #parts: readonly (readonly T[])[] = []
  #all: readonly T[] = []

  of(...parts: readonly (readonly T[])[]): readonly T[] {
    if (parts.length === this.#parts.length && parts.every((part, at) => part === this.#parts[at]))
      return this.#all
    this.#parts = parts
    return (this.#all = parts.flat())
  }
}

function sameEntries<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of b) if (a.get(key) !== value) return false
  return true
}
