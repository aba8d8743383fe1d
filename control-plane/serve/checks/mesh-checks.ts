import { withoutIgnored, type Annotated } from '../../../core/checks/lint-ignore.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { inOrder, together, type Problem } from '../../../core/problem.ts'
import type { Mesh } from '../../model/mesh.ts'
import { findingConfiguration } from '../../problems/configuration/configuration.ts'
import type { Snapshot } from '../../registry/snapshot.ts'
import { findingInRunning, type Running } from './running-findings.ts'
import { runningMesh } from './running-mesh.ts'
import { findingInTraffic, type SeenTraffic } from './traffic-findings.ts'

export interface MeshChecksInputs {
  /** What is wrong by itself: see meshProblems. */
  readonly problems: readonly Problem[]
  readonly snapshot: Snapshot
  readonly mesh: Mesh
  readonly running: Running
  readonly seen: SeenTraffic
}

/**
 * Everything that is found in a mesh that runs, without what its objects leave out by annotation. In order. One kind at each
 * step: all of a large mesh is looked at.
 */
export function* meshChecking({
  problems,
  snapshot,
  mesh,
  running,
  seen,
}: MeshChecksInputs): Generator<void, readonly Problem[]> {
  const checked = runningMesh(snapshot, mesh)
  yield
  const inConfiguration = yield* findingConfiguration(checked)
  yield
  const inRunning = yield* findingInRunning(checked, running)
  yield
  const inTraffic = yield* findingInTraffic(checked, seen)
  yield
  const found = together(problems, inConfiguration, inRunning, inTraffic)
  yield
  return inOrder(withoutIgnored(found, annotated(snapshot)).kept)
}

/** The same at once. */
export function meshChecks(inputs: MeshChecksInputs): readonly Problem[] {
  return atOnce(meshChecking(inputs))
}

function* annotated(snapshot: Snapshot): Generator<Annotated> {
  for (const table of Object.values(snapshot) as readonly Snapshot[keyof Snapshot][])
    for (const { kind, meta } of table.values())
      yield { kind, namespace: meta.namespace, name: meta.name, annotations: meta.annotations }
}
