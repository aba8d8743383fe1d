import { conditionProblems, objectsIfDefined } from './conditions.ts'
import { ok, warning, type Check } from './finding.ts'

const KINDS = [
  ['TrafficPolicy', 'trafficpolicies'],
  ['AuthorizationPolicy', 'authorizationpolicies'],
  ['MeshPolicy', 'meshpolicies'],
] as const

/** Policies that are not, or not wholly, in force for one of their targets, or that the control plane has not looked at. */
export const policies: Check = {
  name: 'policies',
  async run(session) {
    const warnings: string[] = []
    let count = 0
    for (const [kind, plural] of KINDS) {
      const found = await objectsIfDefined(session, 'weft.dev/v1alpha1', plural)
      if (!found) warnings.push(`${kind} is not defined: kubectl apply --server-side -f deploy/chart/crds`)
      count += found?.length ?? 0
      warnings.push(...(found ?? []).flatMap((policy) => conditionProblems(policy, 'ancestors', kind)))
    }
    return warnings.length === 0 ? [ok(`${count}, all accepted`)] : warnings.map((one) => warning(one))
  },
}
