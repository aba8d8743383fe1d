import type { Workload, WorkloadPort } from '../../model/mesh.ts'
import type { PolicyInForce } from './in-force.ts'
import { coverOf } from './scopes.ts'
import type { Asking } from './stages.ts'

/** What has a say at one port. */
export interface PortCover {
  readonly port: WorkloadPort | undefined
  readonly policies: readonly {
    readonly inForce: PolicyInForce
    /** Which of its scopes are of the port. */
    readonly scopes: readonly number[]
    readonly asking: Asking
  }[]
}

/** Of each port that the pod is known to have, and of all others. `keysOf`: port keys of Services that lead to a port. */
export function coversOf(
  candidates: readonly PolicyInForce[],
  workload: Workload,
  keysOf: (port: number) => readonly string[],
): readonly PortCover[] {
  return [...workload.ports, undefined].map((port): PortCover => {
    const keys = port ? keysOf(port.port) : []
    const policies = candidates.flatMap((inForce) => {
      const found = inForce.scopes.flatMap((scope, at) => {
        const cover = coverOf(inForce.policy, scope, workload, port, keys)
        return cover ? [{ at, within: cover.within }] : []
      })
      return found.length === 0
        ? []
        : [
            {
              inForce,
              scopes: found.map(({ at }) => at),
              asking: inForce.asking(found.map(({ within }) => within)),
            },
          ]
    })
    return { port, policies }
  })
}
