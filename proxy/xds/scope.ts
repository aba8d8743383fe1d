import { WeftError } from '../../core/errors.ts'
import { unpackAny, type AnyValue } from '../../core/xds/any.ts'
import type { MessageType } from '../../core/xds/codec.ts'

/**
 * Where a decoder stands, and what was wrong so far. Errors are collected, not thrown, so that a NACK
 * names everything at once; a resource with any is not used.
 */
export class Scope {
  readonly path: string
  readonly problems: WeftError[]

  constructor(path = '', problems: WeftError[] = []) {
    this.path = path
    this.problems = problems
  }

  at(field: string, index?: number): Scope {
    const name = index === undefined ? field : `${field}[${index}]`
    return new Scope(this.path === '' ? name : `${this.path}.${name}`, this.problems)
  }

  fail(message: string): void {
    this.problems.push(new WeftError('xds.invalid', message, { field: this.path }))
  }

  unsupported(): void {
    this.problems.push(new WeftError('xds.unsupported', 'is not supported', { field: this.path }))
  }

  /** Every field that says something must be among the known ones: none is ignored. Keys are JSON names. */
  only(message: object, ...known: readonly string[]): void {
    for (const [key, value] of Object.entries(message))
      if (!known.includes(key) && saysSomething(value)) this.at(protoName(key)).unsupported()
  }

  unpack<T>(any: AnyValue, type: MessageType<T>): T | undefined {
    try {
      return unpackAny(any, type, { unknown: 'refuse', problems: this.problems, path: this.path })
    } catch (error) {
      this.problems.push(
        error instanceof WeftError
          ? error
          : new WeftError('xds.invalid', String(error), { field: this.path }),
      )
      return undefined
    }
  }
}

function saysSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === 0 || value === 0n || value === '')
    return false
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length > 0
  return true
}

/** `filterChains` -> `filter_chains` */
function protoName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
