import t from 'tap'
import { ConnectionLimitStep } from './connection-limit.ts'

t.test('so many at once; who leaves makes room', async (t) => {
  const step = new ConnectionLimitStep({ statPrefix: 'db', maxConnections: 2, delayMs: 50 })
  t.equal(step.decide(), undefined)
  t.equal(step.decide(), undefined)
  t.match(step.decide(), { details: 'connection_limit{db}', delayMs: 50 })
  step.closed()
  t.equal(step.decide(), undefined)
  t.match(step.decide(), { delayMs: 50 })
})
