import t from 'tap'
import { ExportQueue } from './export-queue.ts'

t.test(
  'what is added while a batch is under way goes with it or after it, and so does all that follows',
  async (t) => {
    const sent: string[] = []
    const queue = new ExportQueue<string>(async (batch) => {
      sent.push(...batch)
      if (batch.includes('first')) queue.add('meanwhile')
    })
    queue.add('first')
    await queue.flush()
    // The timer of `meanwhile` finds nothing to send.
    await queue.flush()
    queue.add('later')
    await queue.flush()
    t.strictSame(sent, ['first', 'meanwhile', 'later'])
    t.equal(queue.exported, 3)
  },
)
