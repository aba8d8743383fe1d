import { FlagError, parseFlags } from '../../local/flags.ts'

/** The flags of every suite with programs of others. */
export interface SuiteOptions {
  /** Make and run nothing: say what is in the cache. */
  readonly check: boolean
  readonly json: boolean
  readonly help: boolean
}

/** SuiteOptions as `parseFlags` reads them. */
export const SUITE_FLAGS = {
  check: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

/** Of a suite that takes no names. Throws FlagError. */
export function parseSuiteOptions(argv: readonly string[]): SuiteOptions {
  return parseFlags({ args: [...argv], options: SUITE_FLAGS } as const).values
}

/** Of a suite of which parts can be chosen, each of which is a `noun`. No name means all. Throws FlagError. */
export function parsePartOptions<Name extends string>(
  argv: readonly string[],
  noun: string,
  known: readonly Name[],
): SuiteOptions & { readonly chosen: readonly Name[] } {
  const config = { args: [...argv], allowPositionals: true, options: SUITE_FLAGS } as const
  const { values, positionals } = parseFlags(config)
  return { ...values, chosen: chosenOf(positionals, noun, known) }
}

/** The known names that were given, each once; all, if none was. Throws FlagError for a name that is not known. */
export function chosenOf<Name extends string>(
  given: readonly string[],
  noun: string,
  known: readonly Name[],
): readonly Name[] {
  const unknown = given.find((name) => !(known as readonly string[]).includes(name))
  if (unknown !== undefined)
    throw new FlagError(`there is no ${noun} ${JSON.stringify(unknown)}; there are ${known.join(', ')}`)
  return given.length === 0 ? known : known.filter((name) => given.includes(name))
}
