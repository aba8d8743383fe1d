import { helpText, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { describeError } from '../../core/errors.ts'
import { numberBetween } from '../../core/flags.ts'
import { CNI_COMMAND } from './command.ts'
import { runNodeDaemon } from './node-daemon.ts'

/** `weft cni`: the daemon of a node. Resolves to the exit code. */
export async function runCni(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parseCommand(CNI_COMMAND, argv)
    if (parsed === 'help') {
      process.stdout.write(helpText(CNI_COMMAND))
      return 0
    }
    const { values } = parsed
    const healthPort = numberBetween('--health-port', values['health-port'], 0, 65535)
    try {
      await runNodeDaemon({
        bin: values['bin-dir'],
        configuration: values['conf-dir'],
        state: values['state-dir'],
        healthPort,
        logLevel: values['log-level'],
      })
      return 0
    } catch (error) {
      process.stderr.write(`weft cni: ${describeError(error)}\n`)
      return 1
    }
  } catch (error) {
    process.stderr.write(usageProblem(CNI_COMMAND, error))
    return 2
  }
}
