/** One flag of a command. */
export interface FlagDescription {
  /** Its one-letter name. */
  readonly short?: string
  /** What its value is called, e.g. FILE; a flag without one is a switch. */
  readonly value?: string
  /** It may be given again. */
  readonly many?: true
  /** The only values that it takes. */
  readonly choices?: readonly string[]
  /** Its value when it is not given. */
  readonly default?: string
  /** What holds when it is not given, in words, where that is no value. */
  readonly otherwise?: string
  readonly help: string
  /** Title of the part of the list that it stands in. */
  readonly section?: string
}

/** An argument that is no flag. */
export interface ArgumentDescription {
  readonly name: string
  /** The only words that it may be, each with what it means. */
  readonly choices?: Readonly<Record<string, string>>
  readonly optional?: true
  readonly many?: true
}

/**
 * A command of `weft`, once: --help, the checks of what is typed, the shells' completion, the manual pages and
 * docs/reference/cli.md are made from it.
 */
export interface CommandDescription {
  /** Without `weft`: `check`, `local up`. */
  readonly name: string
  /** One line, for lists of commands. */
  readonly summary: string
  /** What follows the name, a line for each way to use it. */
  readonly usage: readonly string[]
  /** Paragraphs, with an empty line between them. */
  readonly about: string
  readonly arguments?: readonly ArgumentDescription[]
  /** What a command line after `--` is called, where one may follow. */
  readonly rest?: string
  readonly flags: Readonly<Record<string, FlagDescription>>
  /** Said below the flags, a paragraph each. */
  readonly notes?: readonly string[]
  /** What each exit code means. */
  readonly exit: string
  readonly examples?: readonly { readonly command: string; readonly does: string }[]
  /** The commands below it; its own flags are then those of each. */
  readonly subcommands?: readonly CommandDescription[]
}

type Flags = CommandDescription['flags']

/** Flags that stand under a title of their own. */
export function inSection<const F extends Flags>(
  section: string,
  flags: F,
): { readonly [N in keyof F]: F[N] & { readonly section: string } } {
  const entries = Object.entries(flags).map(([name, flag]) => [name, { ...flag, section }] as const)
  return Object.fromEntries(entries) as { readonly [N in keyof F]: F[N] & { readonly section: string } }
}

/** Taken by every command. */
export const HELP_FLAG = { short: 'h', help: 'this text' } as const satisfies FlagDescription

/** For whatever runs on and logs. */
export const LOG_LEVEL_FLAG = {
  value: 'LEVEL',
  choices: ['debug', 'info', 'warn', 'error'],
  default: 'info',
  help: 'debug, info, warn or error',
} as const satisfies FlagDescription
