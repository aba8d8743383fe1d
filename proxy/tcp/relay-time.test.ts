import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { outcomeOf, relay, type RelayEnd } from './relay.ts'
import { MemorySocket, settled } from './testing/memory-socket.ts'

function start(idleTimeoutMs: number) {
  const clock = new ManualClock(5000)
  const [a, b] = [new MemorySocket(), new MemorySocket()]
  const ends: RelayEnd[] = []
  relay(a.socket, b.socket, { clock, idleTimeoutMs }, (end) => void ends.push(end))
  return { clock, a, b, ends }
}

t.test('neither side moved: both are closed when the idle time is over, to the millisecond', async (t) => {
  const { clock, a, b, ends } = start(1000)
  clock.advance(900)
  a.say('x')
  await settled()
  t.equal(b.text, 'x')
  clock.advance(900)
  b.say('yy')
  await settled()
  clock.advance(999)
  await settled()
  t.same([a.destroyed, b.destroyed], [false, false])
  clock.advance(1)
  await settled()
  t.same([a.destroyed, b.destroyed], [true, true])
  t.same(ends, [{ sent: 1, received: 2, error: undefined, brokenBy: undefined, idle: true }])
  t.same(outcomeOf(ends[0] as RelayEnd), { flags: ResponseFlag.SI, details: 'idle_timeout' })
  t.equal(clock.pending, 0)
})

t.test('no idle time is for ever, and an end leaves no timer', async (t) => {
  const forever = start(0)
  t.equal(forever.clock.pending, 0)
  const { clock, a, b, ends } = start(1000)
  t.equal(clock.pending, 1)
  a.finish()
  await settled()
  t.equal(b.ended, true)
  b.finish()
  await settled()
  t.same(ends, [{ sent: 0, received: 0, error: undefined, brokenBy: undefined, idle: false }])
  t.equal(clock.pending, 0)
})

t.test('a slow reader that takes what came long ago is not idle', async (t) => {
  const { clock, a, b, ends } = start(1000)
  b.hold()
  a.say('x'.repeat(100))
  await settled()
  a.say('y')
  await settled()
  clock.advance(999)
  b.accept()
  await settled()
  clock.advance(1)
  await settled()
  t.same(ends, [], 'the peer took some in between')
  clock.advance(998)
  await settled()
  t.same(ends, [])
  clock.advance(1)
  await settled()
  t.match(ends, [{ idle: true }])
})

t.test('what is left when one has gone is given to the other as long as it is taken', async (t) => {
  const { clock, a, b, ends } = start(0)
  b.hold()
  a.say('x'.repeat(100))
  await settled()
  a.say('more')
  a.finish()
  await settled()
  a.destroy()
  await settled()
  clock.advance(29_999)
  b.accept()
  await settled()
  clock.advance(1)
  await settled()
  t.equal(b.destroyed, false, 'it took some')
  clock.advance(29_999)
  await settled()
  t.equal(b.destroyed, false)
  clock.advance(1)
  await settled()
  t.equal(b.destroyed, true)
  t.match(ends, [{ sent: 104 }])
  t.equal(clock.pending, 0)
})

t.test('who takes all of it in time is closed in order, and no timer is left', async (t) => {
  const { clock, a, b, ends } = start(0)
  b.hold()
  a.say('all')
  a.finish()
  await settled()
  a.destroy()
  await settled()
  t.equal(clock.pending, 1)
  b.accept()
  await settled()
  t.same([b.text, b.ended, b.reset], ['all', true, false])
  t.equal(ends.length, 1)
  t.equal(clock.pending, 0)
})

t.test('the first error is the one that is told, with the side it came from', async (t) => {
  const { a, b, ends } = start(0)
  b.destroy(new Error('first'))
  await settled()
  t.equal(a.reset, true, 'the other is broken, too')
  t.match(ends, [{ error: { message: 'first' }, brokenBy: 'b' }])
  t.same(outcomeOf(ends[0] as RelayEnd), {
    flags: ResponseFlag.UC,
    details: 'connection_termination{first}',
  })
})
