import { readFileSync, writeFileSync } from 'node:fs'
import { WeftError } from '../../core/errors.ts'
import { CASES } from '../cases.ts'
import type { Row } from '../result.ts'
import { markdownTable } from './table.ts'

const BEGIN = '<!-- Written by `npm run bench -- --document docs/performance.md`: -->'
const END = '<!-- until here. -->'

/** Puts the result between the marks of a Markdown file. Throws WeftError `bench.document`. */
export function writeDocument(path: string, machine: string, rows: readonly Row[]): void {
  writeBetween(path, BEGIN, resultText(machine, rows))
}

/** Puts a text between `begin`, a comment of the file, and the next `<!-- until here. -->`. */
export function writeBetween(path: string, begin: string, result: string): void {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new WeftError('bench.document', 'cannot be read', { field: path, cause: error })
  }
  const from = text.indexOf(begin)
  const to = text.indexOf(END, from)
  if (from < 0 || to < from)
    throw new WeftError('bench.document', `needs the marks ${begin} and ${END}`, { field: path })
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n\n${result}\n\n${text.slice(to)}`)
}

function resultText(machine: string, rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.case))]
  const titles = new Map(CASES.map(({ name, title }) => [name, title]))
  const sections = names.map((name) => {
    const title = titles.get(name) ?? 'a pair with nothing to do, and with 1,000 idle connections'
    return `### ${name}\n\n${title}\n\n${markdownTable(rows.filter((row) => row.case === name))}`
  })
  return [machine, targetsText(rows), ...sections].join('\n\n')
}

/** Weft's CPU divided by a peer's, beside what was aimed at. */
function targetsText(rows: readonly Row[]): string {
  const lines: string[] = []
  for (const { name, targets } of CASES)
    for (const [connections, byPeer] of Object.entries(targets))
      for (const [peer, target] of Object.entries(byPeer)) {
        const row = rows.find(
          (one) => one.case === name && one.connections === Number(connections) && one.peer === peer,
        )
        if (!row || row.ratio_to_weft === null) continue
        const reached = 1 / row.ratio_to_weft
        lines.push(
          `| ${name} | ${connections} | ${peer} | ${target} | ${reached.toFixed(2)} | ${reached <= target ? 'yes' : '**no**'} |`,
        )
      }
  if (lines.length === 0) return ''
  return [
    '| case | conns | peer | Weft / peer, at most | measured | reached |',
    '| --- | ---: | --- | ---: | ---: | --- |',
    ...lines,
  ].join('\n')
}
