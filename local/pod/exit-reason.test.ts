import t from 'tap'
import { exitReason, outOfMemoryKills } from './exit-reason.ts'

t.test('codes in the words of Kubernetes', async (t) => {
  t.strictSame(exitReason(0, true), { reason: 'Completed' })
  t.strictSame(exitReason(3, true), { reason: 'Error' })
  t.strictSame(exitReason(127, false), { reason: 'Error', message: 'the command was not found' })
  t.strictSame(exitReason(143, true), { reason: 'Error', message: 'SIGTERM' })
  t.strictSame(exitReason(137, false), { reason: 'Error', message: 'SIGKILL' })
  t.match(exitReason(137, true), { reason: 'OOMKilled' })
})

t.test('how often the kernel killed for lack of memory', async (t) => {
  t.equal(outOfMemoryKills('nr_free_pages 1\noom_kill 12\nother 3\n'), 12)
  t.equal(outOfMemoryKills(''), 0)
})
