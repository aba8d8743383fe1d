import type { RouteAction_HashPolicy } from '../../../core/xds/generated/envoy.js'
import { settingsOf, type TrafficTables } from '../../model/traffic-tables.ts'
import type { HashSource } from '../../model/traffic-settings.ts'
import type { ClientTakes } from '../client-takes.ts'

/**
 * What requests to these clusters, `namespace/service/port`, are told apart by. A route has one `hash_policy` for all of
 * them: that of the first whose Service hashes. Each source is `terminal`: the first that a request has decides.
 */
export function hashPolicy(
  tables: TrafficTables,
  clusters: readonly string[],
  takes: ClientTakes,
): readonly RouteAction_HashPolicy[] {
  for (const cluster of clusters) {
    const service = cluster.slice(0, cluster.lastIndexOf('/'))
    const policy = settingsOf(tables, service).loadBalancing?.policy
    if (policy?.type !== 'ConsistentHash') continue
    // gRPC libraries hash metadata of a call and nothing else of it (gRFC A42).
    const sources = takes.callsOnly ? policy.hashOn.filter(({ type }) => type === 'Header') : policy.hashOn
    return sources.map((source, at) => ({
      ...specifier(source),
      ...(at < sources.length - 1 ? { terminal: true } : {}),
    }))
  }
  return []
}

function specifier(source: HashSource): RouteAction_HashPolicy {
  switch (source.type) {
    case 'Header':
      return { header: { headerName: source.header } }
    case 'Cookie': {
      const { name, ttlMs, path } = source
      return {
        cookie: {
          name,
          ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
          ...(path === undefined ? {} : { path }),
        },
      }
    }
    case 'QueryParam':
      return { queryParameter: { name: source.queryParam } }
    case 'SourceIP':
      return { connectionProperties: { sourceIp: true } }
  }
}
