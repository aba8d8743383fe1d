import { parseArgs } from 'node:util'
import type { Matcher, Rule, Stage, TextMatch } from '../core/authorization/rules.ts'
import { noAuthorization, noTelemetry } from '../proxy/exchange/telemetry-sink.ts'
import type { RequestHead } from '../proxy/http/message.ts'
import { HttpRbacStep } from '../proxy/steps/http/rbac.ts'
import { headOf, HOP } from '../proxy/steps/testing/requests.ts'

const HELP = `Measures what authorization costs a request that passes: CPU nanoseconds and heap bytes, in the steps alone.

  node bench/authorization.ts [--rules 20] [--rounds 7] [--requests 500000] [--json]

  --rules     of the ALLOW stage: so many callers, each with a method and paths of its own. A DENY stage has a tenth of them
  --rounds    measured rounds; the median is told, with the lowest and highest
  --requests  requests a round
  --json      one JSON object instead of lines
`

const exact = (value: string): TextMatch => ({ type: 'exact', value, ignoreCase: false })
const prefix = (value: string): TextMatch => ({ type: 'prefix', value, ignoreCase: false })
const identity = (i: number): string => `spiffe://cluster.local/ns/team-${i}/sa/web`

function ruleOf(i: number, deny: boolean): Rule {
  const asked: Matcher = {
    kind: 'and',
    of: [
      { kind: 'port', start: HOP.destination.port, end: HOP.destination.port + 1 },
      { kind: 'or', of: [exact('GET'), exact('POST')].map((match) => ({ kind: 'method', match })) },
      {
        kind: 'or',
        of: [
          { kind: 'path', match: prefix(deny ? `/admin-${i}/` : '/items/') },
          { kind: 'path-template', template: `/users/{*}/${deny ? 'secrets' : 'cards'}/{**}` },
        ],
      },
    ],
  }
  const match = deny ? prefix('spiffe://cluster.local/ns/') : exact(identity(i))
  return {
    name: `shop/policy-${String(i).padStart(3, '0')}/0`,
    permissions: [asked],
    principals: [{ kind: 'identity', match }],
  }
}

interface Measured {
  readonly ns: { readonly low: number; readonly median: number; readonly high: number }
  readonly bytes: number
}

// So many that what they leave on the heap is seen, so few that a collection seldom comes between.
const HEAP_REQUESTS = 500

function measure(decide: () => void, rounds: number, requests: number): Measured {
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) decide()
  }
  run(requests)
  const times: number[] = []
  const left: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    run(requests)
    const used = process.cpuUsage(before)
    times.push(((used.user + used.system) * 1000) / requests)
    const heap = process.memoryUsage().heapUsed
    run(HEAP_REQUESTS)
    // A collection makes it less, and tells nothing.
    const grown = process.memoryUsage().heapUsed - heap
    if (grown >= 0) left.push(grown / HEAP_REQUESTS)
  }
  times.sort((a, b) => a - b)
  left.sort((a, b) => a - b)
  const at = (index: number): number => Math.round((times[index] as number) * 10) / 10
  return {
    ns: { low: at(0), median: at(times.length >> 1), high: at(times.length - 1) },
    bytes: Math.round(left[left.length >> 1] ?? Number.NaN),
  }
}

/** By case, what one request does. */
function cases(rules: number): Readonly<Record<string, () => void>> {
  const stage = (action: Stage['action'], count: number): Stage => ({
    action,
    enforced: Array.from({ length: count }, (_, i) => ruleOf(i, action === 'DENY')),
    shadow: undefined,
  })
  const steps = [stage('DENY', Math.ceil(rules / 10)), stage('ALLOW', rules)].map(
    (one) => new HttpRbacStep({ stage: one, audit: 'None' }, { telemetry: noTelemetry }),
  )
  const hops = Array.from({ length: 64 }, (_, i) => ({ ...HOP, sourceIdentity: identity(i % rules) }))
  // One after the other asks for something else, as those of different callers do.
  const heads = Array.from({ length: 61 }, (_, i) =>
    headOf(`/users/${i * 7}/cards/${i}?page=${i}`, ['accept', '*/*', 'user-agent', 'a', 'x-request-id', '1']),
  )
  const record = noAuthorization()
  let asked = 0
  const ask = (hop: typeof HOP): void => {
    record.decision = ''
    const head = heads[asked++ % heads.length] as RequestHead
    for (const step of steps)
      if (step.decide(hop, head, undefined, record)) throw new Error('a request of the bench was refused')
  }
  let turn = 0
  const last = hops.at(-1) as typeof HOP
  return {
    'one connection': () => ask(last),
    '64 connections in turn': () => ask(hops[turn++ & 63] as typeof HOP),
    'a connection of its own': () => ask({ ...HOP, sourceIdentity: last.sourceIdentity }),
  }
}

function main(): void {
  const options = {
    rules: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '7' },
    requests: { type: 'string', default: '500000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } as const
  let values
  try {
    values = parseArgs({ options }).values
  } catch (error) {
    console.error(`authorization: ${(error as Error).message.split('\n')[0]} Try --help.`)
    process.exitCode = 2
    return
  }
  if (values.help) return console.log(HELP)
  const [rules, rounds, requests] = [values.rules, values.rounds, values.requests].map(Number)
  if (![rules, rounds, requests].every((one) => Number.isInteger(one) && Number(one) > 0)) {
    console.error('authorization: --rules, --rounds and --requests must be whole numbers above 0')
    process.exitCode = 2
    return
  }
  const results = Object.entries(cases(rules as number)).map(([name, decide]) => ({
    name,
    ...measure(decide, rounds as number, requests as number),
  }))
  if (values.json) return console.log(JSON.stringify({ unit: 'ns of CPU a request', results }))
  for (const { name, ns, bytes } of results)
    console.log(`${name.padEnd(24)} ${ns.median} ns (${ns.low}-${ns.high}), ${bytes} bytes`)
}

main()
