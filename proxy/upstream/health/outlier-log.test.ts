import t from 'tap'
import { createLogger } from '../../../core/log.ts'
import { IN_A_ROW } from '../../testing/outlier-settings.ts'
import { FakeUpstream } from '../testing/fake-upstream.ts'
import { outlierLog } from './outlier-log.ts'

t.test('the log says who is ejected, for what and how long, and why it is back', async (t) => {
  const lines: unknown[] = []
  const log = createLogger('proxy', 'info', (line) => {
    const { time: _, component: __, ...said } = JSON.parse(line) as Record<string, unknown>
    lines.push(said)
  })
  const { clock, clusters, configuration } = new FakeUpstream({ outlierEvents: outlierLog(log) })
  configuration.setCluster('shop/app/80', [1, 2], { outliers: IN_A_ROW })
  const cluster = clusters.get('shop/app/80')
  const [first] = cluster.states.values()
  for (let i = 0; i < 5; i++) first?.ended('answered', 500, -1, 0)
  t.same(first?.health.said, { outlier: 'ejected: consecutive-errors' })
  clock.advance(30_000)
  t.same(first?.health.said, { outlier: 'one request decides: consecutive-errors' })
  t.equal(cluster.trial(), first)
  t.same(first?.health.said, { outlier: 'one request is on its way: consecutive-errors' })
  first?.ended('answered', 200, -1, 0)
  t.same(first?.health.said, {})
  const about = { cluster: 'shop/app/80', endpoint: '127.0.0.1:1', workload: '' }
  t.same(lines, [
    {
      level: 'warn',
      message: 'an endpoint is ejected',
      ...about,
      reason: 'consecutive-errors',
      seconds: 30,
    },
    {
      level: 'info',
      message: 'an ejected endpoint is back',
      ...about,
      reason: 'a request went well there',
    },
  ])
})
