import t from 'tap'
import { decimal, EXACT_DIGITS } from './decimal.ts'

t.test('digits only, and no more than asked for', async (t) => {
  t.equal(decimal('0', 1), 0)
  t.equal(decimal('0042', 4), 42)
  t.equal(decimal('9'.repeat(EXACT_DIGITS), EXACT_DIGITS), 999_999_999_999_999)
  for (const text of ['', '12345', '-1', '+1', ' 1', '1 ', '1.5', '1e3', '0x1', '1:', '1/', '１'])
    t.equal(decimal(text, 4), -1, JSON.stringify(text))
})
