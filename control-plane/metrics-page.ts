import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdownTable, withWritten } from '../core/document.ts'
import { prometheusName } from '../core/metrics/family.ts'
import { CONTROL_PLANE_METRICS } from './serve/metrics/control-plane-metrics.ts'

/** The page whose table this module writes. */
export const METRICS_PAGE = fileURLToPath(new URL('../docs/observability.md', import.meta.url))

/** `page` with what the control plane tells. */
export function withControlPlaneMetrics(page: string): string {
  const table = markdownTable([
    ['metric', 'type', 'what it says'],
    ...CONTROL_PLANE_METRICS.map((one) => [`\`${prometheusName(one)}\``, one.type, one.help]),
  ])
  return withWritten(page, 'node control-plane/metrics-page.ts', table)
}

if (import.meta.main) writeFileSync(METRICS_PAGE, withControlPlaneMetrics(readFileSync(METRICS_PAGE, 'utf8')))
