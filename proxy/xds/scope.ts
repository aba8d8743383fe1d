import { WeftError } from '../../core/errors.ts'
import { PatternBudget } from '../../core/pattern-budget.ts'

/**
 * Where a decoder stands, and what was wrong so far. Errors are collected, not thrown, so that a NACK
 * names everything at once; a resource with any is not used.
 */
export class Scope {
  readonly path: string
  readonly problems: WeftError[]
  /** Of the whole resource. */
  readonly patterns: PatternBudget

  constructor(path = '', problems: WeftError[] = [], patterns = new PatternBudget()) {
    this.path = path
    this.problems = problems
    this.patterns = patterns
  }

  at(field: string, index?: number): Scope {
    const name = index === undefined ? field : `${field}[${index}]`
    return new Scope(this.path === '' ? name : `${this.path}.${name}`, this.problems, this.patterns)
  }

  fail(message: string): void {
    this.problems.push(new WeftError('xds.invalid', message, { field: this.path }))
  }
}
