import { packAny } from '../../core/xds/any.ts'
import { HttpConnectionManager } from '../../core/xds/generated/envoy.js'
import { PLAIN_HEADS } from '../model/head-rules.ts'
import type { Mesh } from '../model/mesh.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { MeshClient } from './client.ts'
import { httpConnectionManager } from './filters.ts'
import { parseTarget } from './names.ts'
import { routeNameFor } from './outbound-listener.ts'
import type { Plan } from './resource.ts'

/** `<service>.<namespace>:<port>`: what `xds:///` of a gRPC library without a sidecar resolves (gRFC A27). */
export function apiListener(mesh: Mesh, name: string, client: MeshClient): Plan<'listener'> | undefined {
  const target = parseTarget(mesh, name, client.namespace)
  if (!target || !carriesHttp(target.port.protocol)) return undefined
  const rds = routeNameFor(mesh, target.port.key, client)
  return {
    variant: rds,
    parts: [rds],
    make: () => ({
      name,
      apiListener: {
        apiListener: packAny(
          HttpConnectionManager,
          httpConnectionManager({
            statPrefix: name,
            routes: { rds },
            inbound: false,
            samplingPercent: 0,
            // A gRPC library normalizes nothing: its paths are names of methods.
            paths: undefined,
            heads: PLAIN_HEADS,
          }),
        ),
      },
    }),
  }
}
