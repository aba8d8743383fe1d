import { together, type Problem } from '../../../core/problem.ts'
import { callerFindings } from './callers.ts'
import type { CheckedMesh } from './checked-mesh.ts'
import { leftOutFindings } from './pods.ts'
import { policyFindings } from './policies.ts'
import { routeRuleFindings } from './route-rules.ts'
import { serviceFindings } from './service-ports.ts'
import { shadowedRules } from './shadowed-rules.ts'
import { sharedPortFindings } from './shared-ports.ts'

/**
 * What is odd about a configuration whose objects are all well by themselves: what contradicts, hides or never happens. The same
 * of manifests and of a mesh that runs.
 */
export function configurationFindings(checked: CheckedMesh): Problem[] {
  return together(
    shadowedRules(checked),
    routeRuleFindings(checked),
    serviceFindings(checked),
    sharedPortFindings(checked),
    policyFindings(checked),
    callerFindings(checked),
    leftOutFindings(checked),
  )
}
