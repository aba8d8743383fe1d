import { METADATA, METADATA_FAILOVER, METADATA_HEDGE } from '../../../core/contract.ts'
import type { Route, RouteAction } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import { routesFor, type Mesh } from '../../model/mesh.ts'
import type { Rule } from '../../model/route.ts'
import { settingsOf, settingsOfRule, type TrafficTables } from '../../model/traffic-tables.ts'
import type { TrafficSettings } from '../../model/traffic-settings.ts'
import type { MeshClient } from '../client.ts'
import { withFaults } from './faults.ts'
import { hashPolicy } from './hash-policy.ts'

/** What policies say of requests to one port of a Service. */
export interface PortTraffic {
  readonly tables: TrafficTables
  /** `namespace/service/port` */
  readonly portKey: string
  readonly client: MeshClient
}

/** The routes that a rule became, as its own policies, or those of the Service that is its parent, have them. */
export function ruleRoutes(
  routes: readonly Route[],
  { name, action }: Rule,
  grpc: boolean,
  traffic: PortTraffic,
): readonly Route[] {
  const settings = settingsOfRule(traffic.tables, name, serviceOf(traffic.portKey))
  const clusters =
    action.kind === 'forward'
      ? action.backends.flatMap(({ portKey, weight }) =>
          portKey !== undefined && weight > 0 ? [portKey] : [],
        )
      : []
  return routes.flatMap((route) => withTraffic(route, settings, clusters, grpc, traffic))
}

/** The route of a port that has no rules. */
export function defaultRoutes(route: Route, grpc: boolean, traffic: PortTraffic): readonly Route[] {
  const settings = settingsOf(traffic.tables, serviceOf(traffic.portKey))
  return withTraffic(route, settings, [traffic.portKey], grpc, traffic)
}

/** Whether requests of this client to that port may meet faults, for which its listener needs the filter. */
export function mayHaveFaults(mesh: Mesh, portKey: string, client: MeshClient): boolean {
  const { traffic } = mesh
  if (traffic.services.size + traffic.namespaces.size + traffic.routes.size === 0) return false
  const service = serviceOf(portKey)
  const entries = routesFor(mesh, portKey, client.namespace)?.group.entries
  const all = entries
    ? entries.map(({ rule }) => settingsOfRule(traffic, rule.name, service))
    : [settingsOf(traffic, service)]
  return all.some(({ faults = [] }) => faults.length > 0)
}

function withTraffic(
  route: Route,
  settings: TrafficSettings,
  clusters: readonly string[],
  grpc: boolean,
  { tables, client: { takes } }: PortTraffic,
): readonly Route[] {
  const { route: action } = route
  const hashed = action ? hashPolicy(tables, clusters, takes) : []
  const metadata = action && takes.weftMetadata ? metadataOf(settings, action) : {}
  return withFaults(
    {
      ...route,
      ...(action && hashed.length > 0 ? { route: { ...action, hashPolicy: hashed } } : {}),
      ...(Object.keys(metadata).length > 0 ? { metadata: withMetadata(route, metadata) } : {}),
    },
    settings.faults ?? [],
    grpc || takes.callsOnly,
  )
}

/** Envoy has no word for either: its hedging would repeat what is not idempotent. */
function metadataOf({ backendFailover, hedging }: TrafficSettings, action: RouteAction): JsonObject {
  return {
    ...(backendFailover?.mode === 'Redistribute' && action.weightedClusters
      ? { [METADATA_FAILOVER]: true }
      : {}),
    ...(hedging && hedging.maximum > 0
      ? { [METADATA_HEDGE]: { afterMs: hedging.afterMs, max: hedging.maximum } }
      : {}),
  }
}

function withMetadata({ metadata }: Route, more: JsonObject): NonNullable<Route['metadata']> {
  const { filterMetadata = {} } = metadata ?? {}
  return { filterMetadata: { ...filterMetadata, [METADATA]: { ...filterMetadata[METADATA], ...more } } }
}

function serviceOf(portKey: string): string {
  return portKey.slice(0, portKey.lastIndexOf('/'))
}
