import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { Notes } from '../notes.ts'

/** Annotations of Linkerd on a Service or a route, taken one by one; what is left has no counterpart. */
export class LinkerdAnnotations {
  readonly #values: Map<string, string>
  readonly #notes: Notes
  readonly #metadata: Fields

  constructor(object: Fields, notes: Notes) {
    this.#metadata = object.map('metadata')
    const all = Object.entries(this.#metadata.stringMap('annotations'))
    this.#values = new Map(all.filter(([name]) => isLinkerd(name)))
    this.others = Object.fromEntries(all.filter(([name]) => !isLinkerd(name)))
    this.#notes = notes
  }

  /** Those that are none of Linkerd's. */
  readonly others: Readonly<Record<string, string>>

  get size(): number {
    return this.#values.size
  }

  field(name: string): readonly (string | number)[] {
    return [...this.#metadata.path, 'annotations', name]
  }

  has(prefix: string): boolean {
    return [...this.#values.keys()].some((name) => name.startsWith(prefix))
  }

  take(name: string): string | undefined {
    const value = this.#values.get(name)
    this.#values.delete(name)
    return value
  }

  /** A value that `read` makes something of; otherwise it is lost. */
  takeAs<T>(name: string, is: string, read: (text: string) => T | undefined): T | undefined {
    const text = this.take(name)
    if (text === undefined) return undefined
    const value = read(text.trim())
    if (value === undefined)
      this.#notes.lost(this.field(name), `must be ${is}, got ${JSON.stringify(text)}`, 'correct it')
    return value
  }

  /** Names what nobody took. */
  nameOthers(remedies: Readonly<Record<string, string>>): void {
    for (const [name, value] of this.#values) {
      const remedy = Object.hasOwn(remedies, name) ? remedies[name] : undefined
      this.#notes.lost(
        this.field(name),
        `${JSON.stringify(value)} has no counterpart`,
        remedy ?? 'take it out: Weft has nothing like it',
      )
    }
  }
}

export function isLinkerd(name: string): boolean {
  return /^(?:[^/]+\.)?linkerd\.io\//.test(name)
}

export function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}
