import type { FieldPath } from '../../control-plane/registry/fields.ts'
import { ANNOTATION_PREFIX, INJECT_LABEL } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import { annotations as weftAnnotations, type AnnotationName } from '../../injector/annotations.ts'
import type { JsonObject } from '../../injector/json-patch.ts'
import { mapOf, type WrittenObject } from '../../local/problems/checked.ts'
import { podTemplates } from '../inject/pod-templates.ts'
import { isJsonObject } from './known-objects.ts'
import { nameWith, peerAuthentication, weftManifest, type Manifest } from './manifests.ts'
import type { Notes } from './notes.ts'

/** What becomes of one label or annotation of another mesh. */
export type Exchanged =
  /** The label `weft.dev/inject`. */
  | { readonly inject: 'enabled' | 'disabled' }
  | { readonly annotations: Readonly<Partial<Record<AnnotationName, string>>> }
  | { readonly policies: AskedPolicies }
  /** Weft does so by itself. */
  | { readonly nothing: true }
  /** With what to do instead. */
  | { readonly lost: string }

/** Policies for the pods of a namespace or a workload. */
export interface AskedPolicies {
  /** Of a PeerAuthentication. */
  readonly mtls?: 'STRICT' | 'PERMISSIVE'
  /** An AuthorizationPolicy that allows nothing by itself, in force or tried out. */
  readonly nothingAllowed?: 'Enforce' | 'DryRun'
  /** What is not quite the same. */
  readonly changed?: string
}

export interface MetadataExchange {
  belongs(name: string): boolean
  exchange(name: string, value: string): Exchanged
}

/** What the API server adds to an object that it has. */
const OF_THE_SERVER = [
  'creationTimestamp',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
  'uid',
]
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * A Namespace, Pod or workload with Weft's labels and annotations in place of another mesh's, and the policies that they ask for;
 * nothing where it has none of them.
 */
export function migrateMetadata(
  object: WrittenObject,
  mesh: MetadataExchange,
  notes: Notes,
): readonly Manifest[] {
  if (!isJsonObject(object.raw)) return []
  const copy = structuredClone(object.raw) as Manifest
  const policies: Manifest[] = []
  let changed = false
  const places: readonly (readonly (string | number)[])[] =
    object.kind === 'Namespace' ? [[]] : podTemplates(copy).map(({ path }) => path)
  for (const path of places) {
    const owner = path.reduce<unknown>((value, step) => mapOf(value)[String(step)], copy)
    const metadata = mapOf(owner)['metadata']
    if (!isJsonObject(metadata)) continue
    const found = exchangeOf(metadata, [...path, 'metadata'], object.kind === 'Namespace', mesh, notes)
    changed ||= found.changed
    policies.push(...askedPolicies(object, metadata, found.asked))
  }
  if (!places.some((path) => path.length === 0)) nameOthers(copy.metadata, mesh, notes)
  if (!changed) return []
  const { status: _, ...written } = copy
  return [{ ...written, metadata: withoutServerFields(copy.metadata) } as Manifest, ...policies]
}

/** Of a Service and the like, or of a workload itself: Weft reads none there. */
function nameOthers(metadata: unknown, mesh: MetadataExchange, notes: Notes): void {
  for (const list of ['labels', 'annotations'])
    for (const [name, value] of Object.entries(mapOf(mapOf(metadata)[list]))) {
      if (!mesh.belongs(name)) continue
      const made = mesh.exchange(name, String(value))
      if (!('nothing' in made))
        notes.lost(
          ['metadata', list, name],
          'is not on a pod or a namespace, and here nothing is read there',
          'put what is meant into the pod template, or look in docs/annotations.md for what there is',
        )
    }
}

function exchangeOf(
  metadata: JsonObject,
  path: FieldPath,
  namespace: boolean,
  mesh: MetadataExchange,
  notes: Notes,
): { changed: boolean; asked: AskedPolicies } {
  let changed = false
  let asked: AskedPolicies = {}
  const labels: Record<string, string> = {}
  const annotations: Record<string, string> = {}
  for (const list of ['labels', 'annotations'] as const) {
    const values = metadata[list]
    if (!isJsonObject(values)) continue
    for (const [name, value] of Object.entries(values)) {
      if (!mesh.belongs(name) || typeof value !== 'string') continue
      delete values[name]
      changed = true
      const field = [...path, list, name]
      const made = mesh.exchange(name, value)
      if ('inject' in made) labels[INJECT_LABEL] = made.inject
      else if ('policies' in made) {
        asked = made.policies
        if (asked.changed !== undefined)
          notes.changed(field, asked.changed, 'see docs/security.md for what else policies can ask')
      } else if ('lost' in made) notes.lost(field, `${JSON.stringify(value)} has no counterpart`, made.lost)
      else if ('annotations' in made)
        Object.assign(annotations, accepted(made.annotations, namespace, field, notes))
    }
    if (Object.keys(values).length === 0) delete metadata[list]
  }
  for (const [list, values] of [
    ['labels', labels],
    ['annotations', annotations],
  ] as const) {
    const before = metadata[list]
    if (Object.keys(values).length > 0) metadata[list] = { ...(isJsonObject(before) && before), ...values }
  }
  return { changed, asked }
}

/** Those that a pod may have, with a value that the injector takes. */
function accepted(
  made: Readonly<Partial<Record<AnnotationName, string>>>,
  namespace: boolean,
  field: FieldPath,
  notes: Notes,
): Readonly<Record<string, string>> {
  const taken: Record<string, string> = {}
  for (const [name, value] of Object.entries(made)) {
    const full = `${ANNOTATION_PREFIX}${name}`
    if (namespace) {
      const remedy = `put ${full}: ${JSON.stringify(value)} into the pod templates of the namespace`
      notes.lost(field, 'is for a whole namespace, and annotations of Weft are for pods', remedy)
      continue
    }
    try {
      weftAnnotations[name as AnnotationName].parse(value)
      taken[full] = value
    } catch (error) {
      notes.lost(field, `would be ${full}, which ${describeError(error)}`, 'write a value that it takes')
    }
  }
  return taken
}

function askedPolicies(
  { kind, namespace, name }: WrittenObject,
  metadata: JsonObject,
  { mtls, nothingAllowed }: AskedPolicies,
): readonly Manifest[] {
  const ofAll = kind === 'Namespace'
  const id = ofAll ? { namespace: name, name: 'all' } : { namespace, name }
  const labels = metadata['labels']
  const matchLabels = !ofAll && isJsonObject(labels) ? ownLabels(labels) : undefined
  const policies: Manifest[] = []
  if (mtls !== undefined) policies.push(peerAuthentication(id, mtls, matchLabels))
  if (nothingAllowed !== undefined)
    policies.push(
      weftManifest(
        'AuthorizationPolicy',
        { ...id, name: nameWith(id.name, 'default') },
        {
          ...(matchLabels && { selector: { matchLabels } }),
          ...(nothingAllowed === 'DryRun' && { mode: 'DryRun' }),
        },
      ),
    )
  return policies
}

function ownLabels(labels: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => name !== INJECT_LABEL))
}

function withoutServerFields(metadata: JsonObject): JsonObject {
  const kept = Object.entries(metadata).filter(([name]) => !OF_THE_SERVER.includes(name))
  const result = Object.fromEntries(kept)
  const { annotations } = result
  if (isJsonObject(annotations)) {
    const { [LAST_APPLIED]: _, ...others } = annotations
    if (Object.keys(others).length > 0) result['annotations'] = others
    else delete result['annotations']
  }
  return result
}
