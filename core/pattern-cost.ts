/**
 * What compiling a regular expression of RE2 may cost, before that is done: about one for each instruction of what its
 * repetitions stand for, and more for what takes the library long: tables of Unicode, and ranges of which each character
 * is looked at for its other cases. Linear in the expression, which need not be right; never too low by much.
 */
export function patternCost(source: string): number {
  const scan = new Scan(source)
  return Math.ceil(scan.instructions() + scan.besides + (FOLDS.test(source) ? foldedRanges(source) : 0))
}

const FOLDS = /\(\?[a-zA-Z]*i/
const REPEAT = /\{(\d+)(?:,(\d*))?\}/y
const GROUP = /\((?:\?P?<\w+>|\?([a-zA-Z-]*:?))?/y
const NAMED = /\[:\^?\w{1,16}:\]/y
const UNICODE_TABLE = 50
const CHARACTERS_OF_A_CLASS = 8
const FOLDED_CHARACTERS = 150
// Letters that have another case lie between these.
const FIRST_FOLDED = 0x41
const LAST_FOLDED = 0x1e943

class Scan {
  readonly #source: string
  #at = 0
  /** Costs that no repetition multiplies. */
  besides = 0

  constructor(source: string) {
    this.#source = source
  }

  /** Of the whole expression. */
  instructions(): number {
    const source = this.#source
    const outer: number[] = []
    let size = 0
    /** Of what a repetition that follows is about. */
    let last = 0
    while (this.#at < source.length) {
      const times = this.#repetition()
      if (times !== undefined) {
        size += last * (times - 1)
        last *= times
        continue
      }
      const char = source[this.#at]
      if (char === '(') {
        outer.push(size)
        size = this.#group()
        last = 0
      } else if (char === ')') {
        last = size
        size += outer.pop() ?? 0
        this.#at++
      } else {
        last = 1
        size += char === '\\' ? this.#escape() : 1
        if (char === '[') this.#class()
        else if (char !== '\\') this.#at++
      }
    }
    return outer.reduce((sum, one) => sum + one, size)
  }

  /** Behind what begins it; gives what it costs to capture it. */
  #group(): number {
    GROUP.lastIndex = this.#at
    const [text = '(', flags] = GROUP.exec(this.#source) ?? []
    this.#at += text.length
    return flags === undefined ? 2 : 0
  }

  #repetition(): number | undefined {
    REPEAT.lastIndex = this.#at
    const [text, least, most] = REPEAT.exec(this.#source) ?? []
    if (text === undefined) return undefined
    this.#at += text.length
    return Math.max(1, Number(most === undefined || most === '' ? least : most))
  }

  /** Behind it; gives how many characters it stands for. */
  #escape(): number {
    const source = this.#source
    const kind = source[this.#at + 1]
    if (kind === 'Q') {
      const end = source.indexOf('\\E', this.#at)
      const length = (end < 0 ? source.length : end) - this.#at - 2
      this.#at = end < 0 ? source.length : end + 2
      return length
    }
    if (kind === 'p' || kind === 'P') this.besides += UNICODE_TABLE
    this.#at += 2
    if ((kind === 'p' || kind === 'P' || kind === 'x') && source[this.#at] === '{') {
      const end = source.indexOf('}', this.#at)
      this.#at = end < 0 ? source.length : end + 1
    }
    return 1
  }

  #class(): void {
    const source = this.#source
    const start = this.#at++
    if (source[this.#at] === '^') this.#at++
    // A bracket that comes first is one of the characters.
    if (source[this.#at] === ']') this.#at++
    while (this.#at < source.length && source[this.#at] !== ']') {
      if (source[this.#at] === '\\') this.#escape()
      else {
        NAMED.lastIndex = this.#at
        this.#at += NAMED.exec(source)?.[0].length ?? 1
      }
    }
    this.#at++
    this.besides += (this.#at - start) / CHARACTERS_OF_A_CLASS
  }
}

const END = String.raw`(?:\\x\{([0-9A-Fa-f]+)\}|\\x([0-9A-Fa-f]{2})|\\?([^\\]))`
const RANGE = new RegExp(`${END}-${END}`, 'gsu')

function foldedRanges(source: string): number {
  let characters = 0
  for (const [, ...ends] of source.matchAll(RANGE)) {
    const [low, high] = [codePoint(ends.slice(0, 3)), codePoint(ends.slice(3))] as const
    // All that have another case: nothing to look for.
    if (low <= FIRST_FOLDED && high >= LAST_FOLDED) continue
    characters += Math.max(0, Math.min(high, LAST_FOLDED) - Math.max(low, FIRST_FOLDED) + 1)
  }
  return characters / FOLDED_CHARACTERS
}

function codePoint([braced, two, plain]: readonly (string | undefined)[]): number {
  return plain === undefined ? Number.parseInt(braced ?? two ?? '', 16) : (plain.codePointAt(0) ?? 0)
}
