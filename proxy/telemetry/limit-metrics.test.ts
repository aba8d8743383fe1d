import t from 'tap'
import { collected } from '../steps/testing/collected.ts'
import { LimitMetrics } from './limit-metrics.ts'
import { Telemetry } from './telemetry.ts'

t.test('a limit is told by its name, for as long as somebody holds it', async (t) => {
  const limits = new LimitMetrics()
  const held = limits.get('rate_limit_refused', 'shop')
  held.value += 2
  t.equal(limits.get('rate_limit_refused', 'shop'), held, 'one number for one name')
  ;(() => void limits.get('rate_limit_refused', 'gone'))()
  await collected()
  t.same([...limits.samples()], [['rate_limit_refused', [{ limit: 'shop', value: 2 }]]])
})

t.test('beyond so many names limits count together', async (t) => {
  const limits = new LimitMetrics()
  const held = Array.from({ length: 5000 }, (_, i) => limits.get('rate_limit_allowed', `limit ${i}`))
  for (const metric of held) metric.value++
  const samples = limits.samples().get('rate_limit_allowed') ?? []
  t.ok(samples.length <= 3001, `${samples.length} names`)
  t.equal(
    samples.reduce((sum, { value }) => sum + value, 0),
    5000,
  )
  t.ok(held.length > 0)
})

t.test('Prometheus reads them with their names in a label', async (t) => {
  const telemetry = new Telemetry({ resource: new Map(), exporter: undefined, accessLog: 'off' })
  const held = telemetry.limitMetric('rate_limit_refused', 'shop "a"')
  held.value = 3
  t.match(
    String(telemetry.exposition({ format: 'text', created: false }).body),
    '# TYPE weft_rate_limit_refused_total counter\nweft_rate_limit_refused_total{limit="shop \\"a\\""} 3\n',
  )
  await telemetry.close()
})
