import t from 'tap'
import { LoopLag } from './overload.ts'

t.test('work is turned away while the loop is late, and taken again when it is not', async (t) => {
  let now = 0
  const lag = new LoopLag(() => now)
  t.teardown(() => lag.close())
  const after = (ms: number): boolean => {
    now += ms
    lag.probe()
    return lag.overloaded
  }
  t.equal(after(100), false)
  t.equal(after(1050), false, 'a little late')
  t.equal(after(5000), false, 'once: the machine was busy with something else')
  t.equal(after(100), false)
  t.equal(after(1200), false)
  t.equal(after(1200), true, 'twice in a row')
  t.equal(after(1200), true)
  t.equal(after(100), false)
})
