import type { Configuration } from '../model/configuration.ts'
import type { Connector } from './connector.ts'
import { UpstreamCluster } from './upstream-cluster.ts'

/** Every cluster in use, made on first use. */
export class ClusterManager {
  readonly #clusters = new Map<string, UpstreamCluster>()
  readonly #configuration: Configuration
  readonly #connector: Connector

  readonly #ownAddresses: ReadonlySet<string>

  constructor(
    configuration: Configuration,
    connector: Connector,
    ownAddresses: ReadonlySet<string> = new Set(),
  ) {
    this.#configuration = configuration
    this.#connector = connector
    this.#ownAddresses = ownAddresses
  }

  get(name: string): UpstreamCluster {
    const known = this.#clusters.get(name)
    if (known) return known
    const cluster = new UpstreamCluster(name, this.#configuration, this.#connector, this.#ownAddresses)
    this.#clusters.set(name, cluster)
    return cluster
  }

  get clusters(): ReadonlyMap<string, UpstreamCluster> {
    return this.#clusters
  }

  /** Replaces connections that were made with the certificate before this one. */
  renew(): void {
    for (const cluster of this.#clusters.values()) cluster.renew()
  }

  /** Forgets clusters that do not exist any more and carry nothing. */
  sweep(): void {
    for (const [name, cluster] of this.#clusters) {
      if (cluster.config !== null || cluster.active > 0) continue
      cluster.close()
      this.#clusters.delete(name)
    }
  }

  destroy(): void {
    for (const cluster of this.#clusters.values()) cluster.destroy()
    this.#clusters.clear()
  }
}
