import {
  isCollection,
  isMap,
  isNode,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml'
import { Fields, formatPath, type FieldPath, type Problem } from './fields.ts'
import { knownVersions, readerFor, type MeshObject } from './kinds/kinds.ts'
import { keyOf } from './kinds/meta.ts'
import type { SourceError } from './source.ts'

export interface ParsedFile {
  readonly objects: readonly { readonly object: MeshObject; readonly line: number }[]
  readonly errors: readonly SourceError[]
}

/** Aliases are expanded at most so often: a "billion laughs" document is an error, not an outage. */
const MAX_ALIASES = 200

/** Objects of a YAML or JSON file (JSON is YAML). `origin` names the file in errors. Never throws. */
export function parseManifests(origin: string, text: string): ParsedFile {
  const lines = new LineCounter()
  const objects: { object: MeshObject; line: number }[] = []
  const errors: SourceError[] = []
  const seen = new Map<string, number>()
  let documents: Document[]
  try {
    documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false }) as Document[]
  } catch (error) {
    return { objects, errors: [{ origin, line: undefined, field: '', message: reason(error) }] }
  }
  for (const document of documents) {
    const lineOf = (node: Node | null | undefined): number | undefined =>
      node?.range ? lines.linePos(node.range[0]).line : undefined
    if (document.errors.length > 0) {
      for (const error of document.errors) {
        errors.push({ origin, line: lines.linePos(error.pos[0]).line, field: '', message: error.message })
      }
      continue
    }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES })
    } catch (error) {
      errors.push({ origin, line: lineOf(document.contents), field: '', message: reason(error) })
      continue
    }
    if (value === null || value === undefined) continue
    for (const { item, prefix } of expandLists(value)) {
      const problems: Problem[] = []
      const object = readObject(item, problems)
      const line = lineOf(nodeAt(document, prefix)) ?? 1
      for (const problem of problems) {
        const at = lineOf(nodeAt(document, [...prefix, ...problem.path])) ?? line
        errors.push({ origin, line: at, field: formatPath(problem.path), message: problem.message })
      }
      if (!object || problems.length > 0) continue
      const id = `${object.kind} ${keyOf(object.meta)}`
      const earlier = seen.get(id)
      if (earlier !== undefined) {
        const message = `${id} stands already at line ${earlier} of this file`
        errors.push({ origin, line, field: 'metadata.name', message })
        continue
      }
      seen.set(id, line)
      objects.push({ object, line })
    }
  }
  return { objects, errors }
}

/** `kind: List` of kubectl's output stands for its items. */
function expandLists(value: unknown): { item: unknown; prefix: (string | number)[] }[] {
  if (typeof value === 'object' && value !== null && 'items' in value && 'kind' in value) {
    if (value.kind === 'List' && Array.isArray(value.items)) {
      return value.items.map((item: unknown, index) => ({ item, prefix: ['items', index] }))
    }
  }
  return [{ item: value, prefix: [] }]
}

function readObject(value: unknown, problems: Problem[]): MeshObject | undefined {
  const fields = new Fields(value, [], problems)
  if (problems.length > 0) return undefined
  const apiVersion = fields.requiredText('apiVersion')
  const kind = fields.requiredText('kind')
  if (problems.length > 0) return undefined
  const read = readerFor(apiVersion, kind)
  if (read) return read(fields)
  const versions = knownVersions(apiVersion, kind)
  if (versions.length > 0) {
    fields.problem(`${kind} is read as ${versions.join(' or ')}, not as ${apiVersion}`, 'apiVersion')
  }
  return undefined
}

/** The node of a path, or the nearest one above it that is there. */
function nodeAt(document: Document, path: FieldPath): Node | null | undefined {
  let node: unknown = document.contents
  for (const step of path) {
    if (!isCollection(node)) break
    if (isMap(node)) {
      const pair = node.items.find((one) => isNode(one.key) && 'value' in one.key && one.key.value === step)
      if (!pair) break
      // The key's line: that of a value may be the next one.
      if (!isNode(pair.value) || !isCollection(pair.value))
        return isNode(pair.value) ? pair.value : (pair.key as Node)
      node = pair.value
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)]
      if (!isNode(item)) break
      node = item
    }
  }
  return isNode(node) ? node : undefined
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
