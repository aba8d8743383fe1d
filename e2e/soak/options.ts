import { FlagError, parseFlags } from '../../local/flags.ts'

export interface Options {
  readonly seconds: number
  /** Share of what the pair carried as fast as it could, 0 to 1. */
  readonly load: number
  readonly json: boolean
  readonly help: boolean
}

export const HELP = `usage: npm run soak [-- OPTION...]

Runs a pair of sidecars under a steady load of mixed protocols (HTTP/1.1, HTTP/2, gRPC unary and streams, WebSocket,
opaque TCP, new connections, requests that are given up) and says whether their memory and descriptors stay flat.

  --seconds N   how long, after the measuring of what is full load (default 600)
  --load N      share of full load, 0.05 to 1 (default 0.6)
  --json        the result as JSON on standard output
  --help        this text

Exit: 0 flat and without a failed operation, 1 not, 2 for wrong use.`

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '600' },
      load: { type: 'string', default: '0.6' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  return {
    seconds: numberBetween('--seconds', values.seconds, 10, 1_000_000),
    load: numberBetween('--load', values.load, 0.05, 1),
    json: values.json,
    help: values.help,
  }
}

function numberBetween(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new FlagError(`${flag} must be a number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
