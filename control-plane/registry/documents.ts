import {
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml'
import type { FieldPath } from './fields.ts'
import { expansionProblem, MOST_ALIASES, outOfBounds } from './yaml-bounds.ts'

/** A place in a file; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One object of a file, not looked at yet. */
export interface ManifestDocument {
  readonly value: unknown
  /** Where a field stands, or the nearest above it that is there. */
  position(path: FieldPath): Position
}

/** What keeps a document of a file from being read at all. */
export interface SyntaxProblem extends Partial<Position> {
  readonly message: string
  readonly remedy: string
}

const START: Position = { line: 1, column: 1 }

/** By the codes of the parser, what helps. */
const REMEDIES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces: YAML takes no tabs there',
  BAD_INDENT: 'indent it as its neighbours are, or close the bracket or brace that is open before it',
  DUPLICATE_KEY: 'keep one of the two',
  MULTILINE_IMPLICIT_KEY:
    'begin what belongs to one map in the same column, and quote values that have ": " in them',
  MISSING_CHAR: 'close what is open: a quote, a bracket or a brace',
  UNEXPECTED_TOKEN: 'correct what stands there, or quote it',
  BAD_ALIAS: 'quote what begins with * or &, or name an anchor that is there',
}

/** The objects of a YAML or JSON file (JSON is YAML); a List stands for its items. Never throws. */
export function readDocuments(text: string): {
  readonly documents: readonly ManifestDocument[]
  readonly errors: readonly SyntaxProblem[]
} {
  const lines = new LineCounter()
  const documents: ManifestDocument[] = []
  const errors: SyntaxProblem[] = []
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const beyond = outOfBounds(text)
  if (beyond !== undefined)
    return { documents, errors: [{ message: beyond, remedy: 'write less, or in several files' }] }
  let parsed: Document[]
  try {
    parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true }) as Document[]
  } catch (error) {
    return { documents, errors: [{ message: reason(error), remedy: 'correct the YAML' }] }
  }
  for (const document of parsed) {
    // The first one; what follows mostly follows from it.
    for (const { pos, code, message } of document.errors.slice(0, 1)) {
      errors.push({
        ...at(pos[0]),
        message: firstLine(message),
        remedy: REMEDIES[code] ?? 'correct the YAML',
      })
    }
    if (document.errors.length > 0) continue
    const position = (path: FieldPath): Position => {
      const node = nodeAt(document, path)
      return node?.range ? at(node.range[0]) : START
    }
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: MOST_ALIASES })
    } catch (error) {
      errors.push({
        ...position([]),
        message: expansionProblem(error),
        remedy: 'write it without so many aliases',
      })
      continue
    }
    if (value === null || value === undefined) continue
    for (const { item, prefix } of expandLists(value)) {
      documents.push({ value: item, position: (path) => position([...prefix, ...path]) })
    }
  }
  return { documents, errors }
}

/** `kind: List` of kubectl's output stands for its items, and so does a list of one kind, such as DeploymentList. */
function expandLists(value: unknown): { item: unknown; prefix: (string | number)[] }[] {
  if (typeof value === 'object' && value !== null && 'items' in value && 'kind' in value) {
    if (typeof value.kind === 'string' && value.kind.endsWith('List') && Array.isArray(value.items)) {
      return value.items.map((item: unknown, index) => ({ item, prefix: ['items', index] }))
    }
  }
  return [{ item: value, prefix: [] }]
}

/** The node of a path, or the nearest one above it that is there. */
function nodeAt(document: Document, path: FieldPath): Node | null | undefined {
  let node: unknown = document.contents
  let last: unknown
  for (const step of path) {
    if (!isCollection(node)) break
    last = undefined
    if (isMap(node)) {
      const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === String(step))
      if (!pair) break
      // The key's place: that of a value may be the next line.
      last = pair.key
      node = pair.value
    } else if (isSeq(node)) {
      const item: unknown = node.items[Number(step)]
      if (!isNode(item)) break
      node = item
    }
  }
  if (isNode(last)) return last
  return isNode(node) ? node : undefined
}

function firstLine(text: string): string {
  const [line = ''] = text.split('\n')
  return line.length > 160 ? `${line.slice(0, 157)}...` : line
}

function reason(error: unknown): string {
  return error instanceof Error ? firstLine(error.message) : String(error)
}
