// Plays the sidecars of many pods: what each tells of its requests goes through the proxy's own telemetry. Told by main.ts.
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { silentLogger } from '../../core/log.ts'
import { formatPeerWorkload } from '../../core/peer-workload.ts'
import { newRecord } from '../../proxy/exchange/record.ts'
import type { RequestRecord } from '../../proxy/exchange/telemetry-sink.ts'
import type { RequestHead } from '../../proxy/http/message.ts'
import { createGrpcExporter } from '../../proxy/telemetry/grpc-exporter.ts'
import { ObservedCalls } from '../../proxy/telemetry/observed-calls/observed-calls.ts'
import { sidecarResource } from '../../proxy/telemetry/resource.ts'
import { Telemetry } from '../../proxy/telemetry/telemetry.ts'
import { createAdsClient } from '../../proxy/xds/ads-client.ts'
import { ResourceTable } from '../../proxy/xds/resource-table.ts'
import type { ReportingService } from './mesh.ts'
import type { FromReporters, ReportersConfig } from './messages.ts'

/** Of a thousand requests so many are answered with 503, and from there to there with 404; the rest with 200. */
const FAILED = 2
const NOT_FOUND = 22
const PATHS = 20
const TICK_MS = 50
/** Sidecars don't begin at once. */
const APART_MS = 2

const identityOf = ({ name, namespace }: ReportingService): string =>
  `spiffe://cluster.local/ns/${namespace}/sa/${name}`

/** One sidecar: a stream of configuration, and spans and metrics of requests that it says it had. */
class Reporter {
  readonly telemetry: Telemetry
  readonly service: ReportingService
  readonly ip: string
  /** By the other end's Service: one record is used again and again, as nothing keeps it. */
  readonly #records = new Map<string, RequestRecord>()

  constructor(config: ReportersConfig, service: ReportingService, pod: { name: string; ip: string }) {
    const { port, roots, serverName, tokens, services } = config
    this.service = service
    this.ip = pod.ip
    const token = tokens[`${service.namespace}/${pod.name}`] ?? ''
    const connect = (): Client =>
      new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(roots)), {
        'grpc.ssl_target_name_override': serverName,
        // As between two pods: nobody shares a connection.
        'grpc.use_local_subchannel_pool': 1,
      })
    this.telemetry = new Telemetry({
      resource: sidecarResource(
        { name: pod.name, namespace: service.namespace, uid: pod.name, node: '' },
        new Map([
          ['service.name', service.name],
          ['k8s.deployment.name', service.name],
        ]),
      ),
      exporter: createGrpcExporter({ client: connect(), token: () => token }),
      accessLog: 'off',
      observed: new ObservedCalls(Date.now(), [pod.ip]),
    })
    const table = new ResourceTable({ pinned: [{ kind: 'listener', name: 'inbound' }] })
    for (const at of service.calls) {
      const called = services[at]
      if (called) table.route(`${called.namespace}/${called.name}/80`)
    }
    createAdsClient({
      table,
      node: { id: `${pod.name}.${service.namespace}`, cluster: service.namespace },
      async open() {
        const metadata = new Metadata()
        metadata.set('authorization', `Bearer ${token}`)
        return { client: connect(), metadata }
      },
      log: silentLogger,
    }).start()
  }

  /**
   * A request to another pod; its sidecar tells of the same trace. One that nobody tells a span of is counted, by what counts
   * every request, and no more is done: the bytes on the wire are those of a sidecar that did all.
   */
  call(callee: Reporter, number: number, traced: boolean): void {
    const status = number % 1000 < FAILED ? 503 : number % 1000 < NOT_FOUND ? 404 : 200
    const durationMs = (number & 63) / 3
    const out = this.#records.get(`>${callee.service.name}`)
    const into = callee.#records.get(`<${this.service.name}`)
    // A failure may be kept, which has the whole way decide it.
    if (out && into && !traced && status !== 503) {
      const path = `/items/${number % PATHS}`
      this.#count(out, path, status, durationMs)
      callee.#count(into, path, status, durationMs)
      return
    }
    const head: RequestHead = {
      method: 'GET',
      scheme: 'http',
      authority: `${callee.service.name}.${callee.service.namespace}`,
      path: `/items/${number % PATHS}`,
      fields: ['user-agent', 'load/1'],
      upgrade: '',
    }
    const percent = traced ? 100 : 0
    this.#finish(this.#outbound(callee, head), head, status, durationMs, percent)
    callee.#finish(callee.#inbound(this, head), head, status, durationMs, percent)
  }

  #outbound(callee: Reporter, head: RequestHead): RequestRecord {
    const { name, namespace } = callee.service
    const known = this.#records.get(`>${name}`)
    if (known) return known
    const hop = {
      direction: 'outbound' as const,
      original: undefined,
      destination: { host: '10.96.0.1', port: 80 },
      downstream: `${this.ip}:40000`,
      sourceIdentity: '',
      localIdentity: identityOf(this.service),
      http2: false,
      link: false,
    }
    const record = newRecord(hop, head, 'v1')
    record.route = `HTTPRoute/${namespace}/${name}/0`
    record.cluster = `${namespace}/${name}/80`
    record.service = `${name}.${namespace}`
    record.upstream = `${callee.ip}:8080`
    record.peer = formatPeerWorkload({ workload: name, version: '' })
    record.destinationIdentity = identityOf(callee.service)
    this.#records.set(`>${name}`, record)
    return record
  }

  #inbound(caller: Reporter, head: RequestHead): RequestRecord {
    const { name } = caller.service
    const known = this.#records.get(`<${name}`)
    if (known) return known
    const hop = {
      direction: 'inbound' as const,
      original: undefined,
      destination: { host: this.ip, port: 8080 },
      downstream: `${caller.ip}:40000`,
      sourceIdentity: identityOf(caller.service),
      localIdentity: identityOf(this.service),
      peer: formatPeerWorkload({ workload: name, version: '' }),
      http2: false,
      link: true,
    }
    const record = newRecord(hop, head, 'v1')
    record.cluster = 'inbound'
    record.upstream = '127.0.0.1:8080'
    this.#records.set(`<${name}`, record)
    return record
  }

  #count(record: RequestRecord, path: string, status: number, durationMs: number): void {
    record.path = path
    record.durationMs = durationMs
    record.status = status
    record.span = undefined
    this.telemetry.requestAnswered(record)
    this.telemetry.metrics.request(record)
  }

  #finish(
    record: RequestRecord,
    head: RequestHead,
    status: number,
    durationMs: number,
    samplingPercent: number,
  ): void {
    record.startMs = Date.now() - durationMs
    record.durationMs = durationMs
    record.answerMs = Math.floor(durationMs)
    record.path = head.path
    record.status = status
    record.answered = true
    record.attempts = 1
    record.bytesSent = 1024
    record.span = undefined
    this.telemetry.beginTrace(record, head, samplingPercent)
    this.telemetry.requestStarted(record.direction)
    this.telemetry.requestAnswered(record)
    this.telemetry.requestFinished(record, head)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function report(config: ReportersConfig): Promise<FromReporters> {
  const byService: Reporter[][] = []
  for (const service of config.services) {
    const own: Reporter[] = []
    byService.push(own)
    for (const pod of service.pods) {
      own.push(new Reporter(config, service, pod))
      await pause(APART_MS)
    }
  }
  const reporters = byService.flat()
  const began = performance.now()
  let [requests, lateMs, due] = [0, 0, began]
  let owed = 0
  for (let last = began, now = began; now - began < config.seconds * 1000; now = performance.now()) {
    // What a late tick left out is made up for, but not more than a second of it: who is later than that would be for ever.
    owed = Math.min(owed + ((now - last) / 1000) * config.requestsPerSecond, config.requestsPerSecond)
    last = now
    for (; owed >= 1; owed--, requests++) {
      // Everybody calls everybody that it calls, and each of its pods, equally often.
      const turn = Math.floor(requests / reporters.length)
      const caller = reporters[requests % reporters.length] as Reporter
      const { calls } = caller.service
      const called = byService[calls[turn % calls.length] ?? 0] ?? []
      const callee = called[Math.floor(turn / calls.length) % called.length]
      const number = hashed(requests)
      if (callee) caller.call(callee, number, (number >>> 10) % 10_000 < config.samplingPercent * 100)
    }
    due += TICK_MS
    const late = performance.now() - due
    lateMs = Math.max(lateMs, late)
    if (late > 0) due += late
    await pause(Math.max(0, -late))
  }
  const seconds = (performance.now() - began) / 1000
  let [spans, lost, series, failedReports] = [0, 0, 0, 0]
  await Promise.all(reporters.map(({ telemetry }) => telemetry.close()))
  for (const { telemetry } of reporters) {
    // Writes the counters down, too.
    telemetry.exposition({ format: 'text', created: false })
    const { counters } = telemetry.metrics
    series += telemetry.metrics.requests.size
    spans += (counters.get('spans_exported') ?? 0) + (counters.get('spans_dropped') ?? 0)
    lost += counters.get('spans_dropped') ?? 0
    failedReports += counters.get('metric_push_failed') ?? 0
  }
  return { requests, seconds, series, spans, lost, failedReports, lateMs }
}

/** A number that looks like any other, always the same of the same: what failed is spread over everybody. */
function hashed(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d)
  return (mixed ^ (mixed >>> 12)) >>> 0
}

process.once('message', (config: ReportersConfig) => {
  void report(config).then((said) => process.send?.(said))
})
process.once('disconnect', () => process.exit(0))
