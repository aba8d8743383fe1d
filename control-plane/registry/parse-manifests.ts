import { readDocuments, type ManifestDocument } from './documents.ts'
import { Fields, formatPath, type FieldProblem } from './fields.ts'
import { kindProblem } from './kinds/known-kinds.ts'
import { failsClosed, readerFor, type MeshObject } from './kinds/kinds.ts'
import { keyOf } from './kinds/meta.ts'
import type { SourceError } from './source.ts'

export interface ParsedFile {
  readonly objects: readonly { readonly object: MeshObject; readonly line: number }[]
  readonly errors: readonly SourceError[]
}

/** What is read of a document instead of what stands there; the same one where nothing is to change. */
export type Revise = (document: unknown) => unknown

const AS_IT_STANDS: Revise = (document) => document

/** Objects of a YAML or JSON file (JSON is YAML). `origin` names the file in errors. Never throws. */
export function parseManifests(origin: string, text: string, revise: Revise = AS_IT_STANDS): ParsedFile {
  const objects: { object: MeshObject; line: number }[] = []
  const { documents, errors: syntax } = readDocuments(text)
  const errors: SourceError[] = syntax.map(({ line, column, message, remedy }) => ({
    origin,
    line,
    column,
    field: '',
    message,
    remedy,
  }))
  const seen = new Map<string, number>()
  for (const document of documents) {
    const { object, problems } = readMeshObject({ value: revise(document.value) })
    const { line, column } = document.position([])
    const tell = ({ path, message, remedy }: FieldProblem): void => {
      const named = nameOf(document.value)
      errors.push({
        origin,
        ...document.position(path),
        field: formatPath(path),
        message,
        ...(remedy !== undefined && { remedy }),
        ...(named && { object: named }),
      })
    }
    problems.forEach(tell)
    if (!object || (problems.length > 0 && !failsClosed(object, problems))) continue
    const id = `${object.kind} ${keyOf(object.meta)}`
    const earlier = seen.get(id)
    if (earlier === undefined) {
      seen.set(id, line)
      objects.push({ object, line })
      continue
    }
    const message = `${id} stands already at line ${earlier} of this file`
    const remedy = 'keep one of the two, or give one another name'
    const named = { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name }
    errors.push({ origin, line, column, field: 'metadata.name', message, remedy, object: named })
  }
  return { objects, errors }
}

/** One object as the mesh reads it; undefined of a kind that it does not read, and where nothing could be read. */
export function readMeshObject({ value }: Pick<ManifestDocument, 'value'>): {
  readonly object: MeshObject | undefined
  readonly problems: readonly FieldProblem[]
} {
  const problems: FieldProblem[] = []
  return { object: readObject(value, problems), problems }
}

function readObject(value: unknown, problems: FieldProblem[]): MeshObject | undefined {
  const fields = new Fields(value, [], problems)
  if (problems.length > 0) return undefined
  const apiVersion = fields.requiredText('apiVersion')
  const kind = fields.requiredText('kind')
  if (problems.length > 0) return undefined
  const read = readerFor(apiVersion, kind)
  if (read) return read(fields)
  const problem = kindProblem(apiVersion, kind)
  if (problem) problems.push(problem)
  return undefined
}

/** What an object is called, as far as that can be told. */
function nameOf(value: unknown): SourceError['object'] {
  const text = (of: unknown, name: string): string => {
    const found = typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined
    return typeof found === 'string' ? found : ''
  }
  const kind = text(value, 'kind')
  if (kind === '') return undefined
  const metadata = (value as { metadata?: unknown }).metadata
  const namespace = kind === 'Namespace' ? '' : text(metadata, 'namespace') || 'default'
  return { kind, namespace, name: text(metadata, 'name') }
}
