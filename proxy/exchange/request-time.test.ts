import t from 'tap'
import { forwardTo } from '../testing/static-configuration.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

function mesh(): MemoryExchange {
  const exchange = new MemoryExchange(forwardTo({ app: 1 }))
  exchange.settings = { ...exchange.settings, requestTimeoutMs: 1000 }
  exchange.upstream.configuration.setCluster('app', [1])
  return exchange
}

t.test('a request that is not whole in time is answered with 408, to the millisecond', async (t) => {
  const exchange = mesh()
  const slow = exchange.send({ method: 'POST', open: true })
  exchange.clock.advance(999)
  slow.say('x')
  t.equal(slow.status, undefined)
  exchange.clock.advance(1)
  t.equal(slow.status, 408)
  t.equal(exchange.upstream.server(1).streams[0]?.resetBy, 'timeout')
  t.same(exchange.told, ['- request_overall_timeout'])
  t.same(exchange.leftovers, NOTHING_LEFT)
  t.equal(exchange.clock.pending, 0)
})

t.test('the time ends with the request, and with the head of its answer', async (t) => {
  const exchange = mesh()
  const whole = exchange.send({ method: 'POST', open: true })
  const answered = exchange.send({ method: 'POST', open: true })
  exchange.clock.advance(0)
  whole.finish()
  const [first, second] = exchange.upstream.server(1).streams
  second?.sendHead(200)
  exchange.clock.advance(60_000)
  t.equal(whole.status, undefined, 'what its answer takes is no time of the request')
  t.equal(answered.status, 200)
  t.equal(answered.resetBy, undefined)
  first?.sendHead(200)
  t.equal(whole.status, 200)
})
