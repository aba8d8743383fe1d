import type { UpstreamCluster } from '../upstream-cluster.ts'

/** The ports of the endpoints that come up among twenty picks, in order. */
export function pickablePorts(cluster: UpstreamCluster): readonly number[] {
  const picks = Array.from({ length: 20 }, () => cluster.pick(undefined, undefined)?.endpoint.port ?? -1)
  return [...new Set(picks)].filter((port) => port >= 0).sort((a, b) => a - b)
}
