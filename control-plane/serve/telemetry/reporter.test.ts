import t from 'tap'
import { reporterOf } from './reporter.ts'

const CALLER = { namespace: 'shop', serviceAccount: 'default', pod: { name: 'web-1', uid: 'u1' } }
const KNOWN = { uid: 'u1', service: 'web', services: ['web.shop'] }

t.test('a reporter has the name that the mesh knows its pod by', async (t) => {
  t.strictSame(reporterOf(CALLER, KNOWN), {
    service: 'web',
    namespace: 'shop',
    pod: 'web-1',
    behind: ['web.shop'],
  })
  t.equal(reporterOf(CALLER, { ...KNOWN, uid: '' }).service, 'web', 'a source without UIDs')
})

t.test('a pod that is gone, one that is not known and a token of no pod borrow no name', async (t) => {
  const another = reporterOf(CALLER, { ...KNOWN, uid: 'u2' })
  t.strictSame([another.service, another.behind], ['web-1', []], 'the name was given to another pod since')
  t.equal(reporterOf(CALLER, undefined).service, 'web-1')
  t.strictSame(reporterOf({ ...CALLER, pod: undefined }, undefined), {
    service: 'default',
    namespace: 'shop',
    pod: '',
    behind: [],
  })
})
