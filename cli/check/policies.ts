import { conditionProblems, objectsIfDefined } from './conditions.ts'
import { ok, warning, type Check } from './finding.ts'

/** TrafficPolicies that are not in force for one of their targets, or that the control plane has not looked at. */
export const policies: Check = {
  name: 'policies',
  async run(session) {
    const found = await objectsIfDefined(session, 'weft.dev/v1alpha1', 'trafficpolicies')
    if (!found)
      return [warning('TrafficPolicy is not defined: kubectl apply --server-side -f deploy/chart/crds')]
    const problems = found.flatMap((policy) => conditionProblems(policy, 'ancestors', 'TrafficPolicy'))
    if (problems.length === 0) return [ok(`${found.length}, all accepted`)]
    return problems.map((problem) => warning(problem))
  },
}
