#!/usr/bin/env node
import { describeError } from '../core/errors.ts'
import { COMMANDS } from './commands.ts'

const USAGE = `usage: weft COMMAND [OPTIONS]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(15)} ${summary}`).join('\n')}

weft COMMAND --help says more about one of them.`

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(USAGE)
    return name === undefined ? 2 : 0
  }
  const command = COMMANDS.find((entry) => entry.name === name)
  if (!command) {
    console.error(`weft: there is no command \`${name}\`; weft --help lists them`)
    return 2
  }
  const run = await command.load()
  return run(rest)
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`weft: ${describeError(error)}`)
    process.exitCode = 1
  },
)
