import { readFileSync } from 'node:fs'
import t from 'tap'
import { METRICS_PAGE, withControlPlaneMetrics } from './metrics-page.ts'

t.test('the page lists what the control plane tells', async (t) => {
  const page = readFileSync(METRICS_PAGE, 'utf8')
  t.equal(page, withControlPlaneMetrics(page), 'node control-plane/metrics-page.ts writes it')
})
