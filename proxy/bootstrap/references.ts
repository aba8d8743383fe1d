import type { Cluster } from '../model/cluster.ts'
import type { FilterChain, Listener } from '../model/listener.ts'
import type { ForwardAction, RouteConfiguration } from '../model/route.ts'
import type { DynamicResources } from './dynamic-resources.ts'
import type { Problems } from './problems.ts'

/** Whatever one static resource says of another by its name must be there, unless a server may have it. */
export function checkReferences(
  resources: { readonly listeners: readonly Listener[]; readonly clusters: readonly Cluster[] },
  dynamic: DynamicResources | undefined,
  problems: Problems,
): void {
  const check = new References(resources.clusters, dynamic, problems)
  resources.clusters.forEach((cluster, i) => check.discovery(cluster, `static_resources.clusters[${i}]`))
  resources.listeners.forEach((listener, i) => {
    const path = `static_resources.listeners[${i}]`
    listener.filterChains.forEach((chain, j) => check.chain(chain, `${path}.filter_chains[${j}]`))
    if (listener.defaultFilterChain) check.chain(listener.defaultFilterChain, `${path}.default_filter_chain`)
  })
}

class References {
  readonly #names: ReadonlySet<string>
  readonly #dynamic: DynamicResources | undefined
  readonly #problems: Problems

  constructor(clusters: readonly Cluster[], dynamic: DynamicResources | undefined, problems: Problems) {
    this.#names = new Set(clusters.map(({ name }) => name))
    this.#dynamic = dynamic
    this.#problems = problems
  }

  discovery({ discovery }: Cluster, path: string): void {
    if (discovery.kind !== 'eds' || this.#dynamic) return
    const text =
      'EDS asks a server for endpoints and there are no dynamic_resources: use STATIC or STRICT_DNS'
    this.#problems.add(`${path}.type`, text)
  }

  chain({ filters, network }: FilterChain, chainPath: string): void {
    const path = `${chainPath}.filters[${filters.length}].typed_config`
    if (network.kind === 'http') {
      if (network.route.kind === 'inline') this.#routes(network.route.config, `${path}.route_config`)
      else if (!this.#dynamic)
        this.#problems.add(`${path}.rds`, 'there are no dynamic_resources to ask: use route_config')
      return
    }
    this.#clusters(network.clusters, path)
  }

  #routes(config: RouteConfiguration, path: string): void {
    const hosts = new Set<string>()
    config.virtualHosts.forEach((host, i) => {
      host.domains.forEach((domain, j) => {
        if (hosts.has(domain)) {
          const text = `"${domain}" is a domain of another virtual host, or twice: keep one`
          this.#problems.add(`${path}.virtual_hosts[${i}].domains[${j}]`, text)
        }
        hosts.add(domain)
      })
      host.routes.forEach(({ action }, j) => {
        if (action.kind === 'forward') this.#forward(action, `${path}.virtual_hosts[${i}].routes[${j}].route`)
      })
    })
  }

  #forward(action: ForwardAction, path: string): void {
    this.#clusters(action.clusters, path)
    action.mirrors.forEach(({ cluster }, i) =>
      this.#cluster(cluster, `${path}.request_mirror_policies[${i}].cluster`),
    )
  }

  /** `cluster`, or the list of `weighted_clusters`. */
  #clusters(clusters: readonly { readonly cluster: string }[], path: string): void {
    const weighted = this.#problems.placed(`${path}.weighted_clusters`)
    clusters.forEach(({ cluster }, i) =>
      this.#cluster(cluster, weighted ? `${path}.weighted_clusters.clusters[${i}].name` : `${path}.cluster`),
    )
  }

  /** '' is answered with a status. */
  #cluster(name: string, path: string): void {
    if (name === '' || this.#names.has(name) || this.#dynamic?.clusters) return
    this.#problems.add(path, `there is no cluster "${name}" in static_resources: add it or correct the name`)
  }
}
