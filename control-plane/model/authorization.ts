import type { Action, Rule, RuleSet } from '../../core/authorization/rules.ts'
import { MESH_PRESET, type DefaultDecision, type MeshSettings, type Said } from './mesh-policy.ts'

/** Who may reach which port of which pod. What did not change keeps its identity, and so do the tables. */
export interface AuthorizationTables {
  readonly settings: MeshSettings
  /** By `namespace/pod`; a pod of which nothing is asked is not in it. */
  readonly workloads: ReadonlyMap<string, WorkloadAuthorization>
}

export const NO_AUTHORIZATION: AuthorizationTables = { settings: MESH_PRESET, workloads: new Map() }

export interface WorkloadAuthorization {
  /** Ports of the pod that are known. */
  readonly ports: ReadonlyMap<number, PortAuthorization>
  /** All other ports. */
  readonly undeclared: PortAuthorization
}

/** What is asked at one port. */
export interface PortAuthorization {
  /** Of requests. */
  readonly http: RuleSet
  /** Of connections that carry none, or none that anybody looks at. */
  readonly tcp: RuleSet
  /** Whatever has a say, in the order in which it is asked. */
  readonly sources: readonly RuleSource[]
  /** What happens to what no policy of ALLOW covers; asked only where none covers all of the port. */
  readonly decision: Said<DefaultDecision>
}

/** A policy that has a say at a port. Its rules are named `namespace/name/index`. */
export interface RuleSource {
  readonly namespace: string
  readonly name: string
  readonly action: Action
  /** Also by `dryRunNamespaces`. */
  readonly dryRun: boolean
  readonly level: 'mesh' | 'namespace' | 'selector' | 'Service' | 'HTTPRoute' | 'GRPCRoute'
  /** Name of the Service or route; '' of other levels. */
  readonly target: string
  /** It cannot be read, and refuses everything. */
  readonly unreadable: boolean
}

/** Rules that no policy wrote. A pod reaches itself, unless a policy says that it is for that, too. */
export const SELF_RULE = 'mesh/self'
export const SAME_NAMESPACE_RULE = 'mesh/default/SameNamespace'
/** Of requests that are of no route with a policy of ALLOW, where nothing else covers the port. */
export const ALLOW_RULE = 'mesh/default/Allow'

const NOTHING_ASKED: PortAuthorization = {
  http: [],
  tcp: [],
  sources: [],
  decision: { value: 'Allow', from: '' },
}

/** What is asked at a port of a pod; of one that is not known, what is asked at all those. */
export function rulesFor(
  { authorization }: { readonly authorization: AuthorizationTables },
  { key }: { readonly key: string },
  port: number | undefined,
): PortAuthorization {
  const workload = authorization.workloads.get(key)
  if (!workload) return NOTHING_ASKED
  return (port === undefined ? undefined : workload.ports.get(port)) ?? workload.undeclared
}

/** Rules that come first in every stage of DENY, whoever is asked: identities that were taken back. */
export type RevokedRules = readonly Rule[]
