import { WeftError } from '../../core/errors.ts'

/** Called with the path and the text of something that is ignored although it would change behaviour. */
export type Warn = (field: string, message: string) => void

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads one mapping of a manifest; every complaint names the path of the field, as in
 * `spec.template.spec.containers[0].ports[1].containerPort`.
 */
export class Fields {
  readonly path: string
  readonly raw: Readonly<Record<string, unknown>>
  readonly #warn: Warn

  constructor(value: unknown, path: string, warn: Warn) {
    if (!isMapping(value)) throw invalid(path || 'document', 'must be a mapping')
    this.raw = value
    this.path = path
    this.#warn = warn
  }

  at(name: string): string {
    return this.path ? `${this.path}.${name}` : name
  }

  has(name: string): boolean {
    return this.raw[name] !== undefined && this.raw[name] !== null
  }

  string(name: string): string | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') throw invalid(this.at(name), 'must be text (quote it)')
    return value
  }

  requiredString(name: string): string {
    const value = this.string(name)
    if (value === undefined || value === '') throw invalid(this.at(name), 'is required')
    return value
  }

  integer(name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw invalid(this.at(name), `must be a whole number from ${min} to ${max}`)
    }
    return value
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'boolean') throw invalid(this.at(name), 'must be true or false')
    return value
  }

  strings(name: string): string[] | undefined {
    const value = this.#array(name)
    return value?.map((entry, index) => {
      if (typeof entry !== 'string') throw invalid(`${this.at(name)}[${index}]`, 'must be text (quote it)')
      return entry
    })
  }

  /** A mapping of text to text, such as labels. */
  textMap(name: string): Record<string, string> {
    const child = this.child(name)
    if (!child) return {}
    return Object.fromEntries(Object.keys(child.raw).map((key) => [key, child.string(key) ?? '']))
  }

  /** A port: a number, or the name of a container's port. */
  portReference(name: string): number | string | undefined {
    const value = this.raw[name]
    if (typeof value === 'string' && value !== '') return value
    return this.integer(name, 1, 65535)
  }

  child(name: string): Fields | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    return new Fields(value, this.at(name), this.#warn)
  }

  requiredChild(name: string): Fields {
    const child = this.child(name)
    if (!child) throw invalid(this.at(name), 'is required')
    return child
  }

  list(name: string): Fields[] {
    const value = this.#array(name) ?? []
    return value.map((entry, index) => new Fields(entry, `${this.at(name)}[${index}]`, this.#warn))
  }

  #array(name: string): unknown[] | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (!Array.isArray(value)) throw invalid(this.at(name), 'must be a list')
    return value
  }

  /** Warns about every field that is in neither list; `harmless` ones mean nothing on one machine. */
  only(understood: readonly string[], harmless: readonly string[] = []): void {
    for (const name of Object.keys(this.raw)) {
      if (understood.includes(name) || harmless.includes(name)) continue
      this.warn(name, 'is not supported on one machine and is ignored')
    }
  }

  warn(name: string, message: string): void {
    this.#warn(this.at(name), message)
  }
}

export function invalid(field: string, message: string): WeftError {
  return new WeftError('manifest.invalid_field', message, { field })
}
