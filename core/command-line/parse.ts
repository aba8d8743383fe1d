import type { ParseArgsConfig } from 'node:util'
import { WeftError } from '../errors.ts'
import { parseFlags } from '../flags.ts'
import { closestName } from '../closest-name.ts'
import { HELP_FLAG } from './description.ts'
import type { ArgumentDescription, CommandDescription, FlagDescription } from './description.ts'

type One<F> = F extends { readonly choices: readonly (infer C)[] } ? C : string
type Given<F> = F extends { readonly many: true } ? readonly One<F>[] : One<F>
type ValueOf<F> = F extends { readonly value: string }
  ? F extends { readonly default: string }
    ? Given<F>
    : Given<F> | undefined
  : boolean

/** The value of each flag: text, a list where it may be given again, true or false of a switch. */
export type FlagValues<C extends CommandDescription> = {
  readonly [N in keyof C['flags']]: ValueOf<C['flags'][N]>
}

export interface ParsedCommand<C extends CommandDescription> {
  readonly values: FlagValues<C>
  readonly positionals: readonly string[]
  /** What followed `--`, where the command takes that. */
  readonly rest: readonly string[]
  /** Names of the flags that were given. */
  readonly given: ReadonlySet<string>
}

/**
 * Reads what follows a command's name; `help` where --help or -h is among it. Throws WeftError `cli.flags` that says in
 * one sentence what is wrong: a flag that there is not, one without its value, a word that is not expected.
 */
export function parseCommand<const C extends CommandDescription>(
  command: C,
  argv: readonly string[],
): ParsedCommand<C> | 'help' {
  const end = command.rest === undefined ? -1 : argv.indexOf('--')
  const args = end === -1 ? [...argv] : argv.slice(0, end)
  if (asksForHelp(args)) return 'help'
  const flags: readonly (readonly [string, FlagDescription])[] = Object.entries(command.flags)
  const options: Options = Object.fromEntries(flags.map(([name, flag]) => [name, optionOf(flag)]))
  const parsed = parseFlags({ args, allowPositionals: true, options: { ...options, help: HELP_OPTION } })
  const { positionals } = parsed
  const given: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>> =
    parsed.values
  const values = Object.fromEntries(
    flags.map(([name, flag]) => {
      const value = given[name] ?? flag.default ?? (flag.value === undefined ? false : undefined)
      for (const one of [value].flat())
        if (typeof one === 'string') requireChoice(`--${name}`, one, flag.choices)
      return [name, value]
    }),
  )
  checkArguments(command, positionals)
  return {
    // What parseArgs gives for these options is what the description says.
    values: values as FlagValues<C>,
    positionals,
    rest: end === -1 ? [] : argv.slice(end + 1),
    given: new Set(Object.keys(given)),
  }
}

/** The command of this name, or of this last word. Throws WeftError `cli.flags` that says what may be meant, or what there is. */
export function findCommand<C extends { readonly name: string }>(commands: readonly C[], word: string): C {
  const words = commands.map(({ name }) => name.split(' ').at(-1) ?? '')
  const found = commands[words.indexOf(word)]
  if (found) return found
  const near = closestName(word, words)
  const hint = near === undefined ? `there are ${words.join(', ')}` : `did you mean ${near}?`
  throw new WeftError('cli.flags', `there is no command ${JSON.stringify(word)}; ${hint}`)
}

const HELP_OPTION = { type: 'boolean', short: HELP_FLAG.short } as const

type Options = NonNullable<ParseArgsConfig['options']>

function optionOf({ short, value, many }: FlagDescription): Options[string] {
  return {
    type: value === undefined ? 'boolean' : 'string',
    ...(short === undefined ? {} : { short }),
    ...(many ? { multiple: true } : {}),
  }
}

/** Before all else: whoever asks for help is not to be told of a flag that is wrong. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h')
}

function requireChoice(field: string, value: string, choices: readonly string[] | undefined): void {
  if (!choices || choices.includes(value)) return
  const near = closestName(value, choices)
  const last = choices.at(-1) ?? ''
  const all = choices.length === 1 ? last : `${choices.slice(0, -1).join(', ')} or ${last}`
  throw new WeftError('cli.flags', `"${value}" must be ${all}${near ? `; did you mean ${near}?` : ''}`, {
    field,
  })
}

function checkArguments(command: CommandDescription, positionals: readonly string[]): void {
  const expected: readonly ArgumentDescription[] = command.arguments ?? []
  const [missing] = expected.slice(positionals.length).filter(({ optional }) => !optional)
  if (missing) {
    const words = missing.choices ? `: one of ${Object.keys(missing.choices).join(', ')}` : ''
    throw new WeftError('cli.flags', `is required${words}`, { field: missing.name })
  }
  for (const [at, word] of positionals.entries()) {
    const argument = expected[at] ?? (expected.at(-1)?.many ? expected.at(-1) : undefined)
    if (!argument) {
      const hint = command.rest === undefined ? '' : `; ${command.rest} follows after --`
      throw new WeftError('cli.flags', `"${word}" is one argument too many${hint}`)
    }
    requireChoice(argument.name, word, argument.choices && Object.keys(argument.choices))
  }
}
