import { didYouMean } from '../../core/closest-name.ts'

/** What is wrong with one field of an object. */
export interface FieldProblem {
  readonly path: FieldPath
  readonly message: string
  /** What to do; where it is left out, the message says what must be there. */
  readonly remedy?: string
}

export type FieldPath = readonly (string | number)[]

/** `spec.rules[0].backendRefs[1].weight`, `metadata.annotations["weft.dev/x"]` */
export function formatPath(path: FieldPath): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** The other way round: `spec.rules[0].name`, also with labels in quotes. */
export function parsePath(text: string): FieldPath {
  return [...text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)].map(
    ([, index, quoted, name = '']) =>
      index !== undefined ? Number(index) : quoted !== undefined ? (JSON.parse(quoted) as string) : name,
  )
}

/**
 * Reads one map of an untrusted document, field by field. A wrong value becomes a problem that names its
 * path, and reading goes on with `undefined`, so that a file's mistakes are all told at once.
 */
export class Fields {
  readonly path: FieldPath
  readonly #values: Readonly<Record<string, unknown>>
  readonly #problems: FieldProblem[]
  readonly #read = new Set<string>()

  constructor(value: unknown, path: FieldPath, problems: FieldProblem[]) {
    this.path = path
    this.#problems = problems
    if (isMap(value)) this.#values = value
    else {
      this.#values = {}
      if (value !== undefined && value !== null) this.#wrong(path, 'must be a map', value)
    }
  }

  /** How many there are so far, of the whole document. */
  get problems(): number {
    return this.#problems.length
  }

  has(name: string): boolean {
    return this.#peek(name) !== undefined
  }

  /** Of a map whose keys its author chose. */
  names(): readonly string[] {
    return Object.keys(this.#values)
  }

  text(name: string, check?: TextCheck): string | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') return this.#wrong([...this.path, name], 'must be a string', value)
    if (check && !check.pattern.test(value))
      return this.#wrong([...this.path, name], `must be ${check.is}`, value)
    return value
  }

  requiredText(name: string, check?: TextCheck): string {
    if (this.#peek(name) === undefined) this.problem('is required', name)
    return this.text(name, check) ?? ''
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    const found = allowed.find((one) => one === value)
    if (found === undefined) this.#wrong([...this.path, name], `must be one of ${allowed.join(', ')}`, value)
    return found
  }

  integer(name: string, least: number, most: number): number | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      const range = `${least.toLocaleString('en')} to ${most.toLocaleString('en')}`
      return this.#wrong([...this.path, name], `must be an integer from ${range}`, value)
    }
    return value
  }

  /** Also with a fraction. */
  number(name: string, least: number, most: number): number | undefined {
    const value = this.#take(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= least && value <= most))
      return this.#wrong([...this.path, name], `must be a number from ${least} to ${most}`, value)
    return value
  }

  boolean(name: string): boolean | undefined {
    const value = this.#take(name)
    if (value === undefined || typeof value === 'boolean') return value
    return this.#wrong([...this.path, name], 'must be true or false', value)
  }

  map(name: string): Fields {
    return new Fields(this.#take(name), [...this.path, name], this.#problems)
  }

  /** Undefined when the field is not there. */
  optionalMap(name: string): Fields | undefined {
    this.#read.add(name)
    return this.#peek(name) === undefined ? undefined : this.map(name)
  }

  list<T>(name: string, read: (item: Fields, index: number) => T): T[] {
    return this.#array(name).map((item, index) =>
      read(new Fields(item ?? '', [...this.path, name, index], this.#problems), index),
    )
  }

  /** Whether a list is no longer than that; otherwise a problem. */
  atMost(name: string, most: number): boolean {
    const value = this.#peek(name)
    if (!Array.isArray(value) || value.length <= most) return true
    this.problem(`has ${value.length} items; at most ${most}`, name)
    return false
  }

  texts(name: string): string[] {
    return this.#array(name).filter((item, index): item is string => {
      if (typeof item !== 'string') this.#wrong([...this.path, name, index], 'must be a string', item)
      return typeof item === 'string'
    })
  }

  integers(name: string, least: number, most: number): number[] {
    return this.#array(name).filter((item, index): item is number => {
      if (Number.isInteger(item) && (item as number) >= least && (item as number) <= most) return true
      this.#wrong([...this.path, name, index], `must be an integer from ${least} to ${most}`, item)
      return false
    })
  }

  /** Labels and annotations. */
  stringMap(name: string): Readonly<Record<string, string>> {
    const value = this.#take(name)
    const result: Record<string, string> = Object.create(null) as Record<string, string>
    if (value === undefined) return result
    if (!isMap(value)) {
      this.#wrong([...this.path, name], 'must be a map', value)
      return result
    }
    for (const [key, one] of Object.entries(value)) {
      if (typeof one === 'string') result[key] = one
      else this.#wrong([...this.path, name, key], 'must be a string', one)
    }
    return result
  }

  /** A value of any kind (int-or-string and the like). */
  any(name: string): unknown {
    return this.#take(name)
  }

  /** Takes a field off the unknown ones without reading it. */
  skip(...names: string[]): void {
    for (const name of names) this.#read.add(name)
  }

  problem(message: string, ...more: (string | number)[]): void {
    this.#problems.push({ path: [...this.path, ...more], message })
  }

  /** The same with what to do. */
  problemWith(remedy: string, message: string, ...more: (string | number)[]): void {
    this.#problems.push({ path: [...this.path, ...more], message, remedy })
  }

  /**
   * For kinds that are read strictly: reports every field that nobody asked for; with `nulls`, also those that are there
   * with nothing in them, where leaving one out would widen what its author meant.
   */
  refuseUnknown({ nulls = false } = {}): void {
    for (const name of Object.keys(this.#values)) {
      if (nulls && this.#values[name] === null)
        this.problemWith('write what it is for, or leave it out', 'is there with nothing in it', name)
      if (this.#read.has(name)) continue
      const path = [...this.path, name]
      const remedy = didYouMean(name, this.#read, `take it out; known are ${[...this.#read].join(', ')}`)
      this.#problems.push({ path, message: 'is not a field that is known here', remedy })
    }
  }

  #peek(name: string): unknown {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined
    return value === null ? undefined : value
  }

  #take(name: string): unknown {
    this.#read.add(name)
    return this.#peek(name)
  }

  #array(name: string): readonly unknown[] {
    const value = this.#take(name)
    if (value === undefined) return []
    if (Array.isArray(value)) return value as readonly unknown[]
    this.#wrong([...this.path, name], 'must be a list', value)
    return []
  }

  #wrong(path: FieldPath, message: string, value: unknown): undefined {
    this.#problems.push({ path, message: `${message}, got ${brief(value)}` })
  }
}

export interface TextCheck {
  readonly pattern: RegExp
  /** Completes "must be ...". */
  readonly is: string
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}
