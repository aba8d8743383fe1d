import { printHelp, programName } from '../core/command-line/help.ts'
import { asksForHelp, findCommand, parseCommand } from '../core/command-line/parse.ts'
import { describeError } from '../core/errors.ts'
import { COMMANDS, describeWeft } from './commands.ts'

/** `weft` without one of its commands. Gives the exit code: 2 for what there is not. */
export async function runTopLevel(argv: readonly string[]): Promise<number> {
  const weft = await describeWeft()
  const [first] = argv
  if (first === undefined || (first === 'help' && argv.length === 1) || asksForHelp(argv.slice(0, 1))) {
    printHelp(weft)
    return first === undefined ? 2 : 0
  }
  try {
    if (first === 'help') return await help(argv.slice(1))
    if (!first.startsWith('-')) findCommand(COMMANDS, first)
    parseCommand(weft, argv.slice(0, 1))
    const { runVersion } = await import('./version/main.ts')
    return await runVersion(['--client', ...argv.slice(1)])
  } catch (error) {
    const said = describeError(error)
    const more = said.endsWith('?') ? '' : ` (${programName()} --help lists them)`
    process.stderr.write(`${programName()}: ${said}${more}\n`)
    return 2
  }
}

/** `weft help local up` is `weft local up --help`. */
async function help([name = '', ...more]: readonly string[]): Promise<number> {
  const run = await findCommand(COMMANDS, name).load()
  return run([...more, '--help'])
}
