import type { CheckCode } from '../../core/checks/catalog.ts'
import type { Problem } from '../../core/problem.ts'
import type { ManifestDocument } from '../../control-plane/registry/documents.ts'
import { formatPath, parsePath, type FieldPath } from '../../control-plane/registry/fields.ts'
import type { MeshObject } from '../../control-plane/registry/kinds/kinds.ts'
import type { ParsedObject } from '../manifest/parse-object.ts'

/** An object of a file, as it was written. */
export interface WrittenObject {
  readonly file: string
  readonly document: ManifestDocument
  readonly raw: Readonly<Record<string, unknown>>
  /** Those that are no text are ''. */
  readonly apiVersion: string
  readonly kind: string
  /** `default` where it is not said; '' of kinds that are in none. */
  readonly namespace: string
  readonly name: string
}

export interface CheckedObject extends WrittenObject {
  /** Undefined where a mistake keeps it from being taken. */
  readonly parsed: ParsedObject | undefined
  /** As the control plane reads it; undefined of kinds that it does not read, and (but for Services) where it has a mistake. */
  readonly mesh: MeshObject | undefined
  /** A mistake keeps it from being taken. */
  readonly refused: boolean
  /** What is wrong with it by itself. */
  readonly problems: readonly Problem[]
}

export interface CheckedFile {
  readonly path: string
  /** Of which `-f` it is: a later one replaces the objects of those before. */
  readonly root: number
  readonly objects: readonly CheckedObject[]
  /** What keeps documents of it from being read at all. */
  readonly problems: readonly Problem[]
}

const IN_NO_NAMESPACE = new Set([
  'Namespace',
  'Node',
  'PersistentVolume',
  'StorageClass',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'GatewayClass',
  'IngressClass',
  'PriorityClass',
  'RuntimeClass',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
])

export function writtenObject(file: string, document: ManifestDocument): WrittenObject {
  const raw = mapOf(document.value)
  const metadata = mapOf(raw['metadata'])
  const kind = textOf(raw['kind'])
  const namespace = kind === '' || IN_NO_NAMESPACE.has(kind) ? '' : textOf(metadata['namespace']) || 'default'
  return {
    file,
    document,
    raw,
    apiVersion: textOf(raw['apiVersion']),
    kind,
    namespace,
    name: textOf(metadata['name']),
  }
}

/** A problem of an object, at the place of the field in its file. */
export function problemOf(
  object: WrittenObject,
  code: CheckCode,
  field: FieldPath | string,
  severity: Problem['severity'],
  message: string,
  remedy: string,
): Problem {
  const path = typeof field === 'string' ? parsePath(field) : field
  const { file, kind, namespace, name } = object
  const text = typeof field === 'string' ? field : formatPath(field)
  return {
    code,
    file,
    ...object.document.position(path),
    kind,
    namespace,
    name,
    field: text,
    severity,
    message,
    remedy,
  }
}

/** A value that ought to be a map; an empty one where it is none. */
export function mapOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
