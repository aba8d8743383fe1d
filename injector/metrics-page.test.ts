import { readFileSync } from 'node:fs'
import t from 'tap'
import { METRICS_PAGE, withInjectorMetrics } from './metrics-page.ts'

t.test('the page lists what the injector tells', async (t) => {
  const page = readFileSync(METRICS_PAGE, 'utf8')
  t.equal(page, withInjectorMetrics(page), 'node injector/metrics-page.ts writes it')
})
