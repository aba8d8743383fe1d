import type { Cluster } from '../model/cluster.ts'
import type { FilterChain, Listener } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import type { Decoded, ResourceKind } from './decode.ts'

/** A resource that another one names. */
export interface Reference {
  readonly kind: ResourceKind
  readonly name: string
}

/** What a resource leads to; it is asked for before the first request needs it. */
export function referencesOf<K extends ResourceKind>(kind: K, value: Decoded[K]): readonly Reference[] {
  switch (kind) {
    case 'listener':
      return ofListener(value as Listener)
    case 'route':
      return ofRoutes(value as RouteConfiguration)
    case 'cluster': {
      const { discovery } = value as Cluster
      return discovery.kind === 'eds' ? [{ kind: 'endpoints', name: discovery.serviceName }] : []
    }
    case 'endpoints':
      return []
  }
}

function ofListener({ filterChains, defaultFilterChain }: Listener): Reference[] {
  const chains = defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains
  return chains.flatMap(ofChain)
}

function ofChain({ network }: FilterChain): Reference[] {
  if (network.kind === 'tcp')
    return network.clusters.flatMap(({ cluster }) =>
      cluster === '' ? [] : [{ kind: 'cluster', name: cluster }],
    )
  if (network.route.kind === 'rds') return [{ kind: 'route', name: network.route.name }]
  return ofRoutes(network.route.config)
}

function ofRoutes({ virtualHosts }: RouteConfiguration): Reference[] {
  const names = new Set<string>()
  for (const { routes } of virtualHosts)
    for (const { action } of routes) {
      if (action.kind !== 'forward') continue
      for (const { cluster } of [...action.clusters, ...action.mirrors])
        if (cluster !== '') names.add(cluster)
    }
  return [...names].map((name) => ({ kind: 'cluster', name }))
}
