import { newSeed } from '../fuzz/options.ts'
import { parseFlags, wholeNumber } from '../../local/flags.ts'

export interface Flags {
  readonly help: boolean
  readonly json: boolean
  readonly seed: number
  readonly seconds: number
  /** Uses a second of each of the two callers. */
  readonly rate: number
}

export const HELP = `Usage: npm run chaos [-- FLAGS]

A mesh on this machine under mixed load (reads, writes, uploads, downloads, gRPC, WebSocket, TCP), every byte checked,
while its applications, sidecars, control plane and injector are killed, pods are deleted and cut off, routes edited and
deployments scaled. Ends with a table: fault, what was used meanwhile, what failed, what was lost, repeated or wrong, and
the longest wait. Avoidable are failed reads, and failures of what was never sent: another replica could have answered.

  --seed N      which faults, in which order and on whom (default: a new one, told at the start)
  --seconds N   how long faults go on, from 5 to 86400 (default 120)
  --rate N      uses a second of each of the two callers, from 1 to 1000 (default 30)
  --json        one JSON object on standard output instead of the table
  --help        this text

Progress goes to standard error. Exit code: 0 nothing was lost, repeated or wrong, and nothing failed that another
replica could have answered; 1 otherwise; 2 wrong flags; 3 this machine lacks something, and what. Needs Linux with
iptables and root, or newuidmap (Debian package uidmap), user namespaces and a range of ids in /etc/subuid and
/etc/subgid.`

/** Throws FlagError for what it does not know. */
export function parseChaosFlags(argv: readonly string[]): Flags {
  const off = { type: 'boolean', default: false } as const
  const { values } = parseFlags({
    args: [...argv],
    options: {
      seed: { type: 'string' },
      seconds: { type: 'string', default: '120' },
      rate: { type: 'string', default: '30' },
      json: off,
      help: off,
    },
  } as const)
  return {
    help: values.help,
    json: values.json,
    seed: wholeNumber('--seed', values.seed ?? String(newSeed()), 0, 2 ** 32 - 1),
    seconds: wholeNumber('--seconds', values.seconds, 5, 86_400),
    rate: wholeNumber('--rate', values.rate, 1, 1000),
  }
}
