import type { CommandDescription, FlagDescription } from '../../core/command-line/description.ts'
import { HELP_FLAG } from '../../core/command-line/description.ts'

export interface CompletedFlag {
  readonly name: string
  readonly short: string | undefined
  readonly help: string
  readonly many: boolean
  /** What its value is called; undefined of a switch. */
  readonly value: string | undefined
  /** What a value is: words of a list, a file, a directory, or nothing that is known beforehand. */
  readonly completes: readonly string[] | 'files' | 'directories' | 'nothing'
}

export interface CompletedCommand {
  /** Words after `weft`: none, `['local', 'up']`. */
  readonly path: readonly string[]
  /** What may follow: its subcommands, or the words of its first argument. */
  readonly words: readonly { readonly word: string; readonly help: string }[]
  readonly flags: readonly CompletedFlag[]
  /** A command line follows after `--`. */
  readonly rest: boolean
}

/** `weft` and every command below it, each for itself. */
export function completedCommands(command: CommandDescription): readonly CompletedCommand[] {
  const { name, flags, subcommands = [], arguments: expected = [] } = command
  const words =
    subcommands.length > 0
      ? subcommands.map((one) => ({ word: one.name.split(' ').at(-1) ?? '', help: one.summary }))
      : Object.entries(expected[0]?.choices ?? {}).map(([word, help]) => ({ word, help }))
  return [
    {
      path: name.split(' ').filter(Boolean),
      words,
      flags: Object.entries<FlagDescription>({ ...flags, help: HELP_FLAG }).map(([flag, one]) => ({
        name: flag,
        short: one.short,
        help: one.help,
        many: one.many ?? false,
        value: one.value,
        completes: one.choices ?? kindOf(one.value),
      })),
      rest: command.rest !== undefined,
    },
    ...subcommands.flatMap(completedCommands),
  ]
}

function kindOf(value: string | undefined): 'files' | 'directories' | 'nothing' {
  if (value === 'FILE') return 'files'
  return value === 'DIR' ? 'directories' : 'nothing'
}
