import { shown } from '../../core/terminal-text.ts'
import type { Painter, Style } from './painter.ts'

/** A cell: text, or with a style. */
export type Cell = string | { readonly text: string; readonly style: Style }

export interface Column {
  readonly title: string
  /** Numbers stand at the right. */
  readonly right?: true
  /** It is cut where the table is too wide, never below so many characters; left out: it stays whole. */
  readonly least?: number
}

const GAP = 2

/**
 * Rows below their titles in at most `width` characters, as far as columns may be cut; what is cut ends with `…`. Control
 * characters of what somebody else wrote are shown as `?`, so that no text of a request drives a terminal.
 */
export function fittedTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  paint: Painter,
  width: number,
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? shown(cell) : shown(cell.text))),
  )
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => lengthOf(row[at] ?? ''))),
  )
  fit(columns, widths, width)
  const line = (texts: readonly string[], styled: (text: string, at: number) => string): string =>
    columns
      .map(({ right }, at) => {
        const text = cut(texts[at] ?? '', widths[at] ?? 0)
        const space = ' '.repeat((widths[at] ?? 0) - lengthOf(text))
        return right ? space + styled(text, at) : styled(text, at) + space
      })
      .join(' '.repeat(GAP))
      .trimEnd()
  const head = line(
    columns.map(({ title }) => title),
    (text) => paint('bold', text),
  )
  const body = rows.map((row, index) =>
    line(cells[index] ?? [], (text, at) => {
      const cell = row[at]
      return typeof cell === 'object' ? paint(cell.style, text) : text
    }),
  )
  return `${[head, ...body].join('\n')}\n`
}

/** Takes from the widest column that may be cut, until it fits. */
function fit(columns: readonly Column[], widths: number[], most: number): void {
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + GAP * (widths.length - 1)
  while (total() > most) {
    let widest = -1
    for (const [at, { least }] of columns.entries())
      if (least !== undefined && (widths[at] ?? 0) > least && (widths[at] ?? 0) > (widths[widest] ?? 0))
        widest = at
    if (widest === -1) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}

function cut(text: string, width: number): string {
  if (lengthOf(text) <= width) return text
  return `${Array.from(text)
    .slice(0, Math.max(0, width - 1))
    .join('')}…`
}

function lengthOf(text: string): number {
  return Array.from(text).length
}

/** Columns of a terminal; of a file or a pipe as many as are needed. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? Math.max(40, stream.columns) : Number.MAX_SAFE_INTEGER
}
