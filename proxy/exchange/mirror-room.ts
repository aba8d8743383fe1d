import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'

/** Bytes of all copies of a process that are kept, or may not have been read by who they were sent to. */
export const MOST_MIRRORED_BYTES = 8 * 1024 * 1024

/**
 * What copies may take away from requests: so much memory together, and half of the requests that a cluster takes, for one
 * that hangs may be where requests go as well.
 */
export class MirrorRoom {
  #bytes = 0
  readonly #copies = new WeakMap<UpstreamCluster, number>()

  /** False: there is none for so much more. */
  takeBytes(bytes: number): boolean {
    if (this.#bytes + bytes > MOST_MIRRORED_BYTES) return false
    this.#bytes += bytes
    return true
  }

  giveBytes(bytes: number): void {
    this.#bytes -= bytes
  }

  /** False: the cluster has as many copies as it may. Otherwise `leave` must follow. */
  enter(cluster: UpstreamCluster): boolean {
    const copies = this.#copies.get(cluster) ?? 0
    const most = cluster.config?.limits.maxRequests ?? Infinity
    if (copies > 0 && copies >= most / 2) return false
    this.#copies.set(cluster, copies + 1)
    return true
  }

  leave(cluster: UpstreamCluster): void {
    this.#copies.set(cluster, (this.#copies.get(cluster) ?? 1) - 1)
  }
}
