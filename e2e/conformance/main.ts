import { parseArgs } from 'node:util'
import { describeError } from '../../core/errors.ts'
import { untilTold } from '../../local/until-told.ts'
import { readCases } from './case.ts'
import { runCases } from './run.ts'

const HELP = `node e2e/conformance/main.ts [--json]

Runs the cases of e2e/conformance/cases (Gateway API with a Service as parent) against one mesh on this machine, which
needs Linux, and prints feature, case and pass or fail. Progress is on stderr; --json prints one object.`

/** Gives the exit code: 1 where a case failed, 2 for a flag that is not known. */
async function main(args: readonly string[]): Promise<number> {
  let values: { readonly json?: boolean; readonly help?: boolean }
  try {
    values = parseArgs({
      args: [...args],
      options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
    }).values
  } catch (error) {
    console.error(`${describeError(error)}; --help tells what there is`)
    return 2
  }
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const told = untilTold(() => {})
  try {
    const results = await runCases(readCases(), {
      signal: told.signal,
      onProgress: (line) => console.error(line),
    })
    if (values.json) console.log(JSON.stringify({ results }, undefined, 2))
    else
      for (const { feature, name, problems } of results) {
        console.log(`${problems.length === 0 ? 'pass' : 'FAIL'}  ${feature.padEnd(44)} ${name}`)
        for (const problem of problems) console.log(`      ${problem}`)
      }
    return results.every(({ problems }) => problems.length === 0) ? 0 : 1
  } finally {
    told.stop()
  }
}

process.exitCode = await main(process.argv.slice(2))
