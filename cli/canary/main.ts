import { formatRequest, type CanaryAction } from '../../control-plane/canary/requests.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { asksForHelp, findCommand, parseCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { CANARY_COMMAND, type CanaryCommand } from './command.ts'
import { openCanaries, type Canaries, type CanaryFlags, type KnownCanary } from './canaries.ts'
import { canaryTable, canaryText } from './status-text.ts'

const ACTIONS: Readonly<Record<string, CanaryAction>> = {
  'canary promote': 'promote',
  'canary pause': 'pause',
  'canary resume': 'resume',
  'canary abort': 'abort',
}
const DNS_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

/** `weft canary`. Resolves to the exit code: 0, 1 where there is no such Canary, 2 for wrong flags. */
export async function runCanary(argv: readonly string[]): Promise<number> {
  const [word, ...more] = argv
  if (word === undefined || asksForHelp(argv.slice(0, 1))) {
    printHelp(CANARY_COMMAND)
    return word === undefined ? 2 : 0
  }
  let description: CanaryCommand
  try {
    description = findCommand(CANARY_COMMAND.subcommands, word)
  } catch (error) {
    process.stderr.write(usageProblem(CANARY_COMMAND, error))
    return 2
  }
  try {
    const parsed = parseCommand(description, more)
    if (parsed === 'help') {
      printHelp(description)
      return 0
    }
    const { values, positionals, given } = parsed
    const [name] = positionals
    const {
      namespace,
      json,
      ...flags
    }: CanaryFlags & { readonly namespace: string | undefined; readonly json: boolean } = values
    for (const [field, value] of [
      ['--namespace', namespace],
      ['NAME', name],
    ] as const)
      if (value !== undefined && !DNS_NAME.test(value))
        throw new WeftError('cli.flags', `"${value}" is no name of an object`, { field })
    const canaries = await openCanaries(flags, given)
    try {
      const own = { name, namespace: namespace ?? (name === undefined ? undefined : canaries.namespace) }
      const action = ACTIONS[description.name]
      const full = given.has('full')
      const { text, facts } =
        action === undefined
          ? await status(canaries, own)
          : await ask(
              canaries,
              { namespace: own.namespace ?? '', name: name ?? '' },
              full ? 'promote-full' : action,
            )
      process.stdout.write(json ? `${JSON.stringify(facts, undefined, 2)}\n` : text)
      return 0
    } finally {
      await canaries.close()
    }
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(description, error))
      return 2
    }
    process.stderr.write(`${programName()} ${description.name}: ${describeError(error)}\n`)
    return 1
  }
}

interface Said {
  readonly text: string
  readonly facts: object
}

async function status(
  canaries: Canaries,
  { name, namespace }: { readonly name: string | undefined; readonly namespace: string | undefined },
): Promise<Said> {
  const all = (await canaries.list()).filter((one) => namespace === undefined || one.namespace === namespace)
  if (name === undefined) return { text: canaryTable(all), facts: { canaries: all.map(factsOf) } }
  const found = all.find((one) => one.name === name)
  if (!found) throw new WeftError('canary.none', `there is no Canary ${namespace}/${name}`)
  return { text: canaryText(found), facts: factsOf(found) }
}

function factsOf({ namespace, name, status: known }: KnownCanary): object {
  return { namespace, name, status: known ?? null }
}

async function ask(
  canaries: Canaries,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  action: CanaryAction,
): Promise<Said> {
  const request = formatRequest(action, Date.now())
  await canaries.ask(namespace, name, request)
  return { text: `asked ${namespace}/${name} to ${action}\n`, facts: { namespace, name, request } }
}
