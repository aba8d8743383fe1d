import t from 'tap'
import { LINGER_MS, LONGEST_LINGER_MS } from './limits.ts'
import { Linger } from './linger.ts'

t.test('bytes that still come put the end off, but not for ever', async (t) => {
  const linger = new Linger()
  let deadline = linger.begin(1000)
  t.equal(deadline, 1000 + LINGER_MS)
  deadline = linger.heard(1500, deadline)
  t.equal(deadline, 1500 + LINGER_MS)
  t.equal(linger.heard(1000 + LONGEST_LINGER_MS - 1, deadline), 1000 + LONGEST_LINGER_MS)
})

t.test('a slow reader of the answer is given more time once', async (t) => {
  const linger = new Linger()
  linger.begin(0)
  t.equal(linger.extend(2000, 60_000), 62_000)
  t.equal(linger.heard(3000, 62_000), 62_000, 'bytes that come take none of it away')
  t.equal(linger.extend(62_000, 60_000), undefined)
})
