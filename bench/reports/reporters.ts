// Plays the sidecars of some pods: what each tells of its requests goes through the proxy's own telemetry. Told by main.ts.
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { silentLogger } from '../../core/log.ts'
import { newRecord } from '../../proxy/exchange/record.ts'
import type { RequestHead } from '../../proxy/http/message.ts'
import { createGrpcExporter } from '../../proxy/telemetry/grpc-exporter.ts'
import { sidecarResource } from '../../proxy/telemetry/resource.ts'
import { Telemetry } from '../../proxy/telemetry/telemetry.ts'
import { createAdsClient } from '../../proxy/xds/ads-client.ts'
import { ResourceTable } from '../../proxy/xds/resource-table.ts'
import type { FromReporters, ReportersConfig } from './messages.ts'

/** Of a span's request; a sidecar has a series for each combination. */
const PATHS = 20
const STATUSES = [200, 200, 200, 204, 404, 503]
const TICK_MS = 50

/** One sidecar: a stream of configuration, and spans and metrics of requests that it says it had. */
class Reporter {
  readonly telemetry: Telemetry
  #requests = 0

  constructor({ port, roots, serverName }: ReportersConfig, pod: string, token: string) {
    const connect = (): Client =>
      new Client(`127.0.0.1:${port}`, credentials.createSsl(Buffer.from(roots)), {
        'grpc.ssl_target_name_override': serverName,
        // As between two pods: nobody shares a connection.
        'grpc.use_local_subchannel_pool': 1,
      })
    this.telemetry = new Telemetry({
      resource: sidecarResource(
        { name: pod, namespace: 'shop', uid: '', node: '' },
        new Map([['service.name', 'web']]),
      ),
      exporter: createGrpcExporter({ client: connect(), token: () => token }),
      accessLog: 'off',
      samplingPercent: 100,
    })
    const table = new ResourceTable({ pinned: [{ kind: 'listener', name: 'inbound' }] })
    table.route('shop/web/80')
    createAdsClient({
      table,
      node: { id: `${pod}.shop`, cluster: 'shop' },
      async open() {
        const metadata = new Metadata()
        metadata.set('authorization', `Bearer ${token}`)
        return { client: connect(), metadata }
      },
      log: silentLogger,
    }).start()
  }

  /** A request to another pod; its sidecar tells of the same trace. */
  call(callee: Reporter): void {
    const number = this.#requests++
    const head: RequestHead = {
      method: 'GET',
      scheme: 'http',
      authority: 'web.shop',
      path: `/items/${number % PATHS}`,
      fields: ['user-agent', 'load/1'],
      upgrade: '',
    }
    this.#finish('outbound', number, head)
    callee.#finish('inbound', number, head)
  }

  #finish(direction: 'outbound' | 'inbound', number: number, head: RequestHead): void {
    const identity = 'spiffe://cluster.local/ns/shop/sa/web'
    const hop = {
      direction,
      original: undefined,
      destination: { host: '10.0.0.9', port: 80 },
      downstream: '10.244.0.5:40000',
      sourceIdentity: direction === 'inbound' ? identity : '',
      localIdentity: identity,
      http2: false,
      link: direction === 'inbound',
    }
    const record = newRecord(hop, head, 'v1')
    record.status = STATUSES[number % STATUSES.length] ?? 200
    record.cluster = direction === 'inbound' ? 'inbound' : `shop/web/${80 + (number % PATHS)}`
    record.service = 'web.shop'
    record.destinationIdentity = identity
    record.attempts = 1
    record.durationMs = (number & 63) / 3
    this.telemetry.beginTrace(record, head, 100)
    this.telemetry.requestStarted(direction)
    this.telemetry.requestFinished(record, head)
  }
}

async function report(config: ReportersConfig): Promise<FromReporters> {
  const reporters = config.reporters.map(({ pod, token }) => new Reporter(config, pod, token))
  const began = performance.now()
  // Two spans a request: the caller's and the callee's.
  const rate = config.spansPerSecond / 2
  let requests = 0
  while (performance.now() - began < config.seconds * 1000) {
    const due = ((performance.now() - began) / 1000) * rate
    for (; requests < due; requests++) {
      const caller = reporters[requests % reporters.length]
      const callee = reporters[(requests + 1) % reporters.length]
      if (caller && callee) caller.call(callee)
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS))
  }
  let lost = 0
  for (const { telemetry } of reporters) {
    await telemetry.close()
    // Writes the counters down, too.
    telemetry.exposition({ format: 'text', created: false })
    lost += telemetry.metrics.counters.get('spans_dropped') ?? 0
  }
  return { spans: 2 * requests, lost }
}

process.once('message', (config: ReportersConfig) => {
  void report(config).then((said) => process.send?.(said))
})
process.once('disconnect', () => process.exit(0))
