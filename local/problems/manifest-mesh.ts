import type { Mesh } from '../../control-plane/model/mesh.ts'
import { applyChanges, EMPTY_SNAPSHOT, type Snapshot } from '../../control-plane/registry/snapshot.ts'
import { Translator } from '../../control-plane/translate/translate.ts'
import type { CheckedObject } from './checked.ts'

/** What the control plane would make of manifests, without the pods and endpoints that come later. */
export interface ManifestMesh {
  readonly snapshot: Snapshot
  readonly mesh: Mesh
  /** Objects by `kind namespace/name`. */
  readonly byName: ReadonlyMap<string, CheckedObject>
}

export function meshOfManifests(objects: readonly CheckedObject[]): ManifestMesh {
  const known = objects.flatMap(({ mesh }) => mesh ?? [])
  const snapshot = applyChanges(
    EMPTY_SNAPSHOT,
    known.map((object) => ({ op: 'put', object })),
  )
  return {
    snapshot,
    mesh: new Translator({ trustDomain: 'cluster.local' }).translate(snapshot),
    byName: new Map(objects.map((object) => [`${object.kind} ${object.namespace}/${object.name}`, object])),
  }
}
