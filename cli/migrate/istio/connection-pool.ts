import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { JsonObject } from '../../../injector/json-patch.ts'
import { withoutEmpty } from '../manifests.ts'
import type { Notes } from '../notes.ts'

const MOST = 1_000_000
/** Istio's word for no limit: the largest int32. */
const UNLIMITED = 2_147_483_647

/** `connectionPool` as `circuitBreaker` of a TrafficPolicy. */
export function readConnectionPool(pool: Fields, notes: Notes): JsonObject {
  const tcp = pool.map('tcp')
  const http = pool.map('http')
  notes.withoutCounterpart(tcp, {
    connectTimeout:
      'take it out: a connection that does not come about in 0.4 s is tried elsewhere beside it',
    tcpKeepalive: 'annotate the pods that call with weft.dev/tcp-keepalive-time, -interval and -probes',
    idleTimeout: 'annotate the pods with weft.dev/idle-timeout',
    maxConnectionDuration: 'take it out: connections go with their endpoints',
  })
  notes.withoutCounterpart(http, {
    idleTimeout: 'annotate the pods with weft.dev/idle-timeout',
    maxRequestsPerConnection: 'take it out: connections are kept, and go with their endpoints',
    maxConcurrentStreams: 'say http2MaxRequests',
  })
  for (const name of ['h2UpgradePolicy', 'useClientProtocol']) {
    if (http.has(name))
      notes.changed(
        [...http.path, name],
        'is of no use: between sidecars requests go by HTTP/2, and arrive as they were sent',
        'take it out',
      )
    http.skip(name)
  }
  const made = withoutEmpty({
    maximumConnections: limit(tcp, 'maxConnections'),
    maximumPendingRequests: limit(http, 'http1MaxPendingRequests'),
    maximumRequests: limit(http, 'http2MaxRequests'),
    maximumRetries: limit(http, 'maxRetries'),
  })
  for (const part of [tcp, http, pool]) part.refuseUnknown()
  return made
}

function limit(fields: Fields, name: string): number | undefined {
  const value = fields.integer(name, 0, UNLIMITED)
  // 0 is Istio's word for its default, which is none.
  return value === undefined || value === 0 ? undefined : Math.min(value, MOST)
}
