import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { AncestorStatus, PolicyStatus } from '../model/policy-status.ts'
import type { TrafficSettings } from '../model/traffic-settings.ts'
import { NO_TABLES, settingsOf, type TrafficTables } from '../model/traffic-tables.ts'
import type { SessionPersistence } from '../registry/kinds/session-persistence.ts'
import type { XBackendTrafficPolicyObject } from '../registry/kinds/x-backend-traffic-policy.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { targetProblem, type TargetProblem } from './policy-targets.ts'
import { sessionProblem, translateSession } from './session.ts'
import { keptEntries } from './traffic-policies.ts'

export interface BackendPolicies {
  /** What TrafficPolicies say, with this added. */
  readonly tables: TrafficTables
  /** By `namespace/name` of the Service, for rules that say nothing themselves. */
  readonly sessions: ReadonlyMap<string, SessionPersistence>
  readonly status: readonly PolicyStatus[]
  readonly problems: readonly PolicyProblem[]
}

type Target = XBackendTrafficPolicyObject['targetRefs'][number]
type Unsupported = XBackendTrafficPolicyObject['unsupported'][number]
type Part = 'retryConstraint' | 'sessionPersistence'
/** By `namespace/name part`: the policy that said it first. */
type Taken = Map<string, XBackendTrafficPolicyObject>

const NONE: BackendPolicies = { tables: NO_TABLES, sessions: new Map(), status: [], problems: [] }

/** Decides which XBackendTrafficPolicies are in force for which Services; what comes out the same keeps its identity. */
export class BackendPolicyTranslator {
  #inputs: readonly unknown[] = []
  #result = NONE

  translate(snapshot: Snapshot, traffic: TrafficTables): BackendPolicies {
    const { xBackendTrafficPolicies: policies, trafficPolicies, services } = snapshot
    const inputs = [policies, trafficPolicies, services, traffic]
    if (inputs.every((input, at) => input === this.#inputs[at])) return this.#result
    this.#inputs = inputs
    const before = this.#result
    if (policies.size === 0) return (this.#result = { ...NONE, tables: traffic })
    const { tables, sessions, status, problems } = decide(snapshot, traffic)
    return (this.#result = {
      tables: keptTables(before.tables, tables),
      sessions: isDeepStrictEqual(before.sessions, sessions) ? before.sessions : sessions,
      status: isDeepStrictEqual(before.status, status) ? before.status : status,
      problems: isDeepStrictEqual(before.problems, problems) ? before.problems : problems,
    })
  }
}

function keptTables(before: TrafficTables, now: TrafficTables): TrafficTables {
  const services = keptEntries(before.services, now.services)
  const sessions = isDeepStrictEqual(before.sessions, now.sessions) ? before.sessions : now.sessions
  const { namespaces, routes } = now
  const same = services === before.services && sessions === before.sessions
  return same && namespaces === before.namespaces && routes === before.routes
    ? before
    : { namespaces, routes, services, sessions }
}

function decide(snapshot: Snapshot, traffic: TrafficTables): BackendPolicies {
  const taken: Taken = new Map()
  const settings = new Map<string, TrafficSettings>(traffic.services)
  const sessions = new Map<string, SessionPersistence>()
  const status: PolicyStatus[] = []
  const problems: PolicyProblem[] = []
  for (const policy of [...snapshot.xBackendTrafficPolicies.values()].toSorted(olderFirst)) {
    const { kind, meta, retryBudget, sessionPersistence, unsupported } = policy
    const { namespace, name } = meta
    const first = unsupported[0] ?? unwritable(sessionPersistence)
    if (first) problems.push({ kind, namespace, name, reason: 'UnsupportedValue', ...first })
    const ancestors = policy.targetRefs.map((ref, at) => {
      const service = `${namespace}/${ref.name}`
      if (first) return ancestor(policy, ref, { reason: 'UnsupportedValue', message: refusalOf(first) })
      const problem = problemOf(snapshot, policy, ref, taken)
      if (problem) {
        problems.push({ kind, namespace, name, ...problem, field: `spec.targetRefs[${at}]${problem.field}` })
        return ancestor(policy, ref, problem)
      }
      for (const part of partsOf(policy)) taken.set(`${service} ${part}`, policy)
      if (retryBudget)
        settings.set(service, { ...(settings.get(service) ?? settingsOf(traffic, service)), retryBudget })
      if (sessionPersistence) sessions.set(service, sessionPersistence)
      return ancestor(policy, ref, undefined)
    })
    status.push({ kind, namespace, name, ancestors })
  }
  const ofServices = new Map(
    [...sessions].map(([service, own]) => [service, translateSession(own, `Service/${service}`, false)]),
  )
  return { tables: { ...traffic, services: settings, sessions: ofServices }, sessions, status, problems }
}

function olderFirst(
  { meta: a }: XBackendTrafficPolicyObject,
  { meta: b }: XBackendTrafficPolicyObject,
): number {
  return a.createdAt - b.createdAt || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

/** With the field in it, which stands beside the message elsewhere. */
function refusalOf({ field, message }: Unsupported): string {
  const name = field.replace(/^spec\./, '')
  return message.startsWith(`${name}: `) ? message : `${name}: ${message}`
}

function unwritable(session: SessionPersistence | undefined): Unsupported | undefined {
  const message = session && sessionProblem(session)
  const field = 'spec.sessionPersistence.sessionName'
  return message === undefined
    ? undefined
    : { field, message, remedy: 'take another name, such as x-session' }
}

function partsOf({ retryBudget, sessionPersistence }: XBackendTrafficPolicyObject): Part[] {
  return [
    ...(retryBudget ? (['retryConstraint'] as const) : []),
    ...(sessionPersistence ? (['sessionPersistence'] as const) : []),
  ]
}

function problemOf(
  snapshot: Snapshot,
  policy: XBackendTrafficPolicyObject,
  { group, kind, name }: Target,
  taken: Taken,
): TargetProblem | undefined {
  const { namespace } = policy.meta
  if (kind !== 'Service' || (group !== '' && group !== 'core')) {
    return {
      reason: 'Invalid',
      field: '.kind',
      message: `kind ${kind} of group ${JSON.stringify(group)} is no target of it here`,
      remedy: "write kind: Service, with group: ''",
    }
  }
  const problem = targetProblem(snapshot, { meta: policy.meta, settings: {} }, { group: '', kind, name })
  if (problem) return problem
  const conflict = (other: string, parts: readonly string[]): TargetProblem => ({
    reason: 'Conflicted',
    field: '',
    message: `${other} says ${parts.join(', ')} for Service ${name} already`,
    remedy: `take ${parts.join(', ')} out of one of them`,
  })
  for (const { meta, targetRefs, settings } of snapshot.trafficPolicies.values()) {
    const same =
      meta.namespace === namespace && targetRefs.some((ref) => ref.kind === kind && ref.name === name)
    if (same && settings.retryBudget && policy.retryBudget)
      return conflict(`TrafficPolicy ${namespace}/${meta.name}`, ['retryConstraint'])
  }
  const both = partsOf(policy).filter((part) => taken.has(`${namespace}/${name} ${part}`))
  const [first] = both
  const other = first && taken.get(`${namespace}/${name} ${first}`)?.meta
  return (
    other &&
    conflict(`XBackendTrafficPolicy ${namespace}/${other.name}, which is older or first by name,`, both)
  )
}

function ancestor(
  policy: XBackendTrafficPolicyObject,
  { group, kind, name }: Target,
  problem: Pick<PolicyProblem, 'reason' | 'message'> | undefined,
): AncestorStatus {
  const { meta } = policy
  return {
    ancestorRef: { group, kind, namespace: meta.namespace, name },
    controllerName: CONTROLLER_NAME,
    conditions: [
      {
        type: 'Accepted',
        status: problem ? 'False' : 'True',
        reason: problem?.reason ?? 'Accepted',
        message:
          problem?.message ?? `in force: ${partsOf(policy).join(', ') || 'nothing, for it says nothing'}`,
        observedGeneration: meta.generation,
      },
    ],
  }
}
