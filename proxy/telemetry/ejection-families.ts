import { EJECTED_METRIC, MOST_EJECTED } from '../../core/ejections.ts'
import type { MetricDescription, MetricFamily, NumberPoint } from '../../core/metrics/family.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'

const EJECTED = {
  name: EJECTED_METRIC,
  unit: 's',
  type: 'gauge',
  help: `Until one request decides whether an ejected endpoint comes back, 0 while one does; one for each that is out, ${MOST_EJECTED} at the most, by \`weft_backend\`, \`weft_endpoint\` and \`weft_reason\`.`,
} as const

export const EJECTION_METRICS: readonly MetricDescription[] = [EJECTED]

/** Of the clusters in use; nothing is looked at of those without an ejection. `nowMs`: on the clock of the clusters. */
export function ejectionFamilies(
  { clusters }: Pick<ClusterManager, 'clusters'>,
  nowMs: number,
): readonly [MetricFamily & { readonly points: readonly NumberPoint[] }] {
  const points: NumberPoint[] = []
  for (const { name, outliers, since, states } of clusters.values()) {
    if (outliers.ejected === 0) continue
    for (const { address, health } of states.values()) {
      const { ejection } = health
      if (ejection && points.length < MOST_EJECTED)
        points.push({
          attributes: [
            ['weft.backend', name],
            ['weft.endpoint', address],
            ['weft.reason', ejection.reason],
          ],
          value: Math.max(0, ejection.untilMs - nowMs) / 1000,
          since,
        })
    }
  }
  return [{ ...EJECTED, points }]
}
