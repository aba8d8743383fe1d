import { Lexer } from 'yaml'

/** Of one file of manifests. An object has at most 1.5 MiB in Kubernetes; a dump of a cluster has many. */
export const MOST_BYTES = 32 * 1024 * 1024
export const MOST_DOCUMENTS = 10_000
/** Values and keys of one document: what an object of 1.5 MiB may hold. */
export const MOST_IN_DOCUMENT = 100_000
/** And of a file. */
export const MOST_IN_FILE = 1_000_000
export const MOST_DEPTH = 100
/** How often aliases are expanded: a "billion laughs" document is an error, not an outage. */
export const MOST_ALIASES = 200

/** Characters of the lexer's own: those that say that a document begins, or ends in a flow, or that a plain scalar follows. */
const DOCUMENT = '\u0002'
const QUIET = new Set(['\u0002', '\u0018', '\u001F', '\uFEFF'])

/**
 * What of a YAML or JSON file is more than is read of one, by its tokens alone: a parser would take long for it, or run out of stack.
 * Undefined: nothing is.
 */
export function outOfBounds(text: string): string | undefined {
  if (text.length > MOST_BYTES) return `has more than ${MOST_BYTES / 1024 / 1024} MiB`
  let documents = 0
  let inDocument = 0
  let inFile = 0
  let flows = 0
  let column = 0
  /** Columns in which collections that are open begin. */
  const blocks: number[] = []
  for (const token of new Lexer().lex(text)) {
    const [first = ''] = token
    if (first === DOCUMENT || (token === '---' && column === 0)) {
      if (++documents > MOST_DOCUMENTS) return `has more than ${MOST_DOCUMENTS} documents`
      inDocument = 0
      flows = 0
      blocks.length = 0
    }
    if (QUIET.has(first)) continue
    const lineEnd = token.lastIndexOf('\n')
    const blank = token.trim() === '' || first === '#'
    if (!blank && first !== ',' && token !== ':') {
      if (++inDocument > MOST_IN_DOCUMENT) return `has more than ${MOST_IN_DOCUMENT} values in one document`
      if (++inFile > MOST_IN_FILE) return `has more than ${MOST_IN_FILE} values`
      if (first === '[' || first === '{') flows++
      else if (first === ']' || first === '}') flows = Math.max(0, flows - 1)
      else if (flows === 0) {
        while ((blocks.at(-1) ?? -1) >= column) blocks.pop()
        blocks.push(column)
      }
      if (flows + blocks.length > MOST_DEPTH) return `is nested more than ${MOST_DEPTH} levels deep`
    }
    column = lineEnd < 0 ? column + token.length : token.length - lineEnd - 1
  }
  return undefined
}

/** What the reader's error says of a document whose values are made of it, with MOST_ALIASES, in one line. */
export function expansionProblem(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  if (message.startsWith('Excessive alias count')) return `expands aliases more than ${MOST_ALIASES} times`
  const [line = ''] = message.split('\n')
  return line.slice(0, 160)
}
