import { parseArgs } from 'node:util'
import { SAFE_PATHS } from '../proxy/model/path-rules.ts'
import { normalizePath } from '../proxy/route/normalize-path.ts'

const HELP = `Measures the normalization of paths alone: CPU nanoseconds and heap bytes a path.

  node bench/normalize-path.ts [--rounds 7] [--paths 1000000] [--json]

  --rounds  measured rounds; the median is told, with the lowest and highest
  --paths   paths a round
  --json    one JSON object instead of lines
`

const CASES = {
  'normal, 30 characters': '/products/42/reviews/of/a.user',
  'normal, with a query': '/products/42/reviews?page=2&of=../../a%2fb',
  'normal, 20 escapes': `/${'%E3%81%82'.repeat(7)}`,
  'kept by the guards': '/@scope%2Fname;v=1/a',
  'dot segments and escapes': '/a/./b/%7euser/../c%3a//d',
  'climbs above the root': '/a/../../etc/passwd',
}

interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

// So many that what they leave on the heap is seen, so few that a collection seldom comes between.
const HEAP_PATHS = 500

function measure(path: string, rounds: number, paths: number): { ns: Spread; bytes: number } {
  // As codecs make them: strings of their own, none the same object as the one before.
  const given = Array.from({ length: 64 }, () => Buffer.from(path, 'latin1').toString('latin1'))
  let changed = 0
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) if (normalizePath(given[i & 63] as string, SAFE_PATHS) !== path) changed++
  }
  run(paths)
  const times: number[] = []
  const left: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    run(paths)
    const used = process.cpuUsage(before)
    times.push(((used.user + used.system) * 1000) / paths)
    const heap = process.memoryUsage().heapUsed
    run(HEAP_PATHS)
    // A collection makes it less, and tells nothing.
    const grown = process.memoryUsage().heapUsed - heap
    if (grown >= 0) left.push(grown / HEAP_PATHS)
  }
  if (changed % (paths + rounds * (paths + HEAP_PATHS)) !== 0)
    throw new Error(`${path} is answered in two ways`)
  times.sort((a, b) => a - b)
  left.sort((a, b) => a - b)
  const at = (index: number): number => Math.round((times[index] as number) * 10) / 10
  return {
    ns: { low: at(0), median: at(times.length >> 1), high: at(times.length - 1) },
    bytes: Math.round(left[left.length >> 1] ?? Number.NaN),
  }
}

function main(): void {
  const options = {
    rounds: { type: 'string', default: '7' },
    paths: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  let values
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`normalize-path: ${(error as Error).message.split('\n')[0]} Try --help.`)
    process.exitCode = 2
    return
  }
  if (values.help) return console.log(HELP)
  const rounds = Number(values.rounds)
  const paths = Number(values.paths)
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(paths) && paths > 0)) {
    console.error('normalize-path: --rounds and --paths must be whole numbers above 0')
    process.exitCode = 2
    return
  }
  const results = Object.entries(CASES).map(([name, path]) => ({ name, ...measure(path, rounds, paths) }))
  if (values.json) return console.log(JSON.stringify({ unit: 'ns of CPU a path', results }))
  for (const { name, ns, bytes } of results)
    console.log(`${name.padEnd(30)} ${ns.median} ns (${ns.low}-${ns.high}), ${bytes} bytes`)
}

main()
