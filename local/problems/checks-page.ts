import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECK_CODES, CHECKS, type CheckCode } from '../../core/checks/catalog.ts'
import { markdownTable, withWritten } from '../../core/document.ts'
import { checkExamples, exampleBase, type CheckExample, type Played } from './check-examples.ts'

/** The page that this module writes between its marks. */
export const CHECKS_PAGE = join(import.meta.dirname, '../../docs/checks.md')

const TITLES: Readonly<Record<string, string>> = {
  '00': 'Reading',
  '01': 'Routes',
  '02': 'Services and ports',
  '03': 'Policies',
  '04': 'Pods',
  '05': 'Canaries',
  '06': 'Proxies and certificates',
  '07': 'Traffic',
}
const SEEN_BY = {
  files: 'manifests, and a mesh that runs',
  machine: 'manifests on one machine (`weft local`)',
  mesh: 'a mesh that runs',
  traffic: 'traffic',
} as const

/** `page` with all of the catalogue between its marks. */
export function withChecks(page: string): string {
  const examples = new Map(checkExamples().map((example) => [example.code, example]))
  const groups = Map.groupBy(CHECK_CODES, (code) => code.slice(4, 6))
  const sections = [...groups].map(([group, codes]) =>
    [`## ${TITLES[group]}\n`, ...codes.map((code) => section(code, examples.get(code)))].join('\n'),
  )
  const list = markdownTable([
    ['code', 'what', 'severity', 'found in'],
    ...CHECK_CODES.map((code) => {
      const { title, severity, by } = CHECKS[code]
      return [`[${code}](#${code.toLowerCase()})`, title, severity, SEEN_BY[by]]
    }),
  ])
  const beside = [
    '## What the examples stand beside\n',
    `Those of manifests:\n\n${yaml(exampleBase('files'))}`,
    `Those of a mesh that runs:\n\n${yaml(exampleBase('running'))}`,
  ].join('\n')
  return withWritten(page, 'node local/problems/checks-page.ts', `${list}\n${sections.join('\n')}\n${beside}`)
}

function section(code: CheckCode, example: CheckExample | undefined): string {
  const { title, severity, by, why, remedy } = CHECKS[code]
  const shown = example ? `\nWrong:\n\n${sideOf(example.wrong)}\nRight:\n\n${sideOf(example.right)}` : ''
  return `### ${code}\n\n${title} (${severity}; by ${SEEN_BY[by]}). ${why}\n\n${remedy}\n${shown}`
}

function sideOf({ manifests, seen }: Played): string {
  return `${yaml(manifests)}${seen.trim() === '' ? '' : `\nwhere was seen:\n\n${yaml(seen)}`}`
}

function yaml(text: string): string {
  return `\`\`\`yaml\n${text.trim()}\n\`\`\`\n`
}

if (import.meta.main) writeFileSync(CHECKS_PAGE, withChecks(readFileSync(CHECKS_PAGE, 'utf8')))
