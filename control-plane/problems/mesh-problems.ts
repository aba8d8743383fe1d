import { formatPath } from '../registry/fields.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import type { SourceError } from '../registry/source.ts'
import { together, type Problem } from '../../core/problem.ts'
import type { Mesh } from '../model/mesh.ts'
import { canaryProblems } from './canary-problems.ts'
import { injectionLabelProblems } from './labels.ts'
import { policyProblems } from './policy-problems.ts'
import { routeProblems } from './route-problems.ts'
import { sourceProblem } from './source-problems.ts'

/** A proxy whose stream is open, as far as it can have problems. */
export interface ProxyState {
  readonly namespace: string
  readonly pod: string
  /** Why it refused what it was sent last, or ''. */
  readonly rejected: string
}

export interface MeshProblemInputs {
  readonly sources: readonly SourceError[]
  readonly snapshot: Snapshot
  readonly mesh: Mesh
}

/** Everything that is wrong with what the mesh was told, once and in order. */
export function meshProblems({ sources, snapshot, mesh }: MeshProblemInputs): Problem[] {
  return together(
    sources.map(sourceProblem),
    routeProblems(mesh),
    canaryProblems(snapshot),
    policyProblems(mesh),
    namespaceProblems(snapshot),
  )
}

function namespaceProblems({ namespaces }: Snapshot): Problem[] {
  return [...namespaces.values()].flatMap(({ meta }) =>
    injectionLabelProblems('namespace', meta.labels, meta.annotations).map((problem) => ({
      code: problem.code,
      file: null,
      line: null,
      column: null,
      kind: 'Namespace',
      namespace: '',
      name: meta.name,
      field: formatPath(problem.path),
      severity: problem.severity,
      message: problem.message,
      remedy: problem.remedy,
    })),
  )
}

/** Sidecars that refused what they were sent last (a NACK of xDS); they go on with what they had before. */
export function proxyProblems(proxies: readonly ProxyState[]): Problem[] {
  return proxies
    .filter(({ rejected }) => rejected !== '')
    .map(({ namespace, pod, rejected }) => ({
      code: 'WEFT0601',
      file: null,
      line: null,
      column: null,
      kind: 'Pod',
      namespace,
      name: pod,
      field: '',
      severity: 'error',
      message: `its sidecar refused its latest configuration, and goes on with the one before: ${rejected}`,
      remedy:
        'mend the object that the message names; if none is wrong, restart the pod, so that it has the sidecar of this version',
    }))
}
