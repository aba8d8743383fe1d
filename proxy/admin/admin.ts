import { READY_PATH } from '../../core/contract.ts'
import type { Handler, Reply } from './http-endpoint.ts'
import { json } from './http-endpoint.ts'
import { clustersReport } from './clusters-report.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'

/** What the admin pages show. Nothing here may hold a key or a token. */
export interface AdminSources {
  readonly ready: () => { readonly ready: boolean; readonly reason: string }
  readonly prometheus: () => string
  readonly clusters: ClusterManager
  readonly configDump: () => unknown
  readonly certificates: () => unknown
  /** What would become of a request; undefined: nobody can say, as no traffic is captured. */
  readonly explain?: ((url: URL) => Promise<Reply>) | undefined
}

const HELP = `/ready                     200 when traffic is served, 503 with the reason otherwise
/stats                     counters as text; ?format=json, ?format=prometheus
/config_dump               the configuration in force, without secrets; ?resource=listeners|routes|clusters|endpoints
/clusters                  endpoints in use, their health, connections and running requests
/certs                     the workload's certificate and trust bundle, without keys
/explain?to=URL            what would become of a request of this pod, and why; method=POST, header=NAME: VALUE
/help                      this page
`

/** Port 15000, loopback only. The paths are those that Envoy's users know. */
export function adminHandler(sources: AdminSources): Handler {
  return (url) => {
    switch (url.pathname) {
      case '/':
      case '/help':
        return { status: 200, body: HELP }
      case READY_PATH:
        return readiness(sources)
      case '/stats':
        return stats(sources, url.searchParams.get('format'))
      case '/stats/prometheus':
        return stats(sources, 'prometheus')
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

function stats(sources: AdminSources, format: string | null): Reply {
  const text = sources.prometheus()
  if (format === 'prometheus')
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: text }
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
