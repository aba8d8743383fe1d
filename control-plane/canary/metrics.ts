import type { MetricDescription, MetricFamily } from '../../core/metrics/family.ts'
import { CANARY_PHASES } from './status.ts'
import type { CanaryView } from './view.ts'

const WEIGHT = {
  name: 'weft.canary.weight',
  unit: '',
  type: 'gauge',
  help: 'Percent of requests that go to the new version.',
} as const
const PHASE = {
  name: 'weft.canary.phase',
  unit: '',
  type: 'gauge',
  help: '1 for the phase that a Canary is in, 0 for the others.',
} as const

export const CANARY_METRICS: readonly MetricDescription[] = [WEIGHT, PHASE]

/**
 * Where each Canary is: the weight in percent, and a sample for each phase that is 1 for the one it is in, so that a phase can be
 * asked for by name and one that is left leaves no stale series. The labels are not called `namespace` and `name`: a scraper
 * writes its target's `namespace` over them. `since`: when the process began.
 */
export function canaryFamilies(canaries: readonly CanaryView[], since: number): readonly MetricFamily[] {
  return [
    {
      ...WEIGHT,
      points: canaries.map((canary) => ({ attributes: named(canary), value: canary.weight, since })),
    },
    {
      ...PHASE,
      points: canaries.flatMap((canary) =>
        CANARY_PHASES.map((phase) => ({
          attributes: [...named(canary), ['phase', phase] as const],
          value: phase === canary.phase ? 1 : 0,
          since,
        })),
      ),
    },
  ]
}

function named({ namespace, name }: CanaryView) {
  return [
    ['canary_namespace', namespace],
    ['canary', name],
  ] as const
}
