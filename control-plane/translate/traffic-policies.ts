import { isDeepStrictEqual } from 'node:util'
import { CONTROLLER_NAME } from '../../core/contract.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import type { AncestorStatus, PolicyStatus } from '../model/policy-status.ts'
import type { Section, TrafficSettings } from '../model/traffic-settings.ts'
import { NO_TABLES, sectionsOf, type TrafficTables } from '../model/traffic-tables.ts'
import type { TargetRef, TrafficPolicyObject } from '../registry/kinds/traffic-policy/read.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { policyInvalid, targetProblem, type TargetProblem } from './policy-targets.ts'

export interface TrafficPolicies {
  readonly tables: TrafficTables
  readonly status: readonly PolicyStatus[]
  readonly problems: readonly PolicyProblem[]
}

const NONE: TrafficPolicies = { tables: NO_TABLES, status: [], problems: [] }

/** What a target got so far: its sections, each with the policy that said it. */
interface Taken {
  readonly settings: TrafficSettings
  readonly by: ReadonlyMap<Section, TrafficPolicyObject>
}

/** Decides which TrafficPolicies are in force for what; what comes out the same keeps its identity. */
export class TrafficPolicyTranslator {
  #inputs: readonly unknown[] = []
  #result = NONE

  translate(snapshot: Snapshot): TrafficPolicies {
    const { trafficPolicies, services, httpRoutes, grpcRoutes, namespaces } = snapshot
    const inputs = [trafficPolicies, services, httpRoutes, grpcRoutes, namespaces]
    if (trafficPolicies.size === 0) return (this.#result = NONE)
    if (this.#result !== NONE && inputs.every((input, at) => input === this.#inputs[at])) return this.#result
    this.#inputs = inputs
    return (this.#result = keeping(this.#result, decide(snapshot)))
  }
}

function decide(snapshot: Snapshot): TrafficPolicies {
  const taken = new Map<string, Taken>()
  const status: PolicyStatus[] = []
  const problems: PolicyProblem[] = []
  for (const policy of [...snapshot.trafficPolicies.values()].toSorted(olderFirst)) {
    const { namespace, name } = policy.meta
    const invalid = policyInvalid(policy)
    const told = new Set<string>()
    const ancestors = policy.targetRefs.map((ref, at) => {
      const key = targetKey(ref, namespace)
      const problem = invalid ?? targetProblem(snapshot, policy, ref) ?? conflict(policy, ref, taken.get(key))
      if (!problem) {
        taken.set(key, joined(taken.get(key), policy))
        return ancestor(policy, ref, undefined)
      }
      const field = invalid ? invalid.field : `spec.targetRefs[${at}]${problem.field}`
      // What is wrong with the policy itself is told once, whatever it is for.
      if (!told.has(field)) problems.push({ kind: policy.kind, namespace, name, ...problem, field })
      told.add(field)
      return ancestor(policy, ref, problem)
    })
    status.push({ kind: policy.kind, namespace, name, ancestors })
  }
  return { tables: tablesOf(taken), status, problems }
}

function olderFirst({ meta: a }: TrafficPolicyObject, { meta: b }: TrafficPolicyObject): number {
  return a.createdAt - b.createdAt || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

function targetKey({ kind, name }: TargetRef, namespace: string): string {
  return kind === 'Namespace' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`
}

/** One that says anything that an older one says already is not in force at all there: halves would surprise. */
function conflict(
  policy: TrafficPolicyObject,
  { kind, name }: TargetRef,
  taken: Taken | undefined,
): TargetProblem | undefined {
  const both = sectionsOf(policy.settings).filter((section) => taken?.by.has(section))
  const [first] = both
  const other = first && taken?.by.get(first)?.meta
  if (!other) return undefined
  const others = new Set(both.map((section) => taken?.by.get(section)?.meta.name))
  const named = [...others].map((one) => `${other.namespace}/${one}`).join(', ')
  return {
    reason: 'Conflicted',
    field: '',
    message: `TrafficPolicy ${named} says ${both.join(', ')} for ${kind} ${name} already, and is older or first by name`,
    remedy: `take ${both.join(', ')} out of one of them, or make the two one`,
  }
}

function joined(before: Taken | undefined, policy: TrafficPolicyObject): Taken {
  const by = new Map(before?.by)
  for (const section of sectionsOf(policy.settings)) by.set(section, policy)
  return { settings: { ...before?.settings, ...policy.settings }, by }
}

function ancestor(
  { meta, settings }: TrafficPolicyObject,
  { group, kind, name }: TargetRef,
  problem: TargetProblem | undefined,
): AncestorStatus {
  return {
    ancestorRef: { group, kind, ...(kind === 'Namespace' ? {} : { namespace: meta.namespace }), name },
    controllerName: CONTROLLER_NAME,
    conditions: [
      {
        type: 'Accepted',
        status: problem ? 'False' : 'True',
        reason: problem?.reason ?? 'Accepted',
        message: problem?.message ?? `in force: ${sectionsOf(settings).join(', ')}`,
        observedGeneration: meta.generation,
      },
    ],
  }
}

function tablesOf(taken: ReadonlyMap<string, Taken>): TrafficTables {
  const namespaces = new Map<string, TrafficSettings>()
  const services = new Map<string, TrafficSettings>()
  const routes = new Map<string, TrafficSettings>()
  for (const [key, { settings }] of taken) {
    const kind = key.slice(0, key.indexOf('/'))
    const name = key.slice(kind.length + 1)
    if (kind === 'Namespace') namespaces.set(name, settings)
    else if (kind === 'Service') services.set(name, settings)
    else routes.set(key, settings)
  }
  for (const [key, own] of services)
    services.set(key, { ...namespaces.get(key.slice(0, key.indexOf('/'))), ...own })
  return { namespaces, services, routes }
}

function keeping(before: TrafficPolicies, now: TrafficPolicies): TrafficPolicies {
  const tables = {
    namespaces: keptEntries(before.tables.namespaces, now.tables.namespaces),
    services: keptEntries(before.tables.services, now.tables.services),
    routes: keptEntries(before.tables.routes, now.tables.routes),
  }
  const keyOf = ({ namespace, name }: PolicyStatus): string => `${namespace}/${name}`
  const known = new Map(before.status.map((one) => [keyOf(one), one]))
  const status = now.status.map((one) => {
    const same = known.get(keyOf(one))
    return isDeepStrictEqual(same, one) && same ? same : one
  })
  return {
    tables: (Object.keys(tables) as (keyof typeof tables)[]).every(
      (name) => tables[name] === before.tables[name],
    )
      ? before.tables
      : tables,
    status:
      status.length === before.status.length && status.every((one, at) => one === before.status[at])
        ? before.status
        : status,
    problems: isDeepStrictEqual(before.problems, now.problems) ? before.problems : now.problems,
  }
}

/** `before`, or of `now` whatever differs from it. */
export function keptEntries(
  before: ReadonlyMap<string, TrafficSettings>,
  now: ReadonlyMap<string, TrafficSettings>,
): ReadonlyMap<string, TrafficSettings> {
  let same = before.size === now.size
  const kept = new Map<string, TrafficSettings>()
  for (const [key, settings] of now) {
    const known = before.get(key)
    const unchanged = known !== undefined && isDeepStrictEqual(known, settings)
    kept.set(key, unchanged ? known : settings)
    same &&= unchanged
  }
  return same ? before : kept
}
