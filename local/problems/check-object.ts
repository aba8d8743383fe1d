import type { CheckCode } from '../../core/checks/catalog.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { Problem } from '../../core/problem.ts'
import { injectionLabelProblems, strayLabelProblems } from '../../control-plane/problems/labels.ts'
import { remedyOf } from '../../control-plane/problems/remedy.ts'
import type { ManifestDocument } from '../../control-plane/registry/documents.ts'
import { formatPath, type FieldPath } from '../../control-plane/registry/fields.ts'
import { isKnownGroup, kindProblem } from '../../control-plane/registry/kinds/known-kinds.ts'
import { readMeshObject } from '../../control-plane/registry/parse-manifests.ts'
import { parseObject, type ParsedObject } from '../manifest/parse-object.ts'
import { mapOf, problemOf, writtenObject, type CheckedObject, type WrittenObject } from './checked.ts'
import { schemaProblems } from './kubernetes-schema.ts'
import { otherMesh } from './other-meshes.ts'
import { podTemplateOf } from './pod-templates.ts'

const ELSEWHERE = 'nothing to do where a cluster reads it: it has no effect on one machine'

/** Reads one object of a file, and says what is wrong with it by itself. `file` is the path that problems name. */
export function checkObject(file: string, document: ManifestDocument): CheckedObject {
  const object = writtenObject(file, document)
  const { apiVersion, kind } = object
  const refused = unreadable(object)
  if (refused) {
    const wrong = refused.severity === 'error'
    return { ...object, parsed: undefined, mesh: undefined, refused: wrong, problems: [refused] }
  }
  const found = new Findings(object)
  for (const { code, path, severity, message, remedy } of labelProblems(object))
    found.tell(code, path, severity, message, remedy)
  for (const { path, message, remedy } of schemaProblems(apiVersion, kind, object.raw))
    found.refuse(path, message, remedy)
  const { object: mesh, problems } = readMeshObject(document)
  for (const { path, message, remedy } of problems)
    found.refuse(path, message, remedy ?? remedyOf(formatPath(path), message))
  let parsed: ParsedObject | undefined
  try {
    parsed = parseObject(object.raw, (field, message) =>
      found.tell('WEFT0009', field, 'warning', message, ELSEWHERE),
    )
  } catch (error) {
    const field = error instanceof WeftError ? (error.field ?? '') : ''
    const text = error instanceof WeftError ? error.message : describeError(error)
    const [, message = text, remedy] = /^(.*): ((?:use|pass|write|leave) .*)$/s.exec(text) ?? []
    found.refuse(field, message, remedy ?? remedyOf(field, message))
  }
  return {
    ...object,
    parsed: found.refused ? undefined : parsed,
    // Of a Service that has a mistake others may still ask for its name.
    mesh: problems.length === 0 || mesh?.kind === 'Service' ? mesh : undefined,
    refused: found.refused,
    problems: found.problems,
  }
}

/** Why nothing further can be said of an object; a warning where there is nothing to say. */
function unreadable(object: WrittenObject): Problem | undefined {
  const { document, raw, apiVersion, kind } = object
  if (document.value !== raw) {
    return problemOf(
      object,
      'WEFT0001',
      '',
      'error',
      'must be a map',
      'write an object with apiVersion, kind and metadata',
    )
  }
  for (const [field, value] of [
    ['apiVersion', apiVersion],
    ['kind', kind],
  ] as const) {
    if (value !== '') continue
    const wrong =
      raw[field] === undefined ? 'is required' : `must be a string, got ${JSON.stringify(raw[field])}`
    const remedy = raw[field] === undefined ? `add ${field}` : `write the ${field} as text`
    return problemOf(
      object,
      'WEFT0003',
      field,
      'error',
      wrong,
      `${remedy}, or move the file away if it is no manifest`,
    )
  }
  const foreign = otherMesh(apiVersion, kind)
  if (foreign) {
    const message = `${kind} of ${apiVersion} is ${foreign.mesh}'s: Weft does not read it`
    return problemOf(object, 'WEFT0004', 'kind', 'warning', message, foreign.instead)
  }
  const unknown = kindProblem(apiVersion, kind)
  if (unknown) {
    const { path, message, remedy = '' } = unknown
    return problemOf(object, 'WEFT0003', path, 'error', message, remedy)
  }
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  if (isKnownGroup(group)) return undefined
  return problemOf(
    object,
    'WEFT0009',
    'kind',
    'warning',
    `nothing here acts on ${kind} of ${apiVersion}`,
    ELSEWHERE,
  )
}

function labelProblems(object: WrittenObject): ReturnType<typeof injectionLabelProblems> {
  const metadata = mapOf(object.raw['metadata'])
  const labels = mapOf(metadata['labels'])
  const annotations = mapOf(metadata['annotations'])
  if (object.kind === 'Namespace') return injectionLabelProblems('namespace', labels, annotations)
  const template = podTemplateOf(object)
  if (!template) return strayLabelProblems(object.kind, labels, undefined)
  const path = [...template.path, 'metadata']
  const own = mapOf(template.metadata['labels'])
  const ofPods = injectionLabelProblems('pod', own, mapOf(template.metadata['annotations']), path)
  if (template.path.length === 0) return ofPods
  return [...strayLabelProblems(object.kind, labels, formatPath([...path, 'labels'])), ...ofPods]
}

/** Of one field what is said first counts: the schema knows more of a mistake than who stumbles over it later. */
class Findings {
  readonly problems: Problem[] = []
  /** Something is wrong that keeps the object from being taken. */
  refused = false
  readonly #object: WrittenObject
  readonly #told = new Set<string>()

  constructor(object: WrittenObject) {
    this.#object = object
  }

  refuse(field: FieldPath | string, message: string, remedy: string): void {
    this.refused = true
    this.tell('WEFT0002', field, 'error', message, remedy)
  }

  tell(
    code: CheckCode,
    field: FieldPath | string,
    severity: Problem['severity'],
    message: string,
    remedy: string,
  ): void {
    const text = typeof field === 'string' ? field : formatPath(field)
    const plain = text.replaceAll(/\["([^"]*)"\]/g, '.$1')
    // What is wrong inside a field is often why the field as a whole is not right.
    if ([...this.#told].some((told) => told === plain || (plain !== '' && told.startsWith(`${plain}.`))))
      return
    this.#told.add(plain)
    this.problems.push(problemOf(this.#object, code, field, severity, message, remedy))
  }
}
