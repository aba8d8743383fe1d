import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { createLogger } from '../../core/log.ts'
import { mallocTrim, releaseFreedMemory } from './freed-memory.ts'

const log = createLogger('test', 'error')

t.test('soon after the start, and then while there is work, more and more seldom', async (t) => {
  const clock = new ManualClock()
  let begun = 0
  const at: number[] = []
  const memory = releaseFreedMemory({
    begun: () => begun,
    log,
    trim: () => void at.push(clock.now() / 1000),
    clock,
  })
  clock.advance(60_000)
  t.same(at, [2], 'once without any work')
  for (let second = 0; second < 240; second++) {
    begun++
    clock.advance(1000)
  }
  t.same(at, [2, 62, 66, 74, 90, 122, 182, 242])
  memory.cancel()
  t.equal(clock.pending, 0)
})

t.test('where malloc cannot, nobody asks again', async (t) => {
  const clock = new ManualClock()
  let asked = 0
  releaseFreedMemory({
    begun: () => 0,
    log,
    trim: () => {
      asked++
      throw new Error('no malloc_trim')
    },
    clock,
  })
  clock.advance(600_000)
  t.equal(asked, 1)
  t.equal(clock.pending, 0)
})

t.test('what malloc has between what stays goes back to the kernel', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const residentMib = (): number => {
    const [, kib] = /Rss: +(\d+)/.exec(readFileSync('/proc/self/smaps_rollup', 'utf8')) ?? []
    return Number(kib) / 1024
  }
  const trim = mallocTrim()
  // Of each hundred one stays, the last one of all among them: nothing at the end is free.
  let blocks = Array.from({ length: 8000 }, () => new Uint8Array(8192).fill(1))
  const full = residentMib()
  blocks = blocks.filter((_, i) => i % 100 === 99)
  // What buffers held is freed by a thread of V8's own, after the collection.
  let rounds = 200
  do {
    collect()
    trim()
    await setImmediate()
  } while (residentMib() > full - 32 && --rounds > 0)
  t.ok(rounds > 0, 'half of 62 MiB are back')
  t.equal(blocks.length, 80)
})
