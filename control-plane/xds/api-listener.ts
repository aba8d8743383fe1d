import { packAny } from '../../core/xds/any.ts'
import {
  HttpConnectionManager,
  Router,
  type Listener,
  type RouteConfiguration,
} from '../../core/xds/generated/envoy.js'
import type { Mesh } from '../model/mesh.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { MeshClient } from './client.ts'
import { parseTarget } from './names.ts'
import { routeNameFor } from './outbound-listener.ts'
import type { Plan } from './resource.ts'
import { FAULT_FILTER } from './traffic/faults.ts'
import { mayHaveFaults } from './traffic/route-traffic.ts'

/** `<service>.<namespace>:<port>`: what `xds:///` of a gRPC library without a sidecar resolves (gRFC A27). */
export function apiListener(mesh: Mesh, name: string, client: MeshClient): Plan<'listener'> | undefined {
  const target = parseTarget(mesh, name, client.namespace)
  if (!target || !carriesHttp(target.port.protocol)) return undefined
  const rds = routeNameFor(mesh, target.port.key, client)
  const faults = mayHaveFaults(mesh, target.port.key, client)
  return { variant: rds, parts: [rds, faults], make: () => callListener(name, { rds }, faults) }
}

/**
 * What such a library reads, and no more: grpc-js, for one, takes `idle_timeout` for the longest that a call may last. The
 * router is required (gRFC A39).
 */
export function callListener(
  name: string,
  routes: { readonly rds: string } | RouteConfiguration,
  faults = false,
): Listener {
  const manager: HttpConnectionManager = {
    statPrefix: name,
    ...('rds' in routes
      ? { rds: { configSource: { ads: {}, resourceApiVersion: 'V3' }, routeConfigName: routes.rds } }
      : { routeConfig: routes }),
    httpFilters: [
      ...(faults ? [FAULT_FILTER] : []),
      { name: 'envoy.filters.http.router', typedConfig: packAny(Router, {}) },
    ],
  }
  return { name, apiListener: { apiListener: packAny(HttpConnectionManager, manager) } }
}
