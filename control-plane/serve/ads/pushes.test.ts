import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ManualClock } from '../../../core/clock.ts'
import { Watched } from '../../../core/watched.ts'
import { Pushes, type Pushed, type PushOptions } from './pushes.ts'

class FakeStream implements Pushed {
  writable = true
  /** The value that was current at each push. */
  readonly pushed: number[] = []
  readonly #current: () => number
  readonly #then: () => void

  constructor(current: () => number, then: () => void = () => {}) {
    this.#current = current
    this.#then = then
  }

  push(): void {
    this.pushed.push(this.#current())
    this.#then()
  }
}

function setUp(t: Test, options: PushOptions = {}) {
  const clock = new ManualClock()
  const changes = new Watched(0)
  const pushes = new Pushes(changes, { debounceMs: 10, longestMs: 100, clock, ...options })
  t.teardown(() => pushes.close())
  const open = (then?: () => void): FakeStream => {
    const stream = new FakeStream(() => changes.value, then)
    pushes.add(stream)
    return stream
  }
  return { clock, changes, pushes, open }
}

t.test('changes within a moment are told together', async (t) => {
  const { clock, changes, open } = setUp(t)
  const stream = open()
  changes.set(1)
  clock.advance(9)
  changes.set(2)
  clock.advance(9)
  t.strictSame(stream.pushed, [])
  clock.advance(1)
  t.strictSame(stream.pushed, [2])
  clock.advance(1000)
  t.strictSame(stream.pushed, [2])
  changes.set(3)
  clock.advance(10)
  t.strictSame(stream.pushed, [2, 3])
})

t.test('changes without end delay nobody for longer than the longest wait', async (t) => {
  const { clock, changes, open } = setUp(t)
  const stream = open()
  for (let at = 0; at < 210; at += 5) {
    changes.set(at + 1)
    clock.advance(5)
  }
  t.strictSame(stream.pushed, [20 * 5 - 4, 40 * 5 - 4])
})

t.test('a stream that takes nothing gets the newest alone, once it takes something', async (t) => {
  const { clock, changes, pushes, open } = setUp(t)
  const slow = open()
  const other = open()
  slow.writable = false
  for (const version of [1, 2, 3]) {
    changes.set(version)
    clock.advance(10)
  }
  t.strictSame(other.pushed, [1, 2, 3])
  t.strictSame(slow.pushed, [])
  slow.writable = true
  pushes.later(slow)
  t.strictSame(slow.pushed, [3])
  pushes.later(slow)
  t.strictSame(slow.pushed, [3], 'and not again')
})

t.test('a push may make its stream unwritable and open or close others', async (t) => {
  const { clock, changes, pushes, open } = setUp(t)
  const first = open(() => {
    first.writable = false
    pushes.delete(closed)
    pushes.later(first)
    late ??= open()
  })
  const closed = open()
  let late: FakeStream | undefined
  changes.set(1)
  clock.advance(10)
  t.strictSame(first.pushed, [1])
  t.strictSame(closed.pushed, [])
  t.strictSame(late?.pushed, [], 'it opened with the newest')
  first.writable = true
  changes.set(2)
  clock.advance(10)
  t.strictSame(first.pushed, [1, 2])
  t.strictSame(late?.pushed, [2])
})

t.test('many streams are told in turns of the event loop, each once', async (t) => {
  const { clock, changes, pushes, open } = setUp(t, { sliceMs: 0 })
  const streams = Array.from({ length: 20 }, () => open(() => clock.advance(1)))
  const told = () => streams.filter(({ pushed }) => pushed.length > 0).length
  changes.set(1)
  clock.advance(10)
  t.equal(told(), 1)
  // One that becomes writable meanwhile neither jumps the queue nor begins a second one.
  for (const stream of streams) pushes.later(stream)
  t.equal(told(), 1)
  let turns = 0
  while (told() < streams.length) {
    const before = told()
    await setImmediate()
    t.ok(told() - before <= 1)
    turns++
    if (turns > 100) return t.fail('not everyone was told')
  }
  t.ok(streams.every(({ pushed }) => pushed.length === 1))
})

t.test('nothing is pushed once it is closed', async (t) => {
  const { clock, changes, pushes, open } = setUp(t, { sliceMs: 0 })
  const one = open(() => pushes.close())
  const two = open()
  changes.set(1)
  clock.advance(10)
  changes.set(2)
  clock.advance(1000)
  await setImmediate()
  t.equal(one.pushed.length + two.pushed.length, 1)
})
