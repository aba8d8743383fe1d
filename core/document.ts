// Pages whose tables a command writes: what stands between two marks of a Markdown file is made from the code.

const END = '<!-- until here. -->'

/** The mark before what `command` (`node injector/annotations-page.ts`) writes. */
function beginMark(command: string): string {
  return `<!-- Written by \`${command}\`: -->`
}

/** `page` with `text` between the marks of `command`. Throws Error for a page without them. */
export function withWritten(page: string, command: string, text: string): string {
  const mark = beginMark(command)
  const begin = page.indexOf(mark)
  const end = page.indexOf(END, begin)
  if (begin < 0 || end < 0) throw new Error(`the page lacks its marks ${mark} and ${END}`)
  return `${page.slice(0, begin)}${mark}\n\n${text}\n${page.slice(end)}`
}

/** A table as oxfmt leaves it; the first row is its head. Ends with a line end. Cells are Markdown: see `plain`. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const all = rows.map((row) => row.map((cell) => cell.replaceAll('|', String.raw`\|`)))
  const widths = all[0]?.map((_, at) => Math.max(3, ...all.map((row) => row[at]?.length ?? 0))) ?? []
  const line = (row: readonly string[], fill = ' ') =>
    `| ${widths.map((width, at) => (row[at] ?? '').padEnd(width, fill)).join(' | ')} |\n`
  const [head = [], ...body] = all
  return line(head) + line([], '-') + body.map((row) => line(row)).join('')
}

/** Text in which a `*` is one, in a cell. */
export function plain(text: string): string {
  return text.replaceAll('*', String.raw`\*`)
}
