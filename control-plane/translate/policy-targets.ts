import { closestName } from '../../core/closest-name.ts'
import type { PolicyProblem } from '../model/policy-problem.ts'
import { ROUTE_SECTIONS } from '../model/traffic-settings.ts'
import { sectionsOf } from '../model/traffic-tables.ts'
import type { TargetRef, TrafficPolicyObject } from '../registry/kinds/traffic-policy/read.ts'
import type { Snapshot } from '../registry/snapshot.ts'

/** Why a policy is not in force for a target; `field` is below the target (`.name`), or of the whole policy. */
export type TargetProblem = Pick<PolicyProblem, 'reason' | 'message' | 'remedy' | 'field'>

/** What no schema can say of a policy, whatever it is for. */
export function policyInvalid({ settings }: TrafficPolicyObject): TargetProblem | undefined {
  const policy = settings.loadBalancing?.policy
  if (policy?.type !== 'ConsistentHash' || policy.table.algorithm !== 'Maglev') return undefined
  const { size } = policy.table
  if (isPrime(size)) return undefined
  let next = size
  while (!isPrime(next)) next++
  return {
    reason: 'Invalid',
    field: 'spec.loadBalancing.consistentHash.tableSize',
    message: `${size} is no prime, without which Maglev's table is not filled`,
    remedy: `write a prime, such as ${next}`,
  }
}

/** What keeps a policy from its target, other policies apart. */
export function targetProblem(
  snapshot: Snapshot,
  policy: Pick<TrafficPolicyObject, 'meta' | 'settings'>,
  ref: TargetRef,
): TargetProblem | undefined {
  const { namespace } = policy.meta
  switch (ref.kind) {
    case 'Namespace':
      if (ref.name === namespace) return undefined
      return {
        reason: 'Invalid',
        field: '.name',
        message: `a policy is for its own namespace, which is ${namespace}, not for ${ref.name}`,
        remedy: `write name: ${namespace}, or put the policy into namespace ${ref.name}`,
      }
    case 'Service': {
      const service = snapshot.services.get(`${namespace}/${ref.name}`)
      if (!service) return notThere(ref, namespace, snapshot.services)
      if (service.type !== 'ExternalName') return undefined
      return {
        reason: 'Invalid',
        field: '.name',
        message: `Service ${namespace}/${ref.name} is an ExternalName Service, which is not of the mesh`,
        remedy: 'name a Service with a selector',
      }
    }
    case 'HTTPRoute':
    case 'GRPCRoute': {
      const routes = ref.kind === 'HTTPRoute' ? snapshot.httpRoutes : snapshot.grpcRoutes
      if (!routes.has(`${namespace}/${ref.name}`)) return notThere(ref, namespace, routes)
      const others = sectionsOf(policy.settings).filter((section) => !ROUTE_SECTIONS.has(section))
      if (others.length === 0) return undefined
      return {
        reason: 'UnsupportedValue',
        field: '.kind',
        message: `${others.join(', ')} can't be set for a route: ${[...ROUTE_SECTIONS].join(', ')} can`,
        remedy: `set ${others.join(', ')} for the Service, in a policy of its own`,
      }
    }
  }
}

function notThere(
  { kind, name }: TargetRef,
  namespace: string,
  table: ReadonlyMap<string, unknown>,
): TargetProblem {
  const names = [...table.keys()]
    .filter((key) => key.startsWith(`${namespace}/`))
    .map((key) => key.slice(namespace.length + 1))
  const meant = closestName(name, names)
  const elsewhere = [...table.keys()].find((key) => key.endsWith(`/${name}`))
  const remedy =
    meant !== undefined
      ? `did you mean ${meant}?`
      : elsewhere !== undefined
        ? `${kind} ${name} is in namespace ${elsewhere.split('/')[0]}: put the policy there`
        : names.length > 0
          ? `make ${kind} ${name}, or name one that is there: ${names.slice(0, 8).join(', ')}`
          : `make ${kind} ${name} in namespace ${namespace}`
  return {
    reason: 'TargetNotFound',
    field: '.name',
    message: `${kind} ${namespace}/${name} is not there`,
    remedy,
  }
}

function isPrime(number: number): boolean {
  if (number < 2) return false
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false
  return true
}
