import t from 'tap'
import { ManualClock } from '../../core/clock.ts'
import { MOST_VALUES, ValueBuckets } from './value-buckets.ts'

const BUCKET = { maxTokens: 2, tokensPerFill: 2, fillIntervalMs: 1000 }

t.test('each value has a bucket of its own, for as long as that knows something', async (t) => {
  const clock = new ManualClock()
  const buckets = new ValueBuckets(BUCKET, clock)
  t.equal(buckets.of('a').take(), true)
  t.equal(buckets.of('a').remaining, 1)
  t.equal(buckets.of('b').remaining, 2)
  t.equal(buckets.full, false)
  clock.advance(1000)
  t.equal(buckets.of('c').remaining, 2)
  t.equal(buckets.size, 1, 'those that have filled up again are gone')
  t.equal(buckets.full, true)
})

t.test('a flood of values grows nothing: those that find no room share a bucket', async (t) => {
  const clock = new ManualClock()
  const buckets = new ValueBuckets(BUCKET, clock)
  for (let i = 0; i < 3 * MOST_VALUES; i++) buckets.of(`value ${i}`).take()
  t.equal(buckets.size, MOST_VALUES)
  t.equal(buckets.of('one more').take(), false, 'what they share is used up')
  t.equal(buckets.of('value 0').take(), true, 'who came before keeps its own')
  clock.advance(1000)
  t.equal(buckets.of('one more').take(), true)
  t.equal(buckets.size, 1)
})

t.test('a long value is told from another one, and is not kept', async (t) => {
  const buckets = new ValueBuckets(BUCKET, new ManualClock())
  const long = 'x'.repeat(60_000)
  buckets.of(`${long}a`).take()
  t.equal(buckets.of(`${long}a`).remaining, 1)
  t.equal(buckets.of(`${long}b`).remaining, 2)
})
