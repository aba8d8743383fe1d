import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdownTable, withWritten } from '../core/document.ts'
import { prometheusName } from '../core/metrics/family.ts'
import { INJECTOR_METRICS } from './metrics.ts'

/** The page whose table this module writes. */
export const METRICS_PAGE = fileURLToPath(new URL('../docs/observability.md', import.meta.url))

/** `page` with what the injector tells. */
export function withInjectorMetrics(page: string): string {
  const table = markdownTable([
    ['metric', 'type', 'what it says'],
    ...INJECTOR_METRICS.map((one) => [`\`${prometheusName(one)}\``, one.type, one.help]),
  ])
  return withWritten(page, 'node injector/metrics-page.ts', table)
}

if (import.meta.main) writeFileSync(METRICS_PAGE, withInjectorMetrics(readFileSync(METRICS_PAGE, 'utf8')))
