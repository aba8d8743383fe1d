import type { EndpointLoad } from '../../core/api/service.ts'
import { WeftError } from '../../core/errors.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'

/** Of one question. */
const MOST_CLUSTERS = 64
const MOST_ENDPOINTS = 1000

/**
 * What runs at the endpoints of `{ clusters }`, of those that this proxy uses; none is begun to be used for it. `nowMs`: on the
 * clock of the clusters. Throws WeftError `questions.question`.
 */
export function endpointLoads(
  question: unknown,
  { clusters }: Pick<ClusterManager, 'clusters'>,
  nowMs: number,
): readonly EndpointLoad[] {
  const names = (question as { readonly clusters?: unknown } | null)?.clusters
  if (!Array.isArray(names) || names.length > MOST_CLUSTERS || !names.every((one) => typeof one === 'string'))
    throw new WeftError('questions.question', `must be a list of at most ${MOST_CLUSTERS} names`, {
      field: 'clusters',
    })
  const loads: EndpointLoad[] = []
  for (const name of new Set<string>(names))
    for (const { address, active, load } of clusters.get(name)?.states.values() ?? []) {
      if (loads.length >= MOST_ENDPOINTS) return loads
      const latency = load.latency(nowMs)
      const penalty = load.penalty(nowMs)
      const known = !Number.isNaN(latency) || penalty > 0
      const latencyMs = known ? Math.max(Number.isNaN(latency) ? 0 : latency, penalty) : null
      loads.push({ cluster: name, address, active, latencyMs })
    }
  return loads
}
