import { join } from 'node:path'
import { describeError } from '../../core/errors.ts'
import { writeBetween } from '../report/document.ts'
import { compare, missed, tableOf } from './compare.ts'
import { HELP, parseOptions, type Options } from './options.ts'

const DOCUMENT = join(import.meta.dirname, '../../docs/resilience.md')
const BEGIN = '<!-- Written by `npm run balancing -- --document`: -->'
// Of the noise of five replays; a failing server takes a tenth of the work off the others where requests are lost to it.
const SLACK = 1.03

function run(options: Options): number {
  const rows = compare(options, ({ scenario, balancing }) =>
    process.stderr.write(`balancing: ${scenario}, ${balancing}\n`),
  )
  const problems = missed(rows, SLACK)
  const table = tableOf(rows)
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ok: problems.length === 0, problems, rows }, undefined, 2)}\n`)
  else process.stdout.write(`${[table, ...problems].join('\n')}\n`)
  if (options.document) writeBetween(DOCUMENT, BEGIN, table)
  return problems.length === 0 ? 0 : 1
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options === 'help') process.stdout.write(HELP)
  else process.exitCode = run(options)
} catch (error) {
  process.stderr.write(`balancing: ${describeError(error)}\n`)
  process.exitCode = 2
}
