import { WeftError } from '../errors.ts'

/** Where a value stands in its document: keys and indexes. */
export type FieldPath = readonly (string | number)[]

/** `spec.rules[0].backendRefs[1].weight` */
export function formatPath(path: FieldPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}

/** A wrong field, with the path by which its line is found. */
export class FieldError extends WeftError {
  readonly path: FieldPath

  constructor(path: FieldPath, message: string) {
    super('manifest.invalid_field', message, { field: formatPath(path) })
    this.path = path
  }
}

/** Reads one mapping of a manifest. Every complaint is a FieldError; absent and null are the same. */
export class FieldReader {
  readonly raw: Readonly<Record<string, unknown>>
  readonly path: FieldPath

  constructor(value: unknown, path: FieldPath) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FieldError(path, 'must be a mapping')
    this.raw = value as Record<string, unknown>
    this.path = path
  }

  fail(name: string, message: string): FieldError {
    return new FieldError([...this.path, name], message)
  }

  /** Refuses every field that is not named: a misspelt rule must not be ignored. */
  only(...names: readonly string[]): void {
    for (const name of Object.keys(this.raw))
      if (!names.includes(name)) throw this.fail(name, `is no field that is known here (known: ${names.join(', ')})`)
  }

  has(name: string): boolean {
    return this.raw[name] !== undefined && this.raw[name] !== null
  }

  string(name: string): string | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') throw this.fail(name, `must be text, got ${JSON.stringify(value)}`)
    return value
  }

  required(name: string): string {
    const value = this.string(name)
    if (value === undefined || value === '') throw this.fail(name, 'is required')
    return value
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.string(name)
    if (value === undefined) return undefined
    const known = values.find((candidate) => candidate === value)
    if (known === undefined) throw this.fail(name, `must be one of ${values.join(', ')}, got "${value}"`)
    return known
  }

  integer(name: string, min: number, max: number): number | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw this.fail(name, `must be an integer from ${min} to ${max}, got ${JSON.stringify(value)}`)
    return value
  }

  boolean(name: string): boolean | undefined {
    const value = this.raw[name]
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'boolean') throw this.fail(name, `must be true or false, got ${JSON.stringify(value)}`)
    return value
  }

  strings(name: string): string[] {
    return this.array(name).map((value, index) => {
      if (typeof value !== 'string') throw new FieldError([...this.path, name, index], 'must be text')
      return value
    })
  }

  /** A mapping of text to text, such as labels. */
  texts(name: string): Record<string, string> {
    const child = this.child(name)
    if (!child) return {}
    return Object.fromEntries(Object.keys(child.raw).map((key) => [key, child.string(key) ?? '']))
  }

  child(name: string): FieldReader | undefined {
    return this.has(name) ? new FieldReader(this.raw[name], [...this.path, name]) : undefined
  }

  list(name: string): FieldReader[] {
    return this.array(name).map((value, index) => new FieldReader(value, [...this.path, name, index]))
  }

  array(name: string): readonly unknown[] {
    const value = this.raw[name]
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) throw this.fail(name, 'must be a list')
    return value
  }
}
