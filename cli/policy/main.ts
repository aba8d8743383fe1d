import { printHelp, usageProblem } from '../../core/command-line/help.ts'
import { asksForHelp, findCommand } from '../../core/command-line/parse.ts'
import { POLICY_COMMAND } from './command.ts'
import { runPolicyEffective } from './effective.ts'
import { runPolicyList } from './list.ts'
import { runPolicyNetwork } from './network/main.ts'
import { runPolicyTest } from './try-request.ts'
import { runPolicySuggest } from './suggest/main.ts'

type Name = (typeof POLICY_COMMAND.subcommands)[number]['name']

const RUN: Readonly<Record<Name, (argv: readonly string[]) => Promise<number>>> = {
  'policy list': runPolicyList,
  'policy effective': runPolicyEffective,
  'policy test': runPolicyTest,
  'policy suggest': runPolicySuggest,
  'policy networkpolicy': runPolicyNetwork,
}

/** `weft policy`. Resolves to the exit code of its command, or 2 where there is no such command. */
export async function runPolicy(argv: readonly string[]): Promise<number> {
  const [word, ...more] = argv
  if (word === undefined || asksForHelp(argv.slice(0, 1))) {
    printHelp(POLICY_COMMAND)
    return word === undefined ? 2 : 0
  }
  let name: Name
  try {
    name = findCommand(POLICY_COMMAND.subcommands, word).name
  } catch (error) {
    process.stderr.write(usageProblem(POLICY_COMMAND, error))
    return 2
  }
  return RUN[name](more)
}
