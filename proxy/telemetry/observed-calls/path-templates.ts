import { ANY_REST, ANY_SEGMENT } from '../../../core/observed-calls.ts'
import { copyOfStart } from '../../../core/text-copy.ts'
import { isIdentifierAt, isIdentifierSegment } from './identifier-segment.ts'

/** Different values of one position; more of them are things, not parts of an interface. Services have many roots. */
export const MOST_VALUES = 20
export const MOST_FIRST_VALUES = 100
/** Segments; what follows is {**}. */
const DEEPEST = 20

/** One of those that paths were found to be of; its text changes as more is learned. */
export interface PathTemplate {
  /** The path itself, or with {*} and {**} in it. */
  text: string
}

/** A position of paths. */
interface Position {
  readonly literals: Map<string, Position>
  /** The only one of `literals`. */
  only: { readonly word: string; readonly next: Position } | undefined
  /** Behind identifiers; where words are `joined`, behind them, too. */
  any: Position | undefined
  joined: boolean
  /** Of paths that end here. */
  template: PathTemplate | undefined
  /** Of those that go on and on. */
  rest: PathTemplate | undefined
}

/** What may still be made, of all ports of a pod together. */
export interface TemplateRoom {
  positions: number
}

export interface TemplateChanges {
  /** Its text is another one. */
  renamed(template: PathTemplate): void
  /** The two were found to be one, which is `into`. */
  merged(from: PathTemplate, into: PathTemplate): void
}

/**
 * Learns, path by path, of which templates the paths of a service are, without keeping the paths: a segment that looks like
 * an identifier is {*} at once, and so are all at a position once more than a few different words were seen there.
 */
export class PathTemplates {
  readonly #root = newPosition()
  /** Templates without {*}, by which most paths are found at once. */
  readonly #literal = new Map<string, PathTemplate>()
  readonly #room: TemplateRoom
  readonly #changes: TemplateChanges

  constructor(room: TemplateRoom, changes: TemplateChanges) {
    this.#room = room
    this.#changes = changes
  }

  /** The template of a path (without query) that was learned; undefined: of none. */
  find(path: string): PathTemplate | undefined {
    const known = this.#literal.get(path)
    if (known) return known
    let position = this.#root
    let from = 1
    for (let depth = 0; ; depth++) {
      if (depth === DEEPEST) return position.rest
      const slash = path.indexOf('/', from)
      const next = follow(position, path, from, slash === -1 ? path.length : slash)
      if (!next) return undefined
      if (slash === -1) return next.template
      position = next
      from = slash + 1
    }
  }

  /** The same, and learns it if it is new. `path` begins with a slash. Undefined: there is no room for one more. */
  learn(path: string): PathTemplate | undefined {
    const known = this.find(path)
    if (known) return known
    const segments = path.split('/').slice(1)
    let position = this.#root
    let text = ''
    let literal = true
    let crowded: Position | undefined
    for (const [depth, segment] of segments.slice(0, DEEPEST).entries()) {
      const identifier = isIdentifierSegment(segment)
      const next = follow(position, segment, 0, segment.length) ?? this.#add(position, segment, identifier)
      if (!next) return undefined
      if (words(position) > (depth === 0 ? MOST_FIRST_VALUES : MOST_VALUES)) crowded ??= position
      const varies = next === position.any
      literal &&= !varies
      text += varies ? `/${ANY_SEGMENT}` : `/${segment}`
      position = next
    }
    if (segments.length > DEEPEST) position.rest ??= { text: `${text}/${ANY_REST}` }
    else {
      position.template ??= { text: copyOfStart(text, text.length) }
      if (literal) this.#literal.set(position.template.text, position.template)
    }
    if (crowded) {
      this.#join(crowded)
      this.#rename()
    }
    return this.find(path)
  }

  #add(position: Position, segment: string, identifier: boolean): Position | undefined {
    if (this.#room.positions === 0) return undefined
    this.#room.positions--
    const made = newPosition()
    // A text of its own: a part of the path would keep the whole head of the request in memory.
    if (identifier) position.any = made
    else changeWords(position, (literals) => literals.set(copyOfStart(segment, segment.length), made))
    return made
  }

  /** All words of a position are one from now on. */
  #join(position: Position): void {
    position.joined = true
    for (const [segment, child] of position.literals) {
      if (segment === '') continue
      changeWords(position, (literals) => literals.delete(segment))
      if (position.any) this.#merge(position.any, child)
      else position.any = child
    }
  }

  #merge(into: Position, from: Position): void {
    this.#room.positions++
    into.template = this.#one(into.template, from.template)
    into.rest = this.#one(into.rest, from.rest)
    into.joined ||= from.joined
    for (const [segment, child] of from.literals) {
      const own = into.literals.get(segment)
      if (own) this.#merge(own, child)
      else changeWords(into, (literals) => literals.set(segment, child))
    }
    if (from.any) {
      if (into.any) this.#merge(into.any, from.any)
      else into.any = from.any
    }
    if (into.joined || words(into) > MOST_VALUES) this.#join(into)
  }

  #one(mine: PathTemplate | undefined, other: PathTemplate | undefined): PathTemplate | undefined {
    if (mine && other) this.#changes.merged(other, mine)
    return mine ?? other
  }

  /** After positions were joined. */
  #rename(): void {
    this.#literal.clear()
    const named = (template: PathTemplate, text: string): void => {
      if (template.text === text) return
      template.text = text
      this.#changes.renamed(template)
    }
    const visit = (position: Position, text: string, literal: boolean): void => {
      if (position.template) named(position.template, text)
      if (position.rest) named(position.rest, `${text}/${ANY_REST}`)
      if (position.template && literal) this.#literal.set(text, position.template)
      for (const [segment, child] of position.literals) visit(child, `${text}/${segment}`, literal)
      if (position.any) visit(position.any, `${text}/${ANY_SEGMENT}`, false)
    }
    visit(this.#root, '', true)
  }
}

/** A path as one would guess it without having seen another: each segment that looks like an identifier is {*}. */
export function withoutIdentifiers(path: string): string {
  return path
    .split('/')
    .map((segment) => (isIdentifierSegment(segment) ? ANY_SEGMENT : segment))
    .join('/')
}

function newPosition(): Position {
  return {
    literals: new Map(),
    only: undefined,
    any: undefined,
    joined: false,
    template: undefined,
    rest: undefined,
  }
}

/**
 * Where the segment from `start` to `end` of a path leads to, as far as it was learned. An empty one is never {*}. Learned
 * words are never identifiers, so that one of these needs no look among them.
 */
function follow(position: Position, path: string, start: number, end: number): Position | undefined {
  const { literals, any, joined } = position
  if (any && end > start && (joined || isIdentifierAt(path, start, end))) return any
  // Without making a text of each segment, where there is but one word: most of a path is so.
  const { only } = position
  if (only)
    return only.word.length === end - start && path.startsWith(only.word, start) ? only.next : undefined
  return literals.size === 0 ? undefined : literals.get(path.slice(start, end))
}

function changeWords(position: Position, change: (literals: Position['literals']) => void): void {
  change(position.literals)
  const [first] = position.literals
  position.only = first && position.literals.size === 1 ? { word: first[0], next: first[1] } : undefined
}

/** An empty segment ends a path with a slash: it names nothing. */
function words({ literals }: Position): number {
  return literals.size - (literals.has('') ? 1 : 0)
}
