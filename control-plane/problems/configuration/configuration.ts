import { atOnce } from '../../../core/in-turns.ts'
import { together, type Problem } from '../../../core/problem.ts'
import { callerFindings } from './callers.ts'
import type { CheckedMesh } from './checked-mesh.ts'
import { leftOutFindings } from './pods.ts'
import { policyFindings } from './policies.ts'
import { routeRuleFindings } from './route-rules.ts'
import { serviceFindings } from './service-ports.ts'
import { shadowedRules } from './shadowed-rules.ts'
import { sharedPortFindings } from './shared-ports.ts'

const FINDERS: readonly ((checked: CheckedMesh) => Problem[])[] = [
  shadowedRules,
  routeRuleFindings,
  serviceFindings,
  sharedPortFindings,
  policyFindings,
  callerFindings,
  leftOutFindings,
]

/**
 * What is odd about a configuration whose objects are all well by themselves: what contradicts, hides or never happens. The same
 * of manifests and of a mesh that runs.
 */
export function configurationFindings(checked: CheckedMesh): Problem[] {
  return atOnce(findingConfiguration(checked))
}

/** The same, one kind at each step. */
export function* findingConfiguration(checked: CheckedMesh): Generator<void, Problem[]> {
  const found: Problem[][] = []
  for (const find of FINDERS) {
    found.push(find(checked))
    yield
  }
  return together(...found)
}
