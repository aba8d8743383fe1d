import type { Watchable } from '../../core/watched.ts'
import { Watched } from '../../core/watched.ts'
import type { Cluster, EndpointAssignment } from '../model/cluster.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Listener } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import type { ProxyBootstrap } from './bootstrap.ts'

/**
 * The static resources of a bootstrap as what the runtime reads. Nothing in it changes, and what it does not hold does
 * not exist; with dynamic resources, ask it first and the server for the rest.
 */
export function createStaticConfiguration(bootstrap: ProxyBootstrap): Configuration {
  const listeners = byName<Listener>(bootstrap.static.listeners)
  const clusters = byName<Cluster>(bootstrap.static.clusters)
  const all = new Map(bootstrap.static.listeners.map((listener) => [listener.name, listener]))
  const noRoute = new Watched<RouteConfiguration | null | undefined>(null)
  const noEndpoints = new Watched<EndpointAssignment | null | undefined>(null)
  return {
    listeners: new Watched<ReadonlyMap<string, Listener>>(all),
    listener: listeners,
    // Routes and endpoints stand inside of listeners and clusters.
    route: () => noRoute,
    cluster: clusters,
    endpoints: () => noEndpoints,
    version: 'static',
  }
}

function byName<T extends { readonly name: string }>(
  resources: readonly T[],
): (name: string) => Watchable<T | null | undefined> {
  const known = new Map(resources.map((one) => [one.name, new Watched<T | null | undefined>(one)]))
  const absent = new Watched<T | null | undefined>(null)
  return (name) => known.get(name) ?? absent
}
