import { READY_PATH } from '../../core/contract.ts'
import type { IncomingMessage } from 'node:http'
import { expositionRequest, type Exposition, type ExpositionRequest } from '../../core/metrics/exposition.ts'
import type { Handler, Reply } from './http-endpoint.ts'
import { json } from './http-endpoint.ts'
import { clustersReport } from './clusters-report.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'

/** What the admin pages show. Nothing here may hold a key or a token. */
export interface AdminSources {
  readonly ready: () => { readonly ready: boolean; readonly reason: string }
  readonly metrics: Metrics
  readonly clusters: ClusterManager
  readonly configDump: () => unknown
  readonly certificates: () => unknown
  /** What would become of a request; undefined: nobody can say, as no traffic is captured. */
  readonly explain?: ((url: URL) => Promise<Reply>) | undefined
}

type Metrics = (request: ExpositionRequest) => Exposition

const HELP = `/ready                     200 when traffic is served, 503 with the reason otherwise
/stats                     counters as text; ?format=json, ?format=prometheus
/stats/prometheus          for Prometheus, in the format that Accept asks for: text, OpenMetrics, protobuf
/config_dump               the configuration in force, without secrets; ?resource=listeners|routes|clusters|endpoints
/clusters                  endpoints in use, their health, connections and running requests
/certs                     the workload's certificate and trust bundle, without keys
/explain?to=URL            what would become of a request of this pod, and why; method=POST, header=NAME: VALUE
/help                      this page
`

/** Port 15000, loopback only. The paths are those that Envoy's users know. */
export function adminHandler(sources: AdminSources): Handler {
  return (url, message) => {
    switch (url.pathname) {
      case '/':
      case '/help':
        return { status: 200, body: HELP }
      case READY_PATH:
        return readiness(sources)
      case '/stats':
        return stats(sources, url, message)
      case '/stats/prometheus':
        return metricsReply(sources.metrics, url, message)
      case '/config_dump':
        return configDump(sources.configDump(), url.searchParams.get('resource'))
      case '/clusters':
        return json(clustersReport(sources.clusters))
      case '/explain':
        return sources.explain?.(url)
      case '/certs':
        return json(sources.certificates())
      default:
        return undefined
    }
  }
}

export function readiness(sources: Pick<AdminSources, 'ready'>): Reply {
  const { ready, reason } = sources.ready()
  return ready ? { status: 200, body: 'LIVE\n' } : { status: 503, body: `NOT READY: ${reason}\n` }
}

/** What Prometheus reads, in the format that it asks for. */
export function metricsReply(metrics: Metrics, url: URL, { headers }: IncomingMessage): Reply {
  const { type, body } = metrics(expositionRequest(headers.accept, url.searchParams))
  return { status: 200, type, body }
}

function stats({ metrics }: AdminSources, url: URL, message: IncomingMessage): Reply {
  const format = url.searchParams.get('format')
  if (format === 'prometheus') return metricsReply(metrics, url, message)
  const text = String(metrics({ format: 'text', created: false }).body)
  const values = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_bucket{'))
    .map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space), Number(line.slice(space + 1))] as const
    })
  if (format === 'json') return json(Object.fromEntries(values))
  if (format !== null && format !== 'text')
    return { status: 400, body: 'format must be text, json or prometheus\n' }
  return { status: 200, body: values.map(([name, value]) => `${name}: ${value}\n`).join('') }
}

function configDump(dump: unknown, resource: string | null): Reply {
  if (resource === null) return json(dump)
  if (typeof dump === 'object' && dump !== null && resource in dump)
    return json({ [resource]: (dump as Record<string, unknown>)[resource] })
  return { status: 400, body: 'resource must be listeners, routes, clusters or endpoints\n' }
}
