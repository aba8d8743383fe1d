import { withoutIgnored, type Annotated } from '../../../core/checks/lint-ignore.ts'
import { inOrder, together, type Problem } from '../../../core/problem.ts'
import type { Mesh } from '../../model/mesh.ts'
import { configurationFindings } from '../../problems/configuration/configuration.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { runningFindings, type Running } from './running-findings.ts'
import { runningMesh } from './running-mesh.ts'
import { trafficFindings, type SeenTraffic } from './traffic-findings.ts'

export interface MeshChecksInputs {
  /** What is wrong by itself: see meshProblems. */
  readonly problems: readonly Problem[]
  readonly snapshot: Snapshot
  readonly mesh: Mesh
  readonly running: Running
  readonly seen: SeenTraffic
}

/** Everything that is found in a mesh that runs, without what its objects leave out by annotation. In order. */
export function meshChecks({
  problems,
  snapshot,
  mesh,
  running,
  seen,
}: MeshChecksInputs): readonly Problem[] {
  const checked = runningMesh(snapshot, mesh)
  const found = together(
    problems,
    configurationFindings(checked),
    runningFindings(checked, running),
    trafficFindings(checked, seen),
  )
  return inOrder(withoutIgnored(found, annotated(snapshot)).kept)
}

function* annotated(snapshot: Snapshot): Generator<Annotated> {
  for (const table of Object.values(snapshot) as readonly Snapshot[keyof Snapshot][])
    for (const { kind, meta } of table.values())
      yield { kind, namespace: meta.namespace, name: meta.name, annotations: meta.annotations }
}
