import { parseArgs } from 'node:util'
import { Pattern } from '../core/pattern.ts'

const HELP = `Measures what regular expressions from configuration cost: CPU nanoseconds a match, beside V8's own two
engines: irregexp, which goes back and tries again, and its experimental linear one.

  node --enable-experimental-regexp-engine bench/patterns.ts [--rounds 5] [--matches 200000] [--json]

  --rounds   measured rounds; the lowest is told
  --matches  matches a round
  --json     one JSON object instead of lines
`

const CASES: readonly (readonly [name: string, pattern: string, text: string])[] = [
  ['one segment', '/[^/]+/Get', '/grpc.testing.TestService/Get'],
  ['two segments', '/api/v[0-9]+/users/[^/]+/orders', '/api/v2/users/alice-1234/orders'],
  ['alternatives', '/static/.*\\.(?:js|css|png)', '/static/assets/img/logo-large.png'],
  ['no match at the start', '/a(?:/.*)?', '/b/long/path/that/does/not/match'],
  ['a header', '(?:canary|beta)-.*', 'canary-abc'],
]
/** What takes the first engine exponential time. */
const HOSTILE = ['(a+)+ and 27 a', '(a+)+', `${'a'.repeat(27)}!`] as const
/** The dearest that is taken: its states are too many to be kept, so all of them are gone through for each character. */
const DEAREST = { pattern: '(?:a|b)*a(?:a|b){490}', text: randomText(8192) }

// V8's own, which the language has not; behind --enable-experimental-regexp-engine.
const LINEAR: string = 'l'

function randomText(length: number): string {
  let text = ''
  let seed = 1
  for (let i = 0; i < length; i++) {
    seed = (seed * 48271) % 2147483647
    text += seed & 1 ? 'a' : 'b'
  }
  return `${text}!`
}

function measure(rounds: number, matches: number, run: () => boolean): number {
  let lowest = Infinity
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < matches; i++) run()
    const { user, system } = process.cpuUsage(before)
    if (round > 0) lowest = Math.min(lowest, ((user + system) * 1000) / matches)
  }
  return Math.round(lowest)
}

function linear(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`, LINEAR)
  } catch {
    return undefined
  }
}

function main(): void {
  const options = {
    rounds: { type: 'string', default: '5' },
    matches: { type: 'string', default: '200000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  const { values } = parseArgs({ options })
  if (values.help) return console.log(HELP)
  const rounds = Number(values.rounds)
  const matches = Number(values.matches)
  if (!(Number.isInteger(rounds) && rounds > 0 && Number.isInteger(matches) && matches > 0)) {
    console.error('patterns: --rounds and --matches must be whole numbers above 0')
    process.exitCode = 2
    return
  }
  const results = [...CASES, HOSTILE].map(([name, source, text]) => {
    const pattern = new Pattern(source)
    const v8 = new RegExp(`^(?:${source})$`)
    const l = linear(source)
    return {
      name,
      re2: measure(rounds, matches, () => pattern.matches(text)),
      irregexp: source === HOSTILE[1] ? undefined : measure(rounds, matches, () => v8.test(text)),
      linear: l && measure(rounds, Math.ceil(matches / 10), () => l.test(text)),
    }
  })
  const dearest = new Pattern(DEAREST.pattern)
  const dearestUs = Math.round(measure(1, 3, () => dearest.matches(DEAREST.text)) / 1000)
  if (values.json) return console.log(JSON.stringify({ unit: 'ns of CPU a match', results, dearestUs }))
  for (const { name, re2, irregexp, linear: l } of results)
    console.log(
      `${name.padEnd(24)} re2js ${re2} ns, irregexp ${irregexp ?? '-'} ns, V8's linear engine ${l ?? '-'} ns`,
    )
  console.log(`the dearest pattern that is taken, 8 KiB: ${dearestUs} us`)
}

main()
