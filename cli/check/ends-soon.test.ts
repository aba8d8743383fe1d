import t from 'tap'
import { createRoot, DAY } from '../../certs/authority.ts'
import { endsSoon } from './ends-soon.ts'

t.test('what renews itself is soon at its end in the last 30 days, or in its last third', async (t) => {
  const begun = Date.parse('2026-01-31T12:00:00Z')
  const at = (lifeDays: number, leftDays: number): boolean => {
    const { certificate } = createRoot('a', begun, lifeDays * DAY)
    return endsSoon(certificate, certificate.validToDate.getTime() - leftDays * DAY)
  }
  t.notOk(at(3650, 31))
  t.ok(at(3650, 29))
  // The webhook's, which begins some minutes in the past.
  t.notOk(at(30, 29.9))
  t.notOk(at(30, 11))
  t.ok(at(30, 9))
  t.ok(at(1, 0.3))
  t.notOk(at(1, 0.4))
})
