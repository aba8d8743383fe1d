import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { Watched } from '../../core/watched.ts'
import type { Listener } from '../model/listener.ts'
import { listenerOf, MANAGER } from '../testing/static-configuration.ts'
import { PolicyChanges, type OpenTraffic } from './policy-changes.ts'

function start(answering: number, waiting = 0) {
  const clock = new ManualClock()
  const listener = new Watched<Listener | null | undefined>(undefined)
  const asked = { answering: 0, waiting: 0 }
  const one = (kind: keyof typeof asked): OpenTraffic => ({
    answering: kind === 'answering',
    reauthorize: () => void asked[kind]++,
  })
  const open = [
    ...Array.from({ length: answering }, () => one('answering')),
    ...Array.from({ length: waiting }, () => one('waiting')),
  ]
  const changes = new PolicyChanges(clock, () => open)
  const set = (openConnectionsMs: number): void => listener.set({ ...listenerOf(MANAGER), openConnectionsMs })
  return { changes, clock, listener, asked, set }
}

t.test('what is open is asked about at once, and only while somebody is there', async (t) => {
  const { changes, listener, asked, set } = start(3, 2)
  set(5000)
  t.same(asked, { answering: 0, waiting: 0 })
  const [one, two] = [changes.hold(listener), changes.hold(listener)]
  set(5000)
  t.same(asked, { answering: 3, waiting: 2 })
  one()
  set(5000)
  t.same(asked, { answering: 6, waiting: 4 })
  listener.set(null)
  t.same(asked, { answering: 6, waiting: 4 }, 'nobody is refused where the listener is not known')
  two()
  set(5000)
  t.same(asked, { answering: 6, waiting: 4 })
  t.equal(listener.watchers, 0)
})

t.test('much that runs is asked about in turns, within the time, and what waits at once', async (t) => {
  for (const limitMs of [5000, 100, 0]) {
    const { changes, clock, listener, asked, set } = start(20_000, 1000)
    changes.hold(listener)
    set(limitMs)
    t.equal(asked.waiting, 1000)
    t.equal(asked.answering < 20_000, limitMs > 0, 'some of them')
    clock.advance(limitMs)
    t.equal(asked.answering, 20_000)
    t.equal(clock.pending, 0)
  }
})

t.test('a change on the heels of another begins anew, and nothing goes on after the end', async (t) => {
  const { changes, clock, listener, asked, set } = start(1000)
  changes.hold(listener)
  set(5000)
  set(5000)
  t.equal(asked.answering, 1000)
  clock.advance(20)
  t.equal(asked.answering, 1500)
  set(5000)
  changes.close()
  clock.advance(1000)
  t.equal(asked.answering, 2000)
})
