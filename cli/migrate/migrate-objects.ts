import { readDocuments, type ManifestDocument } from '../../control-plane/registry/documents.ts'
import { formatPath } from '../../control-plane/registry/fields.ts'
import { readMeshObject } from '../../control-plane/registry/parse-manifests.ts'
import { WeftError } from '../../core/errors.ts'
import { inOrder, type Problem } from '../../core/problem.ts'
import { writtenObject, type WrittenObject } from '../../local/problems/checked.ts'
import type { InputText } from '../inject/read-inputs.ts'
import { KnownObjects } from './known-objects.ts'
import type { Manifest } from './manifests.ts'
import { MeshPolicies } from './mesh-policies.ts'
import { Notes } from './notes.ts'

/** One object of the input, on its way. */
export interface ObjectMigration {
  readonly object: WrittenObject
  readonly known: KnownObjects
  readonly notes: Notes
}

/** What an object becomes; nothing for those that stay as they are. */
export type Migrate = (migration: ObjectMigration) => readonly Manifest[]

/** What one object became. */
export interface MigratedObject {
  readonly object: WrittenObject
  readonly manifests: readonly Manifest[]
  readonly notes: readonly Problem[]
}

const MOST_CHARACTERS = 32 << 20

/**
 * Reads texts of YAML or JSON. `namespace`: of objects that name none. Throws WeftError `migrate.input` that says where it can't be
 * read: of half of an input, half a mesh would be printed.
 */
export function readObjects(texts: readonly InputText[], namespace: string): readonly WrittenObject[] {
  return texts.flatMap(({ origin, text }) => {
    if (text.length > MOST_CHARACTERS)
      throw new WeftError('migrate.input', `is longer than ${MOST_CHARACTERS} characters: give it in parts`, {
        field: origin,
      })
    const { documents, errors } = readDocuments(text)
    const [error] = errors
    if (error)
      throw new WeftError('migrate.input', `${error.message}; ${error.remedy}`, {
        field: [origin, error.line, error.column].filter((part) => part !== undefined).join(':'),
      })
    return documents.map((document) => readObject(origin, document, namespace))
  })
}

function readObject(origin: string, document: ManifestDocument, namespace: string): WrittenObject {
  const object = writtenObject(origin, document)
  const { line, column } = document.position([])
  const wrong = (field: string, message: string): WeftError =>
    new WeftError('migrate.input', message, { field: `${origin}:${line}:${column}: ${field}` })
  if (object.apiVersion === '' || object.kind === '')
    throw wrong(
      object.apiVersion === '' ? 'apiVersion' : 'kind',
      'is required: this is no object of Kubernetes',
    )
  const metadata = object.raw['metadata'] as { namespace?: unknown; name?: unknown } | null | undefined
  if (object.name === '' && typeof metadata?.name !== 'undefined')
    throw wrong('metadata.name', 'must be text')
  // Of kinds that are in no namespace it is ''.
  const unsaid = typeof metadata?.namespace !== 'string' || metadata.namespace === ''
  return { ...object, namespace: object.namespace !== '' && unsaid ? namespace : object.namespace }
}

/** Each object in its turn; what the control plane would refuse is not among what it gives. */
export function migrateObjects(
  objects: readonly WrittenObject[],
  migrate: Migrate,
): readonly MigratedObject[] {
  const known = new KnownObjects(objects)
  const meshPolicies = new MeshPolicies(known)
  return objects
    .map((object) => {
      const notes = new Notes(object)
      const taken = migrate({ object, known, notes }).filter((manifest) => isTaken(manifest, notes))
      const manifests = meshPolicies.joined(taken, notes)
      return { object, manifests, notes: inOrder(notes.all) }
    })
    .map((one) => ({ ...one, manifests: one.manifests.map((part) => meshPolicies.complete(part)) }))
}

function isTaken(manifest: Manifest, notes: Notes): boolean {
  const { problems } = readMeshObject({ value: manifest })
  for (const { path, message } of problems)
    notes.lost(
      [],
      `becomes no ${manifest.kind}: ${formatPath(path)} ${message}`,
      'correct it and convert it again, or write that object by hand',
    )
  return problems.length === 0
}
