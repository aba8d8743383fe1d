import { once } from 'node:events'
import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { MetricStore } from '../../../control-plane/serve/telemetry/metric-store.ts'
import { takingPoints } from '../../../control-plane/serve/telemetry/receiver.ts'
import { atOnce } from '../../../core/in-turns.ts'
import { ExportMetricsServiceRequest } from '../../../core/xds/generated/otlp.js'
import { portOf, type Teardown } from './pair.ts'

/** What proxies count, as they report it by OTLP over HTTP, in the control plane's own store: each is a pod of `shop`. */
export class Collector {
  readonly metrics = new MetricStore()
  #port = 0
  #watch: (() => void)[] = []

  static async listen(t: Teardown): Promise<Collector> {
    const collector = new Collector()
    const server = createServer((message, response) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => void chunks.push(chunk))
      message.on('end', () => {
        const body = Buffer.concat(chunks)
        const zipped = message.headers['content-encoding'] === 'gzip'
        if (message.url === '/v1/metrics') collector.#take(zipped ? gunzipSync(body) : body)
        response.end()
      })
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => {
      server.close()
      server.closeAllConnections()
    })
    collector.#port = portOf(server)
    return collector
  }

  /** Of the proxies that are to report here. */
  get flags(): readonly string[] {
    return ['--collector', `http://127.0.0.1:${this.#port}`]
  }

  /** The first value that `find` has, asked again at each report. */
  async until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const value = find()
      if (value !== undefined) return value
      await new Promise<void>((resolve) => void this.#watch.push(resolve))
    }
  }

  #take(report: Buffer): void {
    const resource = ExportMetricsServiceRequest.decode(report).resourceMetrics?.[0]?.resource
    const name = resource?.attributes?.find(({ key }) => key === 'service.name')?.value?.stringValue ?? ''
    const reporter = { service: name, namespace: 'shop', pod: name, behind: [] }
    atOnce(takingPoints({ metrics: this.metrics }, report, reporter, Date.now()))
    for (const wake of this.#watch.splice(0)) wake()
  }
}
