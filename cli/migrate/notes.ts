import { Fields, formatPath, type FieldPath, type FieldProblem } from '../../control-plane/registry/fields.ts'
import type { Problem } from '../../core/problem.ts'
import { problemOf, type WrittenObject } from '../../local/problems/checked.ts'

/** What is to be said of one object of the other mesh: an error where something is lost, a warning where it is another. */
export class Notes {
  readonly #object: WrittenObject
  readonly #all = new Map<string, Problem>()
  readonly #wrong: FieldProblem[] = []
  #lost = 0

  constructor(object: WrittenObject) {
    this.#object = object
  }

  /** The object, field by field: what is wrong in it is lost. */
  fields(): Fields {
    return new Fields(this.#object.raw, [], this.#wrong)
  }

  get all(): readonly Problem[] {
    const wrong = this.#wrong.map(({ path, message, remedy = 'correct it' }) =>
      problemOf(this.#object, 'WEFT0004', path, 'error', message, remedy),
    )
    return [...this.#all.values(), ...wrong]
  }

  /** How much was lost until now. */
  get losses(): number {
    return this.#lost + this.#wrong.length
  }

  /** What was said there is not in what is printed. */
  lost(field: FieldPath, message: string, remedy: string): void {
    this.#add(field, 'error', message, remedy)
  }

  /** What is printed does not do quite the same. */
  changed(field: FieldPath, message: string, remedy: string): void {
    this.#add(field, 'warning', message, remedy)
  }

  /** Names those of the fields that are there, by what to do instead. */
  withoutCounterpart(fields: Fields, remedies: Readonly<Record<string, string>>): void {
    for (const [name, remedy] of Object.entries(remedies)) {
      if (fields.has(name)) this.lost([...fields.path, name], 'has no counterpart', remedy)
      fields.skip(name)
    }
  }

  #add(field: FieldPath, severity: Problem['severity'], message: string, remedy: string): void {
    const key = `${formatPath(field)} ${message}`
    if (this.#all.has(key)) return
    if (severity === 'error') this.#lost++
    this.#all.set(key, problemOf(this.#object, 'WEFT0004', field, severity, message, remedy))
  }
}
