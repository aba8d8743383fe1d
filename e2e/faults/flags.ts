import { FlagError, parseFlags, wholeNumber } from '../../local/flags.ts'

export const HELP = `Usage: npm run faults [-- FLAGS]

Puts a caller's proxy before three servers that fail, hang, break off, flap and crash, by a seed, and counts what callers
and servers saw of it. Prints a table: what was played, what has to hold, and the figures.

  --only NAME    this one alone; may be given several times
  --requests N   of each (100000)
  --seed N       of what servers do (1)
  --list         the names of all
  --json         one JSON object {ok, seed, scenarios: [{name, claim, ok, requests, ...}]} on standard output instead
  --help         this text

Progress goes to standard error. Exit code: 0 all held, 1 something did not, 2 wrong flags.`

export interface FaultFlags {
  readonly help: boolean
  readonly json: boolean
  readonly list: boolean
  readonly only: readonly string[]
  readonly requests: number
  readonly seed: number
}

/** Throws FlagError for what it does not know. `names` are those of the scenarios. */
export function parseFaultFlags(argv: readonly string[], names: readonly string[]): FaultFlags {
  const off = { type: 'boolean', default: false } as const
  const { values } = parseFlags({
    args: [...argv],
    options: {
      json: off,
      list: off,
      help: off,
      only: { type: 'string', multiple: true },
      requests: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  })
  const only = values.only ?? []
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new FlagError(`--only ${unknown}: there is ${names.join(', ')}`)
  return {
    ...values,
    only,
    requests: wholeNumber('--requests', values.requests, 100, 10_000_000),
    seed: wholeNumber('--seed', values.seed, 0, 2 ** 31 - 1),
  }
}
