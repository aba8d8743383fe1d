import { describeError } from '../../core/errors.ts'
import { FlagError } from '../../local/flags.ts'
import { HELP, parseOptions } from './options.ts'
import { passed, report, rotate } from './run.ts'

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv)
  if (options.help) {
    console.log(HELP)
    return 0
  }
  const tasks: (() => unknown)[] = []
  try {
    const result = await rotate(options, { teardown: (task) => void tasks.unshift(task) }, (line) =>
      console.error(`rotation: ${line}`),
    )
    console.log(options.json ? JSON.stringify(result, undefined, 2) : report(result, options))
    return passed(result) ? 0 : 1
  } finally {
    for (const task of tasks) await task()
  }
}

main(process.argv.slice(2)).then(
  // Connections that clients keep would hold it.
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`rotation: ${describeError(error)}`)
    process.exit(error instanceof FlagError ? 2 : 1)
  },
)
