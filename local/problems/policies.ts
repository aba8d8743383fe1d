import type { Problem } from '../../core/problem.ts'
import { policyProblems } from '../../control-plane/problems/policy-problems.ts'
import { problemOf } from './checked.ts'
import type { ManifestMesh } from './manifest-mesh.ts'

/** Policies that the control plane would not put in force for one of their targets. */
export function manifestPolicyProblems({ mesh, byName }: ManifestMesh): Problem[] {
  // Whose pods have a sidecar is seen once they run.
  const found = mesh.policyProblems.filter(({ reason }) => reason !== 'NothingSelected')
  return policyProblems({ policyProblems: found }).flatMap(
    ({ code, kind, namespace, name, field, severity, message, remedy }) => {
      const object = byName.get(`${kind} ${namespace}/${name}`)
      if (!object) return []
      // A target that is there and has a mistake of its own is told by that.
      const index = /^spec\.targetRefs\[(\d+)\]\.name$/.exec(field)?.[1]
      const policy = object.mesh
      const refs = policy && 'targetRefs' in policy ? policy.targetRefs : []
      const ref = index === undefined ? undefined : refs[Number(index)]
      if (ref && byName.get(`${ref.kind} ${namespace}/${ref.name}`)?.refused) return []
      return [problemOf(object, code, field, severity, message, remedy)]
    },
  )
}
