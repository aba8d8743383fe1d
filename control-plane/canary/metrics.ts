import { prometheusLabels } from '../../core/prometheus-labels.ts'
import { CANARY_PHASES } from './status.ts'
import type { CanaryView } from './view.ts'

/** Of Prometheus' text format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Where each Canary is, in Prometheus' text format: the weight in percent, and a sample for each phase that is 1 for the
 * one it is in, so that a phase can be asked for by name and one that is left leaves no stale series. The labels are not
 * called `namespace` and `name`: a scraper writes its target's `namespace` over them.
 */
export function canaryMetrics(canaries: readonly CanaryView[]): string {
  const lines = [
    '# HELP weft_canary_weight Percent of requests that go to the new version.',
    '# TYPE weft_canary_weight gauge',
  ]
  for (const canary of canaries)
    lines.push(`weft_canary_weight{${prometheusLabels(named(canary))}} ${canary.weight}`)
  lines.push(
    '# HELP weft_canary_phase 1 for the phase that a Canary is in, 0 for the others.',
    '# TYPE weft_canary_phase gauge',
  )
  for (const canary of canaries)
    for (const phase of CANARY_PHASES) {
      const labels = prometheusLabels([...named(canary), ['phase', phase]])
      lines.push(`weft_canary_phase{${labels}} ${phase === canary.phase ? 1 : 0}`)
    }
  return lines.join('\n') + '\n'
}

function named({ namespace, name }: CanaryView): readonly (readonly [name: string, value: string])[] {
  return [
    ['canary_namespace', namespace],
    ['canary', name],
  ]
}
