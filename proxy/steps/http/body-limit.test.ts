import t from 'tap'
import { MemoryExchange, NOTHING_LEFT } from '../../exchange/testing/memory-exchange.ts'
import { NO_STEPS } from '../request-steps.ts'
import { forwardTo } from '../../testing/static-configuration.ts'
import { HOP, headOf } from '../testing/requests.ts'
import { BodyLimitStep } from './body-limit.ts'

const TEXT = 'the body of the request is above the limit of 10 bytes'

function limited() {
  const exchange = new MemoryExchange(forwardTo({ app: 1 }))
  const step = new BodyLimitStep({ maxBytes: 10 })
  exchange.steps = { ...NO_STEPS, steps: [step], bodyLimit: step.bodyLimit }
  const server = exchange.upstream.server(1)
  exchange.upstream.configuration.setCluster('app', [1])
  return { exchange, server }
}

t.test('a length above the limit is answered from the head alone', async (t) => {
  const step = new BodyLimitStep({ maxBytes: 10 })
  const decide = (length: string) => step.decide(HOP, headOf('/', ['content-length', length]))
  t.equal(decide('10'), undefined)
  t.match(decide('11'), { kind: 'answer', reply: { status: 413, text: TEXT, grpcStatus: 8 } })
  t.match(decide('999999999999999'), { reply: { details: 'request_payload_too_large' } })
  t.equal(step.decide(HOP, headOf('/')), undefined)
})

t.test('a body that does not say how long it is ends where it is too long', async (t) => {
  const { exchange, server } = limited()
  const caller = exchange.send({ method: 'POST', open: true })
  exchange.clock.advance(0)
  caller.say('0123456789')
  t.equal(caller.status, undefined, 'the limit itself passes')
  caller.say('x')
  t.equal(caller.status, 413)
  t.equal(caller.body.trim(), TEXT)
  t.equal(server.streams.at(-1)?.resetBy, 'cancel', 'what the upstream has is no whole request')
  caller.finish()
  t.match(exchange.told, [/request_payload_too_large$/])
  t.same(exchange.leftovers, NOTHING_LEFT)
})

t.test('a tunnel is no body', async (t) => {
  const { exchange } = limited()
  const caller = exchange.send({ upgrade: 'websocket', open: true })
  caller.say('0123456789 and more')
  t.not(caller.status, 413)
  caller.leave()
})
