import { readFileSync } from 'node:fs'
import t from 'tap'
import { withAllFamilies } from './testing/all-families.ts'
import {
  FOREIGN_METRIC_TABLE,
  OBSERVABILITY_PAGE,
  SIDECAR_METRIC_TABLE,
  withTelemetry,
} from './observability-page.ts'
import { REQUEST_LABELS } from './request-families.ts'
import { TCP_LABELS } from './tcp-families.ts'

t.test('the page lists what is counted, and nothing else', async (t) => {
  const page = readFileSync(OBSERVABILITY_PAGE, 'utf8')
  t.equal(page, withTelemetry(page), 'node proxy/telemetry/observability-page.ts writes it')
  const told = (await withAllFamilies()).map(({ name, type, unit, help }) => ({ name, type, unit, help }))
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  const listed = [...SIDECAR_METRIC_TABLE, ...FOREIGN_METRIC_TABLE].map(({ name, type, unit }) => ({
    name,
    type,
    unit,
  }))
  t.strictSame(told.map(({ name, type, unit }) => ({ name, type, unit })).sort(byName), listed.sort(byName))
})

t.test('and their labels', async (t) => {
  const families = (await withAllFamilies()).filter(({ name }) => /^(http|rpc|weft\.tcp)\./.test(name))
  const keys = new Set(
    families.flatMap(({ points }) => points.flatMap((one) => one.attributes.map(([key]) => key))),
  )
  t.strictSame([...keys].sort(), Object.keys({ ...REQUEST_LABELS, ...TCP_LABELS }).sort())
})
