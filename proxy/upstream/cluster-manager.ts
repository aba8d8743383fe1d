import { upstreamDependencies, type UpstreamDependencies, type UpstreamOptions } from './dependencies.ts'
import { UpstreamCluster } from './upstream-cluster.ts'

/** Ten minutes of sweeps. */
const IDLE_SWEEPS = 600

/** Every cluster in use, made on first use. */
export class ClusterManager {
  readonly #clusters = new Map<string, UpstreamCluster>()
  readonly #deps: UpstreamDependencies

  constructor(options: UpstreamOptions) {
    this.#deps = upstreamDependencies(options)
  }

  get(name: string): UpstreamCluster {
    const known = this.#clusters.get(name)
    if (known) return known
    const cluster = new UpstreamCluster(name, this.#deps)
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

  /** Once a second: forgets clusters that carry nothing and do not exist any more, or were not used for long. */
  sweep(): void {
    for (const [name, cluster] of this.#clusters) {
      const idle = cluster.sweep()
      if (idle === 0 || (cluster.config !== null && idle < IDLE_SWEEPS)) continue
      cluster.close()
      this.#clusters.delete(name)
    }
  }

  destroy(): void {
    for (const cluster of this.#clusters.values()) cluster.destroy()
    this.#clusters.clear()
  }
}
