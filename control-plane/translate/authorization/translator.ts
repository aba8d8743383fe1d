import { isDeepStrictEqual } from 'node:util'
import type { RuleSet } from '../../../core/authorization/rules.ts'
import {
  NO_AUTHORIZATION,
  type AuthorizationTables,
  type PortAuthorization,
  type WorkloadAuthorization,
} from '../../model/authorization.ts'
import type { MeshSettings } from '../../model/mesh-policy.ts'
import { decisionOf } from '../../model/mesh-policy.ts'
import type { RouteTable, Workload } from '../../model/mesh.ts'
import type { PolicyProblem } from '../../model/policy-problem.ts'
import type { PolicyStatus } from '../../model/policy-status.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import type { TranslatedService } from '../services.ts'
import type { TrustDomains } from './identities.ts'
import { coversOf, type PortCover } from './covers.ts'
import { policiesInForce, type PolicyInForce } from './in-force.ts'
import { PolicyRulesCache } from './policy-rules.ts'
import { stagesOf, type Asked, type Asking } from './stages.ts'
import { StatusFindings, statusOfPolicies } from './status.ts'

export interface Authorization {
  readonly tables: AuthorizationTables
  readonly status: readonly PolicyStatus[]
  readonly problems: readonly PolicyProblem[]
}

export interface AuthorizationInputs {
  readonly snapshot: Snapshot
  readonly services: ReadonlyMap<string, TranslatedService>
  readonly workloads: ReadonlyMap<string, Workload>
  readonly routes: ReadonlyMap<string, RouteTable>
  readonly settings: MeshSettings
}

interface Kept {
  readonly inputs: readonly unknown[]
  readonly result: WorkloadAuthorization | undefined
}

const NONE: Authorization = { tables: NO_AUTHORIZATION, status: [], problems: [] }

/** Decides who may reach which port of which pod; what comes out the same keeps its identity. */
export class AuthorizationTranslator {
  readonly #domains: TrustDomains
  readonly #systemNamespace: string
  readonly #rules: PolicyRulesCache
  #kept = new Map<string, Kept>()
  #policies = new Map<string, PolicyInForce>()
  #inputs: readonly unknown[] = []
  #result = NONE

  /** `domains`: the mesh's own trust domain, and its aliases. */
  constructor(domains: TrustDomains, systemNamespace: string) {
    this.#domains = domains
    this.#systemNamespace = systemNamespace
    this.#rules = new PolicyRulesCache(domains)
  }

  translate(all: AuthorizationInputs): Authorization {
    const { snapshot, services, workloads, routes, settings } = all
    const { authorizationPolicies, services: objects, httpRoutes, grpcRoutes } = snapshot
    const targets = [services, routes, objects, httpRoutes, grpcRoutes]
    const inputs = [authorizationPolicies, workloads, settings, ...targets]
    if (inputs.every((input, at) => input === this.#inputs[at])) return this.#result
    this.#inputs = inputs
    const policies = policiesInForce(all, this.#rules, this.#systemNamespace, this.#policies)
    this.#policies = new Map(policies.map((one) => [one.key, one]))
    const portKeys = routedPortKeys(policies, services)
    const wide = policies.filter(({ scopes }) => scopes.some(({ level }) => level === 'mesh'))
    const byNamespace = Map.groupBy(
      policies.filter((one) => !wide.includes(one)),
      ({ policy }) => policy.meta.namespace,
    )
    const findings = new StatusFindings()
    const kept = new Map<string, Kept>()
    const tables = new Map<string, WorkloadAuthorization>()
    for (const [key, workload] of workloads) {
      const candidates = [...wide, ...(byNamespace.get(workload.namespace) ?? [])]
      const { value, from } = decisionOf(settings, workload.namespace)
      const dryRun = settings.dryRunNamespaces.includes(workload.namespace)
      if (candidates.length === 0 && value === 'Allow') continue
      const keysOf = (port: number): readonly string[] => portKeys.get(`${key}/${port}`) ?? []
      const covers = coversOf(candidates, workload, keysOf)
      findings.add(workload, covers)
      const policiesHere = new Set(covers.flatMap((cover) => cover.policies.map(({ inForce }) => inForce)))
      const keys = workload.ports.map(({ port }) => keysOf(port).join(' ')).join(',')
      const parts = [workload, value, from, dryRun, keys, ...policiesHere]
      const before = this.#kept.get(key)
      const same =
        before?.inputs.length === parts.length && parts.every((part, at) => part === before.inputs[at])
      const entry = same
        ? before
        : {
            inputs: parts,
            result: keeping(
              before?.result,
              authorizationOf(covers, this.#askedOf(workload), {
                decision: { value, from },
                dryRun,
              }),
            ),
          }
      kept.set(key, entry)
      if (entry.result) tables.set(key, entry.result)
    }
    this.#kept = kept
    const { status, problems } = statusOfPolicies(policies, findings)
    return (this.#result = this.#keeping(settings, tables, status, problems))
  }

  #askedOf({ namespace, identity, addresses }: Workload): Asked {
    const path = identity.slice(identity.indexOf('/', 'spiffe://'.length))
    return {
      namespace,
      identities: this.#domains.map((domain) => `spiffe://${domain}${path}`),
      addresses,
      domains: this.#domains,
    }
  }

  #keeping(
    settings: MeshSettings,
    workloads: ReadonlyMap<string, WorkloadAuthorization>,
    status: readonly PolicyStatus[],
    problems: readonly PolicyProblem[],
  ): Authorization {
    const { tables: before, status: told, problems: known } = this.#result
    const same =
      before.workloads.size === workloads.size &&
      [...workloads].every(([key, one]) => before.workloads.get(key) === one)
    return {
      tables:
        same && before.settings === settings
          ? before
          : { settings, workloads: same ? before.workloads : workloads },
      status: keptList(told, status),
      problems: isDeepStrictEqual(known, problems) ? known : problems,
    }
  }
}

interface Deciding {
  readonly decision: PortAuthorization['decision']
  readonly dryRun: boolean
}

function authorizationOf(
  covers: readonly PortCover[],
  asked: Asked,
  { decision, dryRun }: Deciding,
): WorkloadAuthorization | undefined {
  const decided = { decision: decision.value, dryRun }
  // Most ports are asked the same, and the same object is written but once.
  const known: { readonly asking: readonly Asking[]; readonly http: RuleSet; readonly tcp: RuleSet }[] = []
  const stages = (asking: readonly Asking[]) => {
    const before = known.find((one) => isDeepStrictEqual(one.asking, asking))
    if (before) return before
    const http = stagesOf('http', asking, asked, decided)
    const made = { asking, http, tcp: stagesOf('tcp', asking, asked, decided) }
    known.push(made)
    return made
  }
  const made = covers.map(({ port, policies }): [number | undefined, PortAuthorization] => {
    const { http, tcp } = stages(policies.map((one) => one.asking))
    return [
      port?.port,
      {
        http,
        tcp,
        sources: policies.flatMap(({ inForce, scopes }) => scopes.map((at) => inForce.sourceOf(at))),
        decision,
      },
    ]
  })
  if (made.every(([, { http, tcp }]) => http.length === 0 && tcp.length === 0)) return undefined
  const ports = new Map<number, PortAuthorization>()
  for (const [port, one] of made) if (port !== undefined) ports.set(port, one)
  const undeclared = made.find(([port]) => port === undefined)?.[1]
  return undeclared && { ports, undeclared }
}

/** Port keys of Services that policies of routes speak of, by `namespace/pod/port` of what they lead to. */
function routedPortKeys(
  policies: readonly PolicyInForce[],
  services: ReadonlyMap<string, TranslatedService>,
): ReadonlyMap<string, readonly string[]> {
  const wanted = new Set(
    policies.flatMap(({ scopes }) => scopes.flatMap(({ route }) => [...(route?.requests.keys() ?? [])])),
  )
  const found = new Map<string, Set<string>>()
  for (const portKey of wanted) {
    for (const target of services.get(portKey.slice(0, portKey.lastIndexOf('/')))?.targets ?? []) {
      if (target.portKey !== portKey) continue
      const key = `${target.pod}/${target.port}`
      found.set(key, (found.get(key) ?? new Set()).add(portKey))
    }
  }
  return new Map([...found].map(([key, keys]) => [key, [...keys].toSorted()]))
}

function keeping<T>(before: T | undefined, now: T): T {
  return before !== undefined && isDeepStrictEqual(before, now) ? before : now
}

function keptList(before: readonly PolicyStatus[], now: readonly PolicyStatus[]): readonly PolicyStatus[] {
  const known = new Map(before.map((one) => [`${one.namespace}/${one.name}`, one]))
  const kept = now.map((one) => keeping(known.get(`${one.namespace}/${one.name}`), one))
  return kept.length === before.length && kept.every((one, at) => one === before[at]) ? before : kept
}
