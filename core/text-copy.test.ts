import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { copyOfStart } from './text-copy.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function occupiedMib(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1024 / 1024
}

t.test('a copy keeps nothing of the rest of its text', async (t) => {
  t.equal(copyOfStart('abc', 2), 'ab')
  t.equal(copyOfStart('a\u{1f600}', 2), 'a\ufffd')
  const before = occupiedMib()
  const copies = Array.from({ length: 32 }, () => copyOfStart(Buffer.alloc(1024 * 1024, 'x').toString(), 100))
  // What buffers held is given back by a thread of V8's own, after the collection.
  let rounds = 100
  while (occupiedMib() - before >= 8 && --rounds > 0) await setImmediate()
  t.ok(rounds > 0, '32 MiB of texts are gone')
  t.equal(copies.join('').length, 3200)
})
