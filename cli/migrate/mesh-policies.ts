import { formatPath } from '../../control-plane/registry/fields.ts'
import { MESH_POLICY_NAME } from '../../control-plane/registry/kinds/mesh-policy.ts'
import { SYSTEM_NAMESPACE } from '../../core/contract.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import type { KnownObjects } from './known-objects.ts'
import { isJsonObject } from './known-objects.ts'
import { weftManifest, type Manifest } from './manifests.ts'
import type { Notes } from './notes.ts'

/** A part of the mesh's one MeshPolicy. */
export function meshPolicy(spec: JsonObject): Manifest {
  return weftManifest('MeshPolicy', { namespace: SYSTEM_NAMESPACE, name: MESH_POLICY_NAME }, spec)
}

/** There is one MeshPolicy, and several objects of the other mesh may each say a part of it. */
export class MeshPolicies {
  readonly #said = new Set<string>()
  readonly #spec: Record<string, JsonObject[string]> = {}
  readonly #inInput: boolean
  #first: Manifest | undefined

  constructor(known: KnownObjects) {
    this.#inInput = known.ofKind('MeshPolicy', 'weft.dev').length > 0
  }

  /** The manifests without parts of a MeshPolicy that is printed already: what they say is put into it. */
  joined(manifests: readonly Manifest[], notes: Notes): readonly Manifest[] {
    return manifests.filter((manifest) => manifest.kind !== 'MeshPolicy' || this.#isFirst(manifest, notes))
  }

  /** The printed manifests, with the MeshPolicy as it came to be. */
  complete(manifest: Manifest): Manifest {
    return manifest === this.#first ? { ...manifest, spec: { ...this.#spec } } : manifest
  }

  #isFirst(manifest: Manifest, notes: Notes): boolean {
    const { spec } = manifest
    if (!isJsonObject(spec)) return false
    if (this.#inInput)
      notes.lost(
        [],
        `would be a part of MeshPolicy ${SYSTEM_NAMESPACE}/${MESH_POLICY_NAME}, which the input has already`,
        `write into it: ${JSON.stringify(spec)}`,
      )
    if (this.#inInput) return false
    for (const [name, value] of Object.entries(spec)) {
      if (this.#said.has(name))
        notes.lost(
          ['metadata', 'namespace'],
          `is for the whole mesh, and another object of the input has said ${formatPath(['spec', name])} of MeshPolicy`,
          'leave one of the two: the mesh has one MeshPolicy',
        )
      else this.#spec[name] = value
      this.#said.add(name)
    }
    if (this.#first) return false
    this.#first = manifest
    return true
  }
}
