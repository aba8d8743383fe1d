import { Socket } from 'node:net'
import { once } from 'node:events'
import t from 'tap'
import { ConnectionLimit, defaultConnections } from './connection-limit.ts'

t.test('as many as are open, and no more', async (t) => {
  const limit = new ConnectionLimit(2)
  const [first, second, third] = [new Socket(), new Socket(), new Socket()]
  t.ok(limit.admit(first))
  t.ok(limit.admit(second))
  t.notOk(limit.admit(third))
  t.equal(limit.open, 2)
  first.destroy()
  await once(first, 'close')
  t.ok(limit.admit(third))
  t.notOk(limit.admit(new Socket()))
})

t.test('the default leaves descriptors for the other half of each', async (t) => {
  const limits = (soft: string): string =>
    `Limit    Soft Limit   Hard Limit   Units\nMax open files            ${soft}                524288               files\n`
  t.equal(defaultConnections(limits('1024')), 384)
  t.equal(defaultConnections(limits('300')), 64)
  t.equal(defaultConnections(limits('1048576')), 10_000)
  t.equal(defaultConnections(limits('unlimited')), 10_000)
  t.equal(defaultConnections(''), 10_000)
  t.ok(defaultConnections() > 0)
})
