import { isCollection, isMap, isSeq, visit } from 'yaml'
import type { Document } from 'yaml'
import { applyPatch, parsePointer } from '../../injector/json-patch.ts'
import type { Json, PatchOperation } from '../../injector/json-patch.ts'
import type { Path } from './pod-templates.ts'

/**
 * Applies a patch below `path` to a YAML document. What the patch does not name keeps its comments and its style, unless
 * the document has aliases: what two places share cannot be changed in one of them.
 */
export function patchDocument(document: Document, path: Path, patch: readonly PatchOperation[]): void {
  const prefix = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  const placed = patch.map((operation) => {
    if (operation.op === 'move' || operation.op === 'copy')
      return { ...operation, path: prefix + operation.path, from: prefix + operation.from }
    return { ...operation, path: prefix + operation.path }
  })
  // First on the data: an operation that can't be done leaves the document as it was.
  const result = applyPatch(document.toJS() as Json, placed)
  const simple = placed.every(({ op }) => op === 'add' || op === 'replace')
  if (!simple || hasAliases(document) || !placed.every((operation) => patchNode(document, operation)))
    document.contents = document.createNode(result)
}

function patchNode(document: Document, operation: PatchOperation): boolean {
  if (operation.op !== 'add' && operation.op !== 'replace') return false
  const steps = parsePointer(operation.path)
  const last = steps.pop() ?? ''
  const parent = document.getIn(steps, true)
  if (!isCollection(parent)) return false
  const value = document.createNode(operation.value)
  if (isMap(parent)) parent.set(last, value)
  else if (isSeq(parent) && operation.op === 'replace') parent.items[Number(last)] = value
  else if (isSeq(parent)) parent.items.splice(last === '-' ? parent.items.length : Number(last), 0, value)
  return true
}

function hasAliases(document: Document): boolean {
  let found = false
  visit(document, {
    Alias() {
      found = true
      return visit.BREAK
    },
  })
  return found
}
