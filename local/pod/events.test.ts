import t from 'tap'
import { EventLog } from './events.ts'

t.test('the same event again is counted, and stands where it last happened', async (t) => {
  const log = new EventLog()
  const record = log.recorder('Pod shop/web')
  record('Normal', 'Started', 'started container web')
  record('Warning', 'Unhealthy', 'no answer')
  record('Normal', 'Started', 'started container web')
  t.match(log.of('Pod shop/web'), [
    { reason: 'Unhealthy', count: 1 },
    { reason: 'Started', count: 2, type: 'Normal', object: 'Pod shop/web' },
  ])
  t.strictSame(log.of('Pod shop/other'), [])
})

t.test('neither one object nor many of them take more than their share', async (t) => {
  const log = new EventLog()
  const record = log.recorder('Pod shop/web')
  for (let count = 0; count < 1000; count++) record('Warning', 'Failed', `exit code ${count}`)
  t.equal(log.of('Pod shop/web').length, 25)
  t.equal(log.of('Pod shop/web').at(-1)?.message, 'exit code 999')
  for (let count = 0; count < 1000; count++) log.recorder(`Pod shop/web-${count}`)('Normal', 'Started', 'web')
  t.equal(log.all.length, 200)
  t.equal(log.of('Pod shop/web').length, 0)
})
