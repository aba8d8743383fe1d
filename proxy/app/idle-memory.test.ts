import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { watchIdleMemory } from './idle-memory.ts'

const MIB = 1024 * 1024

function watched() {
  const state = { begun: 0, active: 0, used: 10 * MIB, collected: 0 }
  const clock = new ManualClock()
  const watch = watchIdleMemory({
    begun: () => state.begun,
    active: () => state.active,
    collect: () => {
      state.collected++
      state.used = 12 * MIB
    },
    heapBytes: () => state.used,
    clock,
  })
  return { state, clock, watch }
}

t.test('it collects once after a burst, when all is quiet', async (t) => {
  const { state, clock } = watched()
  clock.advance(10_000)
  t.equal(state.collected, 0, 'nothing to collect')
  state.begun = state.active = 1000
  state.used = 60 * MIB
  clock.advance(10_000)
  t.equal(state.collected, 0, 'requests run')
  state.active = 0
  for (let i = 0; i < 5; i++) {
    state.begun++
    clock.advance(2000)
  }
  t.equal(state.collected, 0, 'requests come')
  clock.advance(10_000)
  t.equal(state.collected, 1)
  clock.advance(60_000)
  t.equal(state.collected, 1, 'and not again for what stays')
})

t.test('little garbage is left alone, and a cancelled watch collects nothing', async (t) => {
  const { state, clock, watch } = watched()
  clock.advance(10_000)
  state.used = 25 * MIB
  clock.advance(10_000)
  t.equal(state.collected, 0)
  state.used = 60 * MIB
  watch.cancel()
  clock.advance(10_000)
  t.equal(state.collected, 0)
})
