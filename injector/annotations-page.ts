import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { annotationTable } from './annotations.ts'

/** The page whose table this module writes. */
export const ANNOTATIONS_PAGE = fileURLToPath(new URL('../docs/annotations.md', import.meta.url))

const BEGIN = '<!-- Written by `node injector/annotations-page.ts`: -->'
const END = '<!-- until here. -->'

/** `page` with a table of all annotations between its two marks. */
export function withAnnotations(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`the page lacks its marks ${BEGIN} and ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${table()}\n${page.slice(end)}`
}

function table(): string {
  const rows = annotationTable().map(({ name, type, default: preset, doc }) => [
    `\`${name}\``,
    type,
    preset === '' ? 'none' : preset,
    doc,
  ])
  const all = [['annotation', 'value', 'without it', 'what it does'], ...rows].map((row) => row.map(cell))
  const widths = all[0]?.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0))) ?? []
  const line = (row: readonly string[], fill = ' ') =>
    `| ${widths.map((width, at) => (row[at] ?? '').padEnd(width, fill)).join(' | ')} |\n`
  const [head = [], ...body] = all
  return line(head) + line([], '-') + body.map((row) => line(row)).join('')
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`).replaceAll('*', String.raw`\*`)
}

if (import.meta.main) writeFileSync(ANNOTATIONS_PAGE, withAnnotations(readFileSync(ANNOTATIONS_PAGE, 'utf8')))
