import { isMap, isScalar, isSeq } from 'yaml'
import type { JsonValue } from '../../core/xds/well-known.ts'
import type { SourceTree } from './document.ts'
import { keyText, type NodeBudget } from './node-budget.ts'
import type { Problems } from './problems.ts'

export interface StructContext {
  readonly tree: SourceTree
  readonly problems: Problems
  readonly budget: NodeBudget
}

/** google.protobuf.Value and what it holds: any JSON. Undefined after a problem. */
export function readJson(
  context: StructContext,
  node: unknown,
  path: string,
  depth: number,
): JsonValue | undefined {
  const at = context.tree.resolve(node)
  if (!context.budget.take(path, depth)) return undefined
  if (isMap(at)) {
    const object: Record<string, JsonValue> = {}
    for (const { key, value } of at.items) {
      const name = keyText(key)
      const inner = `${path}.${name ?? '?'}`
      const read = name === undefined ? undefined : readJson(context, value, inner, depth + 1)
      if (name === undefined) context.problems.add(path, 'has a key that is no text')
      else if (Object.hasOwn(object, name)) context.problems.add(path, `has the key ${name} twice: keep one`)
      // Not an assignment: a key `__proto__` would change the object's prototype.
      else if (read !== undefined) {
        const property = { value: read, enumerable: true, writable: true, configurable: true }
        Object.defineProperty(object, name, property)
      }
    }
    return object
  }
  if (isSeq(at)) return at.items.map((item, i) => readJson(context, item, `${path}[${i}]`, depth + 1) ?? null)
  const value: unknown = isScalar(at) ? at.value : null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    context.problems.add(path, 'must be a finite number')
    return undefined
  }
  if (typeof value === 'string' && !value.isWellFormed()) {
    context.problems.add(path, 'must be text: it holds half of a surrogate pair')
    return undefined
  }
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return null
}
