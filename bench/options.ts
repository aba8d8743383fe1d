import { parseArgs } from 'node:util'
import { WeftError } from '../core/errors.ts'
import { ADMISSION_CASES } from './admission/measure.ts'
import { CASE_NAMES, STITCH } from './cases.ts'

export const PEER_NAMES: readonly string[] = ['envoy', 'nginx', 'haproxy']

export const HELP = `usage: npm run bench -- [options]

Measures Weft's proxy beside nginx, haproxy and Envoy: the same work in turns, proxies on one CPU, load and
application on another. Weft and Envoy run from the same bootstrap files. Every answer is checked.

  --case LIST         ${CASE_NAMES.join(', ')} (all);
                      or by itself ${ADMISSION_CASES.join(', ')}: the webhook, see docs/admission.md,
                      and ${STITCH.name}: ${STITCH.title}
  --connections LIST  how many at once (1,8,64,512, as far as a case has them)
  --peers LIST        ${PEER_NAMES.join(', ')} (all); Weft is always measured
  --seconds N         measured for each peer of each line, in all its turns (3)
  --turns N           turns of each peer (4); their order is turned round each time
  --weft COMMAND      what stands between Node.js and --bootstrap FILE, in place of this tree's bundle: a program,
                      flags of Node.js before it, for example '--cpu-prof cli/weft.ts proxy'
  --other COMMAND     another such as a peer of its own: a change beside what was before it
  --against REV       this tree beside that revision of it, which is built below .cache/bench, instead of beside peers: what
                      may have become worse. Of load cases only
  --rounds N          with it: how often both are started anew (10; fewer than 6 decide nothing). --seconds are then those
                      of each version in each round
  --allow PERCENT     with it: by how much CPU and memory may grow (2)
  --json              the result as JSON on standard output, progress on standard error
  --document FILE     write the result and the machine into this Markdown file, between its marks
  --help              this text

policies is the pair without AuthorizationPolicies (weft) beside the same with 200, of which 20 apply to the server's
pod, as the control plane translates them (policies); 'own MiB' is the private memory of the server's sidecar.

telemetry is the pair that tells nothing (weft) beside the same as shipped, with a collector that takes spans, metrics and log
(telemetry), and with every request traced (sampled) or on a line of the access log (logged).

CPU is that of all proxies in the path together, in microseconds a request; memory that of the larger of them.
With --against each line has the ratio of now to before and, in brackets, where the true one is with 95 % certainty, by the
rounds: 'no worse' where all of that is allowed, 'worse' (and exit code 1) where none of it is, else 'undecided'.

ratio_to_weft is the peer's CPU divided by Weft's, the median of the turns: above 1, Weft is cheaper.
`

export interface Options {
  readonly cases: readonly string[]
  /** Undefined: what each case has. */
  readonly connections: readonly number[] | undefined
  readonly peers: readonly string[]
  readonly seconds: number
  readonly turns: number
  readonly weft: string | undefined
  readonly other: string | undefined
  readonly against: string | undefined
  readonly rounds: number
  /** Per cent. */
  readonly allow: number
  readonly json: boolean
  readonly document: string | undefined
}

/** Throws WeftError `bench.option` naming the flag. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  let values
  try {
    values = parseArgs({
      args: [...argv],
      options: {
        case: { type: 'string' },
        connections: { type: 'string' },
        peers: { type: 'string' },
        seconds: { type: 'string', default: '3' },
        turns: { type: 'string', default: '4' },
        weft: { type: 'string' },
        other: { type: 'string' },
        against: { type: 'string' },
        rounds: { type: 'string', default: '10' },
        allow: { type: 'string', default: '2' },
        json: { type: 'boolean', default: false },
        document: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new WeftError('bench.option', (error as Error).message.split('\n')[0] as string)
  }
  if (values.help) return 'help'
  return {
    cases:
      values.case === undefined
        ? CASE_NAMES
        : choice('--case', values.case, [...CASE_NAMES, ...ADMISSION_CASES, STITCH.name]),
    connections: values.connections?.split(',').map((text) => whole('--connections', text)),
    peers: choice('--peers', values.peers, PEER_NAMES),
    seconds: positive('--seconds', values.seconds),
    turns: whole('--turns', values.turns),
    weft: values.weft,
    other: values.other,
    against: values.against,
    rounds: whole('--rounds', values.rounds),
    allow: positive('--allow', values.allow),
    json: values.json,
    document: values.document,
  }
}

function choice(field: string, text: string | undefined, known: readonly string[]): readonly string[] {
  if (text === undefined) return known
  const chosen = text.split(',').filter((name) => name !== 'weft' && name !== '')
  for (const name of chosen)
    if (!known.includes(name))
      throw new WeftError('bench.option', `there is no \`${name}\`; known are ${known.join(', ')}`, { field })
  return chosen
}

function whole(field: string, text: string): number {
  const value = positive(field, text)
  if (!Number.isInteger(value) || value > 4096)
    throw new WeftError('bench.option', `must be a whole number from 1 to 4096, not ${text}`, { field })
  return value
}

function positive(field: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new WeftError('bench.option', `must be a number above 0, not ${text}`, { field })
  return value
}
