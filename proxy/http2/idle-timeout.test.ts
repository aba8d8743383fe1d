import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { IdleTimeout } from './idle-timeout.ts'

t.test('a connection is drained when it had no stream for as long as it may', async (t) => {
  const clock = new ManualClock()
  let drained = 0
  const connection = { active: 0, drain: () => void drained++ }
  const idle = new IdleTimeout(connection, 1000, clock)
  idle.start()
  clock.advance(600)
  connection.active = 1
  clock.advance(5000)
  t.equal(drained, 0, 'not while a stream is open')
  connection.active = 0
  idle.streamOver()
  clock.advance(999)
  t.equal(drained, 0, 'counted from the end of the last stream')
  clock.advance(1)
  t.equal(drained, 1)
  t.equal(clock.pending, 0)
})

t.test('a connection that is over leaves no timer', async (t) => {
  const clock = new ManualClock()
  const idle = new IdleTimeout({ active: 0, drain() {} }, 1000, clock)
  idle.start()
  idle.stop()
  t.equal(clock.pending, 0)
})
