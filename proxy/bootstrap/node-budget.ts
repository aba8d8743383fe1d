import { isScalar } from 'yaml'
import type { Problems } from './problems.ts'

/** As many as Protocol Buffers allow. */
const MAX_DEPTH = 60
/** A listener with all its parts has some 50. */
const MAX_NODES = 200_000

/** Aliases make a small file a large tree, or one without end: nodes are counted as they are visited. */
export class NodeBudget {
  readonly #problems: Problems
  #left = MAX_NODES

  constructor(problems: Problems) {
    this.#problems = problems
  }

  /** False where reading must stop; the problem is added once. */
  take(path: string, depth: number): boolean {
    if (depth > MAX_DEPTH) {
      this.#problems.add(shorten(path), `is nested more than ${MAX_DEPTH} levels deep`)
      return false
    }
    if (this.#left > 0) {
      this.#left--
      return true
    }
    if (this.#left === 0)
      this.#problems.add('', `holds more than ${MAX_NODES} values once its aliases are followed: write fewer`)
    this.#left = -1
    return false
  }
}

/** The text of a mapping's key: undefined if it is none. */
export function keyText(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined
  const value: unknown = key.value
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined
  return typeof value === 'bigint' || typeof value === 'boolean' ? String(value) : undefined
}

function shorten(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}...` : path
}
