import { CONTROL_PLANE_FLAGS } from '../../cli/bundle.ts'
import { FlagError, parseFlags, wholeNumber } from '../../local/flags.ts'

export const HELP = `usage: npm run reports -- [options]

What reports of sidecars cost the control plane, and how fast it answers meanwhile: its bundle, with the flags of its image
and its store on a disk, takes spans and metrics of pods as their sidecars send them (OTLP over gRPC, each on connections of
its own). Pods are five to a Service, and every Service calls --calls others. Memory is the resident set, a stall is the
longest turn of the event loop of each second, and --ask questions of each kind are asked a second, one after the other.

  --pods N         that report (500)
  --requests N     a second, of all of them together; caller and callee both count each (50000)
  --calls N        Services that each pod calls (20)
  --sampling P     per cent of the requests that are traced (1)
  --seconds N      how long, after a tenth of it that is not judged (90)
  --ask N          questions of each kind a second: map, series, traces (2)
  --node=FLAGS     of Node.js, instead of the image's, split at blanks
  --program FILE   instead of this tree's bundle, to compare
  --json           the result as one JSON object, with ok, on standard output
  --document       write the result into docs/scale.md, between its marks
  --help           this text

Exit code: 0 measured, and within the target (every answer p99 200 ms, 1 GiB, nothing lost, every
request on the map); 1 not; 2 wrong flags.
`

export interface Options {
  readonly pods: number
  /** A second. */
  readonly requests: number
  readonly calls: number
  /** 0 to 100. */
  readonly sampling: number
  readonly seconds: number
  /** Questions of each kind a second. */
  readonly ask: number
  readonly node: readonly string[]
  readonly program: string | undefined
  readonly json: boolean
  readonly document: boolean
}

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      pods: { type: 'string', default: '500' },
      requests: { type: 'string', default: '50000' },
      calls: { type: 'string', default: '20' },
      sampling: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '90' },
      ask: { type: 'string', default: '2' },
      node: { type: 'string' },
      program: { type: 'string' },
      json: { type: 'boolean', default: false },
      document: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  if (values.help) return 'help'
  const sampling = Number(values.sampling)
  if (!(sampling >= 0 && sampling <= 100)) throw new FlagError('--sampling must be a number from 0 to 100')
  return {
    pods: wholeNumber('--pods', values.pods, 1, 1000),
    requests: wholeNumber('--requests', values.requests, 1, 200_000),
    calls: wholeNumber('--calls', values.calls, 1, 200),
    sampling,
    seconds: wholeNumber('--seconds', values.seconds, 1, 3600),
    ask: wholeNumber('--ask', values.ask, 1, 50),
    node: values.node?.split(' ').filter((flag) => flag !== '') ?? CONTROL_PLANE_FLAGS,
    program: values.program,
    json: values.json,
    document: values.document,
  }
}
