import type { Problem } from '../../../core/problem.ts'
import { findingOf, type CheckedMesh, type CheckedPod } from './checked-mesh.ts'

/** Pods of namespaces of the mesh that are left out of it, told once for all of one maker. */
export function leftOutFindings({ pods }: CheckedMesh): Problem[] {
  const byMaker = Map.groupBy(
    pods.filter(({ leftOut }) => leftOut !== ''),
    ({ maker }) => JSON.stringify(maker),
  )
  return [...byMaker.values()].map((group) => {
    const [{ maker, leftOut }] = group as [CheckedPod, ...CheckedPod[]]
    return findingOf('WEFT0409', maker, '', {
      message: `is in a namespace of the mesh and gets no sidecar: ${leftOut}`,
      remedy: `nothing, if that is meant; else take it out`,
      effect: 'What it sends and gets is plaintext, and no policy holds there.',
    })
  })
}
