import { packAny } from '../../core/xds/any.ts'
import {
  Cluster,
  ClusterLoadAssignment,
  HttpConnectionManager,
  Listener,
  RouteConfiguration,
  Router,
  TcpProxy,
} from '../../core/xds/generated/envoy.js'
import type { HeldResource } from '../xds/resource-table.ts'

/** Resources as a control plane sends them: what one names is enough to ask for the next. */

/** Of no listener that binds it. */
const VIRTUAL = {
  address: { socketAddress: { address: '192.0.2.1', portValue: 80 } },
  bindToPort: false,
} as const
const ADS = { ads: {}, resourceApiVersion: 'V3' } as const

/** A listener whose HTTP chain follows the routes of this name; `more`: further fields of its connection manager. */
export function listenerTo(name: string, routes: string, version = '1', more: object = {}): HeldResource {
  const manager = packAny(HttpConnectionManager, {
    statPrefix: name,
    rds: { routeConfigName: routes, configSource: ADS },
    httpFilters: [{ name: 'router', typedConfig: packAny(Router, {}) }],
    ...more,
  })
  return {
    name,
    version,
    resource: packAny(Listener, {
      name,
      ...VIRTUAL,
      defaultFilterChain: { name: 'http', filters: [{ name: 'http', typedConfig: manager }] },
    }),
  }
}

/** A listener whose connections go to this cluster untouched. */
export function tcpListenerTo(name: string, cluster: string, version = '1'): HeldResource {
  const typedConfig = packAny(TcpProxy, { statPrefix: name, cluster })
  return {
    name,
    version,
    resource: packAny(Listener, {
      name,
      ...VIRTUAL,
      defaultFilterChain: { name: 'tcp', filters: [{ name: 'tcp', typedConfig }] },
    }),
  }
}

export function routesTo(name: string, clusters: readonly string[], version = '1'): HeldResource {
  const routes = clusters.map((cluster) => ({ match: { prefix: '/' }, route: { cluster } }))
  return {
    name,
    version,
    resource: packAny(RouteConfiguration, {
      name,
      virtualHosts: [{ name: 'all', domains: ['*'], routes }],
    }),
  }
}

export function clusterOf(name: string, endpoints: string, version = '1'): HeldResource {
  return {
    name,
    version,
    resource: packAny(Cluster, {
      name,
      type: 'EDS',
      edsClusterConfig: { edsConfig: ADS, serviceName: endpoints },
    }),
  }
}

export function endpointsAt(name: string, addresses: readonly string[], version = '1'): HeldResource {
  const lbEndpoints = addresses.map((address) => ({
    endpoint: { address: { socketAddress: { address, portValue: 8080 } } },
  }))
  return {
    name,
    version,
    resource: packAny(ClusterLoadAssignment, { clusterName: name, endpoints: [{ lbEndpoints }] }),
  }
}

/** Bytes that are no such message. */
export function broken(one: HeldResource, version = '2'): HeldResource {
  return { ...one, version, resource: { ...one.resource, value: Buffer.from([0xff, 0xff, 0xff]) } }
}

/** A listener with field 21 (`reuse_port`), which nobody here takes. */
export function withUnknownField(one: HeldResource): HeldResource {
  const value = Buffer.concat([one.resource.value ?? Buffer.alloc(0), Buffer.from([0xa8, 0x01, 0x01])])
  return { ...one, resource: { ...one.resource, value } }
}
