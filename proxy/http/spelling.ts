/** Of the names that cross a link beside a head: what is beyond is lower-case on the other side. Bytes. */
export const MAX_SPELLING_BYTES = 8 * 1024

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// Heads repeat, with the programs that send them. What is kept is bounded in number and bytes.
const PARSED_KEPT = 256
const LONGEST_KEPT = 1024
const DERIVED_KEPT = 32

/**
 * How the names of a message's fields were written where that is not all in lower case: names mean the same in any
 * (RFC 9110 section 5.1), but there are programs that know one alone. `Fields` holds names in lower case; this says what
 * HTTP/1.1 writes for them. It adds no field and changes no value. Immutable, and shared by heads that are alike.
 */
export class Spelling {
  /** Lower-case names in the order of the message; one that is written in one way stands once. */
  readonly names: readonly string[]
  /** Beside `names`: how each is written; '' where `at` has to look which one of several it is. */
  readonly written: readonly string[]
  readonly #byName = new Map<string, readonly string[]>()
  readonly #places = new Map<string, number>()
  readonly #derived = new Map<string, Spelling>()
  #text: string | undefined

  /** Names as they are written, in the order of the message; those in lower case count where others of the name are not. */
  constructor(lines: readonly string[]) {
    const byName = new Map<string, string[]>()
    for (const line of lines) {
      const name = line.toLowerCase()
      const same = byName.get(name)
      if (same) same.push(line)
      else byName.set(name, [line])
    }
    const names: string[] = []
    const written: string[] = []
    for (const [name, ways] of byName) {
      const one = ways.every((way) => way === ways[0])
      if (one && ways[0] === name) continue
      this.#byName.set(name, one ? [ways[0] as string] : ways)
      this.#places.set(name, names.length)
      names.push(name)
      written.push(one ? (ways[0] as string) : '')
    }
    this.names = names
    this.written = written
  }

  /** Where `name` stands in `names`, or -1. */
  placeOf(name: string): number {
    return this.#places.get(name) ?? -1
  }

  /** How the field of that name that a message has once is written. */
  of(name: string): string {
    return this.#byName.get(name)?.[0] ?? name
  }

  /** How the name at `index` of `fields` is written: the first of its name as the first was, and so on. */
  at(fields: readonly string[], index: number): string {
    const name = fields[index] as string
    const ways = this.#byName.get(name)
    if (ways === undefined) return name
    let before = 0
    for (let i = 0; i < index && before < ways.length - 1; i += 2) if (fields[i] === name) before++
    return ways[before] as string
  }

  /** As `written` says `name` from now on, wherever it stood and however often. */
  replaced(written: string): Spelling {
    const name = written.toLowerCase()
    return this.#derive(`=${written}`, () => [...this.#lines(name), written])
  }

  /** With one more field behind `before` of its name. */
  appended(written: string, before: number): Spelling {
    const name = written.toLowerCase()
    return this.#derive(`${before}${written}`, () => {
      const ways = this.#byName.get(name) ?? [name]
      const those = Array.from({ length: before }, (_, i) => ways[Math.min(i, ways.length - 1)] as string)
      return [...this.#lines(name), ...those, written]
    })
  }

  /** All that is said, but for `without`. */
  #lines(without: string): string[] {
    return [...this.#byName].flatMap(([name, ways]) => (name === without ? [] : ways))
  }

  #derive(key: string, lines: () => string[]): Spelling {
    let derived = this.#derived.get(key)
    if (derived) return derived
    derived = new Spelling(lines())
    if (this.#derived.size < DERIVED_KEPT && key.length <= 64) this.#derived.set(key, derived)
    return derived
  }

  /** A comma list that `parseSpelling` reads, `MAX_SPELLING_BYTES` at most; '' where nothing is to be said. */
  get text(): string {
    if (this.#text !== undefined) return this.#text
    let text = ''
    for (const ways of this.#byName.values()) {
      const more = ways.join(',')
      if (text.length + more.length + 1 > MAX_SPELLING_BYTES) continue
      text += text === '' ? more : `,${more}`
    }
    this.#text = text
    return text
  }
}

/** All in lower case: where a spelling begins that configuration adds to. */
export const LOWER_CASE = new Spelling([])

const parsed = new Map<string, Spelling | undefined>()

/** What `Spelling.text` gave; undefined where that holds anything but names, since no sidecar sends it. */
export function parseSpelling(text: string): Spelling | undefined {
  if (parsed.has(text)) return parsed.get(text)
  const lines = text.split(',')
  const sound = text.length <= MAX_SPELLING_BYTES && lines.every((line) => TOKEN.test(line))
  const spelling = sound ? new Spelling(lines) : undefined
  if (text.length <= LONGEST_KEPT) {
    if (parsed.size >= PARSED_KEPT) parsed.clear()
    parsed.set(text, spelling)
  }
  return spelling
}

// Trailers have no head that could hold it.
const ofTrailers = new WeakMap<readonly string[], Spelling>()

/** How trailers are written, as `spellTrailers` was told. */
export function spellingOfTrailers(trailers: readonly string[]): Spelling | undefined {
  return ofTrailers.get(trailers)
}

/** Says how trailers are written; undefined: in lower case. */
export function spellTrailers(trailers: readonly string[], spelling: Spelling | undefined): void {
  if (spelling === undefined) ofTrailers.delete(trailers)
  else ofTrailers.set(trailers, spelling)
}
