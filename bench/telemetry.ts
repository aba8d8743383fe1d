import { parseArgs } from 'node:util'
import { newRecord } from '../proxy/exchange/record.ts'
import type { RequestHead } from '../proxy/http/message.ts'
import { Telemetry } from '../proxy/telemetry/telemetry.ts'

const USAGE = `usage: node bench/telemetry.ts [--requests N] [--rounds N] [--json]

What telemetry costs a request on one core: reading and writing the trace context, counting, and a span where
sampled; the access log is off. The best of the rounds.
  --requests N   a round (default 300000)
  --rounds N     default 5
  --json         [{case, nsPerRequest}]
`

const CASES: readonly { name: string; samplingPercent: number; headers: readonly string[]; sets: number }[] =
  [
    { name: 'counted, one label set', samplingPercent: 0, headers: [], sets: 1 },
    { name: 'counted, 200 label sets', samplingPercent: 0, headers: [], sets: 200 },
    {
      name: 'a traceparent that is not sampled',
      samplingPercent: 0,
      headers: ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'],
      sets: 1,
    },
    { name: '1 % sampled', samplingPercent: 1, headers: [], sets: 1 },
    { name: 'every one sampled', samplingPercent: 100, headers: [], sets: 1 },
  ]

/** Nanoseconds a request. */
function measure(index: number, requests: number): number {
  const { samplingPercent, headers, sets } = CASES[index] ?? { samplingPercent: 0, headers: [], sets: 1 }
  const telemetry = new Telemetry({
    resource: new Map([
      ['service.name', 'web'],
      ['service.namespace', 'shop'],
    ]),
    // Takes everything at once: what is measured is this side.
    exporter: { traces: async () => {}, metrics: async () => {}, close() {} },
    accessLog: 'off',
    pushMs: 3_600_000,
  })
  const hop = {
    direction: 'outbound' as const,
    original: undefined,
    destination: { host: '10.0.0.9', port: 80 },
    downstream: '10.244.0.5:40000',
    sourceIdentity: '',
    localIdentity: 'spiffe://cluster.local/ns/shop/sa/web',
    http2: false,
    link: false,
  }
  const base = ['accept', '*/*', 'user-agent', 'load/1', 'x-request-id', '1', ...headers]
  const head: RequestHead = {
    method: 'GET',
    scheme: 'http',
    authority: 'catalog:8080',
    path: '/items/1',
    fields: [],
    upgrade: '',
  }
  const routes = Array.from({ length: sets }, (_, i) => `HTTPRoute/shop/catalog/${i}`)
  const record = newRecord(hop, { ...head, fields: base }, 'v1')
  record.status = 200
  record.cluster = 'shop/catalog/8080'
  record.service = 'catalog.shop'
  record.destinationIdentity = 'spiffe://cluster.local/ns/shop/sa/catalog'
  record.attempts = 1
  const start = process.hrtime.bigint()
  for (let i = 0; i < requests; i++) {
    head.fields = base.slice()
    record.route = routes[i % sets] as string
    record.durationMs = (i & 63) / 3
    record.span = undefined
    telemetry.beginTrace(record, head, samplingPercent)
    telemetry.requestStarted('outbound')
    telemetry.requestFinished(record, head)
  }
  const ns = Number(process.hrtime.bigint() - start) / requests
  void telemetry.close()
  return ns
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
    process.stderr.write(`telemetry: ${error instanceof Error ? error.message : String(error)}\n`)
    return 2
  }
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const requests = Number(options.requests)
  const rounds = Number(options.rounds)
  if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write('telemetry: --requests and --rounds must be whole numbers above 0\n')
    return 2
  }
  const results = CASES.map(({ name }, index) => {
    const all = Array.from({ length: rounds }, () => measure(index, requests))
    return { case: name, nsPerRequest: Math.round(Math.min(...all)) }
  })
  if (options.json) process.stdout.write(JSON.stringify(results) + '\n')
  else for (const one of results) process.stdout.write(`${one.case.padEnd(36)} ${one.nsPerRequest} ns\n`)
  return 0
}

process.exitCode = main(process.argv.slice(2))
