import { WeftError } from '../../core/errors.ts'
import type { Mesh } from '../../control-plane/model/mesh.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import { parseManifests } from '../../control-plane/registry/parse-manifests.ts'
import { applyChanges, EMPTY_SNAPSHOT } from '../../control-plane/registry/snapshot.ts'
import { formatSourceError } from '../../control-plane/registry/source.ts'
import { Translator, type TranslatorOptions } from '../../control-plane/translate/translate.ts'
import type { InputText } from '../inject/read-inputs.ts'

/** Objects that say who may, and where requests go; others of a manifest change nothing here. */
const KINDS: ReadonlySet<MeshObject['kind']> = new Set([
  'AuthorizationPolicy',
  'MeshPolicy',
  'PeerAuthentication',
  'HTTPRoute',
  'GRPCRoute',
  'TLSRoute',
  'TCPRoute',
  'TrafficPolicy',
  'XBackendTrafficPolicy',
])

export interface ChangedMesh {
  readonly before: Mesh
  readonly after: Mesh
  /** `KIND namespace/name` of what was applied, each once. */
  readonly applied: readonly string[]
  /** The same of what was in the files and says nothing of that. */
  readonly ignored: readonly string[]
}

/**
 * The mesh of these objects, without and with what is in the files. Throws WeftError `diff.manifests` that says what in them
 * cannot be read.
 */
export function changedMesh(
  objects: readonly MeshObject[],
  texts: readonly InputText[],
  options: TranslatorOptions,
): ChangedMesh {
  const before = applyChanges(
    EMPTY_SNAPSHOT,
    objects.map((object) => ({ op: 'put', object })),
  )
  const written: MeshObject[] = []
  for (const { origin, text } of texts) {
    const parsed = parseManifests(origin, text)
    const [error] = parsed.errors
    if (error) throw new WeftError('diff.manifests', formatSourceError(error))
    written.push(...parsed.objects.map(({ object }) => object))
  }
  const decisive = written.filter(({ kind }) => KINDS.has(kind))
  const after = applyChanges(
    before,
    decisive.map((object) => ({ op: 'put', object })),
  )
  // The same one: what does not change stays the same object.
  const translator = new Translator(options)
  return {
    before: translator.translate(before),
    after: translator.translate(after),
    applied: named(decisive),
    ignored: named(written.filter(({ kind }) => !KINDS.has(kind))),
  }
}

function named(objects: readonly MeshObject[]): readonly string[] {
  return [
    ...new Set(
      objects.map(
        ({ kind, meta }) => `${kind} ${meta.namespace === '' ? '' : `${meta.namespace}/`}${meta.name}`,
      ),
    ),
  ]
}
