import { parseArgs } from 'node:util'
import { describeError } from '../core/errors.ts'
import { formatPeerWorkload } from '../core/peer-workload.ts'
import { newRecord } from '../proxy/exchange/record.ts'
import type { RequestHead } from '../proxy/http/message.ts'
import { Telemetry } from '../proxy/telemetry/telemetry.ts'

const USAGE = `usage: node --expose-gc bench/telemetry-memory.ts [--peers N] [--routes N] [--json]

What telemetry keeps in the memory of a sidecar whose application calls many peers over many routes, each pair with three
statuses, half of the requests traced, while nobody takes its spans: counted sets, exemplars, the queue of spans. Heap and
buffers after a collection, less what was there before.
  --peers N    (1000)
  --routes N   of each (10)
  --json       {requests, series, overflow, dropped, keptMib, afterwardsMib} on standard output; the last is after as many again
`

const MIB = 1024 * 1024
const STATUSES = [200, 404, 503]

interface Kept {
  readonly requests: number
  readonly series: number
  /** Requests that were counted in the set for all that fit no other. */
  readonly overflow: number
  /** Of spans that nobody took. */
  readonly dropped: number
  readonly keptMib: number
  /** After as many requests again, of peers that were not there before. */
  readonly afterwardsMib: number
}

function measure(peers: number, routes: number): Kept {
  const telemetry = new Telemetry({
    resource: new Map([
      ['service.name', 'web'],
      ['k8s.deployment.name', 'web'],
      ['k8s.pod.name', 'web-1'],
    ]),
    exporter: { traces: () => new Promise(() => {}), metrics: async () => {}, close() {} },
    accessLog: 'off',
    pushMs: 3_600_000,
  })
  const before = held()
  let requests = call(telemetry, peers, routes, 0)
  const kept = held() - before
  requests += call(telemetry, peers, routes, peers)
  const afterwards = held() - before
  telemetry.exposition({ format: 'text', created: false })
  const { counters, requests: series } = telemetry.metrics
  return {
    ...{ requests, series: series.size, overflow: counters.get('metrics_overflow') ?? 0 },
    dropped: counters.get('spans_dropped') ?? 0,
    ...{ keptMib: kept / MIB, afterwardsMib: afterwards / MIB },
  }
}

/** One request of each peer, route and status, of peers from this number on. */
function call(telemetry: Telemetry, peers: number, routes: number, first: number): number {
  let requests = 0
  for (let peer = first; peer < first + peers; peer++)
    for (let route = 0; route < routes; route++)
      for (const status of STATUSES) {
        const name = `service-${peer}`
        const head: RequestHead = {
          ...{ method: 'GET', scheme: 'http', authority: `${name}.shop`, path: `/items/${requests}` },
          ...{ fields: ['user-agent', 'load/1', 'x-request-id', `${requests}`], upgrade: '' },
        }
        const hop = {
          direction: 'outbound' as const,
          original: undefined,
          destination: { host: '10.96.0.1', port: 80 },
          downstream: '10.244.0.5:40000',
          sourceIdentity: '',
          localIdentity: 'spiffe://cluster.local/ns/shop/sa/web',
          http2: false,
          link: false,
        }
        const record = newRecord(hop, head, 'v1')
        record.route = `HTTPRoute/shop/${name}/${route}`
        record.cluster = `shop/${name}/80`
        record.service = `${name}.shop`
        record.upstream = `10.244.1.${peer % 250}:8080`
        record.peer = formatPeerWorkload({ workload: name, version: '' })
        record.destinationIdentity = `spiffe://cluster.local/ns/shop/sa/${name}`
        record.status = status
        record.attempts = 1
        telemetry.beginTrace(record, head, 50)
        telemetry.requestStarted('outbound')
        telemetry.requestFinished(record, head)
        requests++
      }
  return requests
}

function held(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value
  throw new Error(`--${name} must be a whole number from 1 to 100000`)
}

function main(argv: string[]): number {
  let options
  try {
    const flags = { peers: { type: 'string' }, routes: { type: 'string' } } as const
    const { values } = parseArgs({
      args: argv,
      options: { ...flags, json: { type: 'boolean' }, help: { type: 'boolean' } },
    })
    if (values.help) {
      process.stdout.write(USAGE)
      return 0
    }
    if (!globalThis.gc) throw new Error('run it by node --expose-gc')
    const { peers = '1000', routes = '10', json } = values
    options = { peers: whole('peers', peers), routes: whole('routes', routes), json }
  } catch (error) {
    process.stderr.write(`telemetry-memory: ${describeError(error)}\n`)
    return 2
  }
  const { peers, routes, json } = options
  const kept = measure(peers, routes)
  const mib = (value: number): string => `${value.toFixed(1)} MiB`
  process.stdout.write(
    json
      ? `${JSON.stringify(kept)}\n`
      : `${kept.requests / 2} requests of ${peers} peers and ${routes} routes each: ${mib(kept.keptMib)} kept, ${mib(kept.afterwardsMib)} after as many ` +
          `of other peers; ${kept.series} sets of labels, ${kept.overflow} requests in the set for others, ${kept.dropped} spans dropped\n`,
  )
  return 0
}

process.exitCode = main(process.argv.slice(2))
