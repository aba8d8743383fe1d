import { isAlias, isNode, parseDocument, visit, type Alias, type Node } from 'yaml'
import type { Problems } from './problems.ts'

/** Far above any bootstrap; what is larger is some other file. Characters. */
const MAX_TEXT = 1024 * 1024

/** The nodes of a file, with every alias led to what it stands for. */
export interface SourceTree {
  readonly root: Node
  /** Undefined for what is no node, such as the value of a key that has none. */
  resolve(node: unknown): Node | undefined
}

/**
 * Reads YAML 1.2, of which JSON is a part. Undefined after at least one problem was added. Nothing in the file is
 * expanded here: an alias costs what it costs only when it is followed.
 */
export function parseSource(text: string, problems: Problems): SourceTree | undefined {
  if (text.length > MAX_TEXT) {
    problems.add('', `holds ${text.length} characters, more than the ${MAX_TEXT} of a bootstrap file`)
    return undefined
  }
  try {
    return parse(text, problems)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.add('', 'is nested too deeply to be a bootstrap file')
    return undefined
  }
}

function parse(text: string, problems: Problems): SourceTree | undefined {
  const document = parseDocument(text, {
    lineCounter: problems.lines,
    schema: 'core',
    // A 64-bit integer is not rounded on its way.
    intAsBigInt: true,
    // Looked for where keys are read: the parser compares each with each.
    uniqueKeys: false,
    prettyErrors: false,
    // With `silent` a second document would be left out without a word.
    logLevel: 'error',
  })
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    // The parser calls itself for what is nested, and reports its own end as a mistake of the file.
    if (/call stack|stack overflow/i.test(message)) throw new RangeError(message)
    const text = `${message.replaceAll(/\s+/g, ' ')}: correct the syntax`
    problems.add('', code === 'MULTIPLE_DOCS' ? 'a second document begins: keep one' : text, pos[0])
  }
  if (problems.some) return undefined
  const root = document.contents
  if (root === null || (text.trim() === '' && isNode(root))) {
    problems.add('', 'is empty: needs at least static_resources or dynamic_resources')
    return undefined
  }
  const targets = aliasTargets(root, problems)
  if (problems.some) return undefined
  return {
    root,
    resolve: (node) => (isAlias(node) ? targets.get(node) : isNode(node) ? node : undefined),
  }
}

/** An alias stands for the last anchor of its name before it (YAML 1.2.2 section 7.1). */
function aliasTargets(root: Node, problems: Problems): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>()
  const targets = new Map<Alias, Node>()
  visit(root, {
    Value(_, node) {
      if (node.anchor) anchors.set(node.anchor, node)
    },
    Alias(_, node) {
      const target = anchors.get(node.source)
      if (target) targets.set(node, target)
      else
        problems.add('', `*${node.source} stands for nothing: no &${node.source} before it`, node.range?.[0])
    },
  })
  return targets
}
