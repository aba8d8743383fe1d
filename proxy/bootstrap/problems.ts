import { LineCounter } from 'yaml'

/** More than these help nobody; the rest is counted. */
const SHOWN = 50

interface Problem {
  readonly offset: number
  readonly field: string
  readonly message: string
}

/**
 * What is wrong with one file. The reader notes where each field stands, so that whoever finds something later,
 * and knows the field's path only, still tells the line.
 */
export class Problems {
  readonly lines = new LineCounter()
  readonly #fileName: string
  readonly #offsets = new Map<string, number>([['', 0]])
  readonly #found: Problem[] = []

  constructor(fileName: string) {
    this.#fileName = fileName
  }

  get some(): boolean {
    return this.#found.length > 0
  }

  /** `field` as in `static_resources.listeners[0].name`; `offset` in characters from the start of the text. */
  place(field: string, offset: number): void {
    this.#offsets.set(field, offset)
  }

  placed(field: string): boolean {
    return this.#offsets.has(field)
  }

  /** Without `offset`: where the field stands, or the nearest one around it that does. */
  add(field: string, message: string, offset = this.#nearest(field)): void {
    this.#found.push({ offset, field, message })
  }

  /** `file:line:col: field: message`, in the order of the file, each once. */
  format(): string[] {
    const lines = this.#found
      .toSorted((a, b) => a.offset - b.offset)
      .map(({ offset, field, message }) => {
        const { line, col } = this.lines.linePos(offset)
        const where = `${this.#fileName}:${Math.max(line, 1)}:${Math.max(col, 1)}`
        return `${where}: ${field === '' ? '' : `${field}: `}${message}`
      })
    const once = [...new Set(lines)]
    if (once.length <= SHOWN) return once
    return [...once.slice(0, SHOWN), `${this.#fileName}: and ${once.length - SHOWN} more problems`]
  }

  #nearest(field: string): number {
    for (
      let path = field;
      ;
      path = path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0))
    ) {
      const offset = this.#offsets.get(path)
      if (offset !== undefined) return offset
    }
  }
}
