import t from 'tap'
import { readRetryAfterMs } from './retry-after.ts'

t.test('seconds or a date, of an answer that turns away', async (t) => {
  const now = Date.UTC(2026, 0, 1)
  const read = (status: number, value?: string): number =>
    readRetryAfterMs({ status, fields: value === undefined ? [] : ['retry-after', value] }, () => now)
  t.equal(read(503, '120'), 120_000)
  t.equal(read(429, '0'), 0)
  t.equal(read(503, 'Thu, 01 Jan 2026 00:01:30 GMT'), 90_000)
  t.equal(read(503, 'Wed, 31 Dec 2025 00:00:00 GMT'), 0, 'it is over')
  for (const bad of ['', 'soon', '-5', '1.5', '5 s', '9999999999999'])
    t.equal(read(503, bad), 0, JSON.stringify(bad))
  t.equal(read(503), 0)
  t.equal(read(200, '120'), 0)
  t.equal(read(301, '120'), 0)
})
