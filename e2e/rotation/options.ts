import { FlagError, parseFlags } from '../../local/flags.ts'

export interface Options {
  /** How many roots follow one another. */
  readonly roots: number
  /** The load goes on for at least so long. */
  readonly seconds: number
  /** Of leaves. */
  readonly leafSeconds: number
  /** By how much the control plane's clock is ahead (or behind) of everybody else's. */
  readonly skewSeconds: number
  readonly json: boolean
  readonly help: boolean
}

export const HELP = `usage: npm run rotation -- [OPTION...]

Changes the roots and the issuing CA of a mesh of three sidecars, one after another, under HTTP, gRPC streams and TCP, and
kills its control plane in the middle of each step. Says how many requests failed, and for how long a root was accepted
beyond what is promised. Everything is on loopback; nothing needs root.

  --roots N          root changes (default 10)
  --seconds N        how long at least, in all (default 0)
  --leaf-seconds N   life of leaves (default 60)
  --skew-seconds N   the control plane's clock against all others', -300 to 300 (default 0). Leaves that live for less than
                     ten times that cannot bridge it: give --leaf-seconds, too
  --json             the result as JSON on standard output
  --help             this text

Exit: 0 nothing failed and no root was accepted longer than said, 1 otherwise, 2 for wrong use.`

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      roots: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '0' },
      'leaf-seconds': { type: 'string', default: '60' },
      'skew-seconds': { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  const skewSeconds = numberBetween('--skew-seconds', values['skew-seconds'], -300, 300)
  const leafSeconds = numberBetween('--leaf-seconds', values['leaf-seconds'], 10, 86_400)
  if (leafSeconds < 10 * Math.abs(skewSeconds))
    throw new FlagError(
      `--leaf-seconds must be ten times --skew-seconds at least, ${10 * Math.abs(skewSeconds)}: leaves begin a tenth of their life in the past`,
    )
  return {
    roots: numberBetween('--roots', values.roots, 0, 100),
    seconds: numberBetween('--seconds', values.seconds, 0, 86_400),
    leafSeconds,
    skewSeconds,
    json: values.json,
    help: values.help,
  }
}

function numberBetween(flag: string, text: string, least: number, most: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new FlagError(`${flag} must be a whole number from ${least} to ${most}, not ${JSON.stringify(text)}`)
}
