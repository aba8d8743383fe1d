import { FlagError, parseFlags } from '../../local/flags.ts'

export const HELP = `Usage: npm run attack [-- FLAGS]

Attacks a running mesh of one machine: from a pod of the mesh, from a neighbour without a sidecar, and with nothing but
a service account token. Each attack is bounded in count and time, while an honest caller goes on. Prints a table:
what was done, what happened to honest traffic, and to memory and event loop of what was attacked.

  --only NAME  this attack alone; may be given several times
  --short      the quick ones, as npm test plays them
  --list       the names of all
  --json       one JSON object {ok, attacks: [{name, ok, honest_requests, honest_failed, stall_ms, rss_mib, ...}]}
               on standard output instead of the table
  --help       this text

Progress goes to standard error. Exit code: 0 all held, 1 something did not, 2 wrong flags. Needs what npm run demo needs.`

export interface AttackFlags {
  readonly help: boolean
  readonly json: boolean
  readonly short: boolean
  readonly list: boolean
  readonly only: readonly string[]
}

/** Throws FlagError for what it does not know. `names` are those of the attacks. */
export function parseAttackFlags(argv: readonly string[], names: readonly string[]): AttackFlags {
  const off = { type: 'boolean', default: false } as const
  const { values } = parseFlags({
    args: [...argv],
    options: { json: off, short: off, list: off, help: off, only: { type: 'string', multiple: true } },
  })
  const only = values.only ?? []
  const unknown = only.find((name) => !names.includes(name))
  if (unknown !== undefined) throw new FlagError(`--only ${unknown}: there is ${names.join(', ')}`)
  return { ...values, only }
}
