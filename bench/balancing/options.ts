import { parseFlags, wholeNumber } from '../../local/flags.ts'

export const HELP = `usage: npm run balancing -- [options]

Replays the same requests against ten servers for peak EWMA, least request and round robin: the proxy's own pickers, on
a virtual clock, so that it takes seconds and prints the same each time. Work has a heavy tail (lognormal); one server of
ten is slow, one fails at once, all stand still for 100 ms now and then. Nothing is tried twice.

  --seconds N  of the replay, whose first tenth is not counted (30)
  --rate N     requests a second of all callers together (2500; the ten can do 5800)
  --seeds N    how many replays of each; the middle one of their latencies, the mean of their failures (5)
  --json       the result as JSON on standard output
  --document   write the result into docs/resilience.md, between its marks
  --help       this text

Exit code: 0 peak EWMA is within the target (p99 at most 1.03 times the better of the others, half of their failures);
1 it is not; 2 wrong flags.
`

export interface Options {
  readonly seconds: number
  readonly rate: number
  readonly seeds: number
  readonly json: boolean
  readonly document: boolean
}

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '30' },
      rate: { type: 'string', default: '2500' },
      seeds: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      document: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  if (values.help) return 'help'
  return {
    seconds: wholeNumber('--seconds', values.seconds, 1, 3600),
    rate: wholeNumber('--rate', values.rate, 1, 5000),
    seeds: wholeNumber('--seeds', values.seeds, 1, 100),
    json: values.json,
    document: values.document,
  }
}
