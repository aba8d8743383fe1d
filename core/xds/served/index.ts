import { BOOTSTRAP } from './bootstrap.ts'
import { CLUSTER_HEALTH } from './cluster-health.ts'
import { CLUSTERS } from './cluster.ts'
import { HTTP_FILTERS } from './http-filters.ts'
import { HTTP } from './http.ts'
import { LISTENER } from './listener.ts'
import { RATE_LIMITS } from './rate-limits.ts'
import { RBAC_PARTS } from './rbac.ts'
import { ROUTES } from './route.ts'
import type { Fields, Messages } from './table.ts'
import { TRANSPORT } from './tls.ts'

/** The table by area, in the order of docs/bootstrap.md. */
export const SECTIONS: readonly (readonly [title: string, messages: Messages])[] = [
  ['The file', BOOTSTRAP],
  ['Listeners', LISTENER],
  ['HTTP', HTTP],
  ['HTTP filters', { ...HTTP_FILTERS.types, ...HTTP_FILTERS.routeTypes, ...HTTP_FILTERS.parts }],
  ['Authorization', RBAC_PARTS],
  ['TLS', TRANSPORT],
  ['Clusters', { ...CLUSTERS, ...CLUSTER_HEALTH }],
  ['Routes', { ...ROUTES, ...RATE_LIMITS }],
]

/** The whole table: by full name of the message, its fields. */
export const SERVED: ReadonlyMap<string, Fields> = new Map(
  SECTIONS.flatMap(([, messages]) => Object.entries(messages)),
)
