import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { bashCompletion } from './bash.ts'
import { COMPLETION_COMMAND } from './command.ts'
import { fishCompletion } from './fish.ts'
import { zshCompletion } from './zsh.ts'
import { completedCommands } from './completed-commands.ts'

type Shell = keyof (typeof COMPLETION_COMMAND)['arguments'][0]['choices']

const SCRIPTS: Readonly<Record<Shell, typeof bashCompletion>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

/** `weft completion` of what `describe` gives. The command resolves to its exit code. */
export function completionOf(
  describe: () => Promise<CommandDescription>,
): (argv: readonly string[]) => Promise<number> {
  return async (argv) => {
    try {
      const parsed = parseCommand(COMPLETION_COMMAND, argv)
      if (parsed === 'help') printHelp(COMPLETION_COMMAND)
      else process.stdout.write(SCRIPTS[parsed.positionals[0] as Shell](completedCommands(await describe())))
      return 0
    } catch (error) {
      process.stderr.write(usageProblem(COMPLETION_COMMAND, error))
      return 2
    }
  }
}
