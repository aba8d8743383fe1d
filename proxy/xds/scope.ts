import { WeftError } from '../../core/errors.ts'

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
}
