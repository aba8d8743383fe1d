import { parseArgs } from 'node:util'
import { newRecord } from '../proxy/exchange/record.ts'
import { ObservedCalls } from '../proxy/telemetry/observed-calls/observed-calls.ts'

const USAGE = `usage: node bench/observed-calls.ts [--requests N] [--rounds N] [--json]

What it costs a server's sidecar, on one core, to keep who called it: the template of the path, and the count of its kind.
Each path is a text of its own, as the engines make it. The best of the rounds.
  --requests N   a round (default 300000)
  --rounds N     default 5
  --json         [{case, nsPerRequest}]
`

const CASES: readonly {
  readonly name: string
  readonly path: (i: number) => string
  readonly callers: number
}[] = [
  { name: 'one path', path: () => '/api/v1/items', callers: 1 },
  { name: '50 paths, 20 callers', path: (i) => `/api/v1/${WORDS[i % 10]}/${WORDS[i % 5]}`, callers: 20 },
  { name: 'an identifier in the path', path: (i) => `/api/v1/items/${i}`, callers: 1 },
  {
    name: 'two identifiers, a query, 20 callers',
    path: (i) => `/users/${i}/cards/0af76519-16cd-43dd-8448-${100_000_000_000 + i}?page=2`,
    callers: 20,
  },
]
const WORDS = ['items', 'users', 'cards', 'orders', 'prices', 'stock', 'search', 'login', 'cart', 'reviews']

/** CPU nanoseconds a request, without what making its path takes. */
function measure(index: number, requests: number): number {
  const { path, callers } = CASES[index] as (typeof CASES)[number]
  const calls = new ObservedCalls(Date.now())
  const records = Array.from({ length: callers }, (_, i) => {
    const hop = {
      direction: 'inbound' as const,
      original: undefined,
      destination: { host: '10.0.0.9', port: 8080 },
      downstream: '10.244.0.5:40000',
      sourceIdentity: `spiffe://cluster.local/ns/shop/sa/caller-${i}`,
      localIdentity: 'spiffe://cluster.local/ns/shop/sa/catalog',
      http2: false,
      link: false,
    }
    const head = { method: 'GET', scheme: 'http', authority: 'catalog', path: '/', fields: [], upgrade: '' }
    return { ...newRecord(hop, head, 'v1'), status: 200, answered: true }
  })
  const paths = Array.from({ length: Math.min(requests, 100_000) }, (_, i) => Buffer.from(path(i)))
  const run = (observe: boolean): number => {
    const before = process.cpuUsage()
    for (let i = 0; i < requests; i++) {
      const record = records[i % callers] as (typeof records)[number]
      record.path = (paths[i % paths.length] as Buffer).toString('latin1')
      if (observe) calls.request(record)
    }
    const { user, system } = process.cpuUsage(before)
    return ((user + system) * 1000) / requests
  }
  run(true)
  return run(true) - run(false)
}

function main(argv: string[]): number {
  let options
  try {
    options = parseArgs({
      args: argv,
      options: {
        requests: { type: 'string', default: '300000' },
        rounds: { type: 'string', default: '5' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (error) {
    process.stderr.write(`observed-calls: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const requests = Number(options.requests)
  const rounds = Number(options.rounds)
  if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write('observed-calls: --requests and --rounds must be whole numbers above 0\n')
    return 2
  }
  const results = CASES.map(({ name }, index) => {
    const all = Array.from({ length: rounds }, () => measure(index, requests))
    return { case: name, nsPerRequest: Math.round(Math.min(...all)) }
  })
  if (options.json) process.stdout.write(`${JSON.stringify(results)}\n`)
  else for (const one of results) process.stdout.write(`${one.case.padEnd(40)} ${one.nsPerRequest} ns\n`)
  return 0
}

process.exitCode = main(process.argv.slice(2))
