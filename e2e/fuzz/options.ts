import { parseFlags, FlagError, wholeNumber } from '../../local/flags.ts'
import type { ProxyName } from './peers/proxies.ts'

export interface Options {
  readonly messages: number
  readonly seed: number
  readonly proxies: readonly ProxyName[]
  readonly json: boolean
  readonly help: boolean
}

const PROXIES: readonly ProxyName[] = ['nginx', 'haproxy']

export const HELP = `usage: npm run fuzz [-- OPTION...]

Compares how Weft frames HTTP/1.1 with how nginx, haproxy and Node's own parser do: generated and mutated
messages, whole and cut at every place; what Weft sends on; round trips of its codecs; random bytes.

  --messages N   HTTP messages to make, requests and responses (default 200000)
  --seed N       first seed, 0 to 2147483647; the default is new each time, and printed
  --peers LIST   proxies beside Node's parser, of ${PROXIES.join(',')} (default both; none: -)
  --json         the result as JSON on standard output
  --help         this text

nginx and haproxy come from Debian's packages (apt-get), unpacked below .cache/ and started on loopback only.
Exit: 0 where all agree, 1 where some do not or it was stopped, 2 for wrong use or a proxy that lacks.`

/** Throws FlagError. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      messages: { type: 'string', default: '200000' },
      seed: { type: 'string' },
      peers: { type: 'string', default: PROXIES.join(',') },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  } as const)
  return {
    messages: wholeNumber('--messages', values.messages, 1, 1_000_000_000),
    seed: values.seed === undefined ? newSeed() : wholeNumber('--seed', values.seed, 0, 0x7fffffff),
    proxies: proxiesOf(values.peers),
    json: values.json,
    help: values.help,
  }
}

/** A seed that nobody chose. */
export function newSeed(): number {
  return Math.floor(Math.random() * 0x7fff0000)
}

function proxiesOf(text: string): ProxyName[] {
  if (text === '-') return []
  return text.split(',').map((name) => {
    const found = PROXIES.find((one) => one === name)
    if (found === undefined)
      throw new FlagError(`--peers has ${JSON.stringify(name)}; it takes ${PROXIES.join(', ')} or -`)
    return found
  })
}
