import { isDeepStrictEqual } from 'node:util'
import type { Cluster, Endpoint, UpstreamSocket } from '../model/cluster.ts'
import type { SanMatcher, UpstreamTls } from '../model/tls.ts'

/** Envoy's transport_socket_matches: the first whose every key the endpoint has, else the cluster's own. */
export function upstreamSocket(cluster: Cluster, endpoint: Endpoint): UpstreamSocket {
  for (const match of cluster.socketMatches) {
    const hit = Object.entries(match.metadata).every(([key, value]) => endpoint.transportMatch[key] === value)
    if (hit) return match
  }
  return cluster
}

/**
 * What a change of TLS settings means for connections that are there. `names`: only whom the peer may be, so that
 * those whose peer is still allowed stay. `all`: they were made in another way than new ones will be.
 */
export function tlsChange(
  before: UpstreamTls | undefined,
  after: UpstreamTls | undefined,
): 'none' | 'names' | 'all' {
  if (before === after) return 'none'
  if (!isDeepStrictEqual(withoutNames(before), withoutNames(after))) return 'all'
  return isDeepStrictEqual(namesOf(before), namesOf(after)) ? 'none' : 'names'
}

function namesOf(tls: UpstreamTls | undefined): readonly SanMatcher[] {
  return tls?.validation?.subjectAltNames ?? []
}

function withoutNames(tls: UpstreamTls | undefined): UpstreamTls | undefined {
  return tls?.validation ? { ...tls, validation: { ...tls.validation, subjectAltNames: [] } } : tls
}
