import { METADATA_AUDIT, METADATA_OPEN_CONNECTIONS_MS } from '../../../core/contract.ts'
import type { Filter, HttpFilter, RouteConfiguration } from '../../../core/xds/generated/envoy.js'
import type { JsonObject } from '../../../core/xds/well-known.ts'
import { rulesFor } from '../../model/authorization.ts'
import { MESH_PRESET } from '../../model/mesh-policy.ts'
import type { Mesh, Workload } from '../../model/mesh.ts'
import type { ClientTakes } from '../client-takes.ts'
import { httpAuthorization, networkAuthorization, refuses } from './filters.ts'

/** Who may reach a port: filters before all others, or nobody where the client can't decide on what is asked. */
export type InboundAuthorization =
  | { readonly http: readonly HttpFilter[]; readonly network: readonly Filter[] }
  | 'nobody'

export function inboundAuthorization(
  mesh: Mesh,
  workload: Workload,
  port: number | undefined,
  { authorization }: ClientTakes,
): InboundAuthorization {
  const { http, tcp } = rulesFor(mesh, workload, port)
  if (authorization) return { http: httpAuthorization(http), network: networkAuthorization(tcp) }
  return refuses(http) || refuses(tcp) ? 'nobody' : { http: [], network: [] }
}

/** 403 to every request, whatever it asks for. */
export function refuseAll(name: string): RouteConfiguration {
  const directResponse = { status: 403 }
  const routes = [
    { name: 'default', match: { prefix: '/' }, directResponse },
    { name: 'connect', match: { connectMatcher: {} }, directResponse },
  ]
  return { name, virtualHosts: [{ name, domains: ['*'], routes }] }
}

/** What MeshPolicy says to every sidecar, in the words of a listener's metadata; only what is other than the preset. */
export function toldSettings(
  { authorization: { settings } }: Pick<Mesh, 'authorization'>,
  { weftMetadata, authorization }: ClientTakes,
): JsonObject {
  if (!weftMetadata || !authorization) return {}
  const { openConnectionsMs, audit } = settings
  return {
    ...(openConnectionsMs === MESH_PRESET.openConnectionsMs
      ? {}
      : { [METADATA_OPEN_CONNECTIONS_MS]: openConnectionsMs }),
    ...(audit === MESH_PRESET.audit ? {} : { [METADATA_AUDIT]: audit }),
  }
}
