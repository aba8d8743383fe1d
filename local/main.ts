import { printHelp, programName, usageProblem } from '../core/command-line/help.ts'
import { asksForHelp, findCommand } from '../core/command-line/parse.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { runIngress } from './ingress/main.ts'
import { LOCAL_COMMAND } from './commands.ts'
import type { LocalCommand } from './commands.ts'
import * as remote from './remote-commands.ts'
import { runUp } from './up.ts'
import { runValidate } from './validate.ts'

const RUN: Readonly<Record<LocalCommand['name'], (argv: readonly string[]) => Promise<number>>> = {
  'local up': runUp,
  'local validate': runValidate,
  'local status': remote.runStatus,
  'local node': remote.runNode,
  'local describe': remote.runDescribe,
  'local events': remote.runEvents,
  'local logs': remote.runLogs,
  'local exec': remote.runExec,
  'local restart': remote.runRestart,
  'local kill': remote.runKill,
  'local hold': remote.runHold,
  'local release': remote.runRelease,
  'local delete': remote.runDelete,
  'local down': remote.runDown,
}

/** `weft local ...`. Gives the exit code: 0, 1 when it failed, 2 when it was asked wrongly. */
export async function runLocal(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || asksForHelp([name])) {
    printHelp(LOCAL_COMMAND)
    return name === undefined ? 2 : 0
  }
  let command: LocalCommand | typeof LOCAL_COMMAND = LOCAL_COMMAND
  try {
    // The cluster's own: of no use to people.
    if (name === 'ingress') return await runIngress(rest)
    command = findCommand<LocalCommand>(LOCAL_COMMAND.subcommands, name)
    return await RUN[command.name](rest)
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(command, error))
      return 2
    }
    process.stderr.write(`${programName()} ${command.name}: ${describeError(error)}\n`)
    return 1
  }
}
