import t from 'tap'
import { forbiddenDestination } from './forbidden-destination.ts'

const PORTS = { outbound: 15001, inbound: 15006 }
const OWN = new Set(['10.244.0.7', 'fd00::7'])

t.test('no connection leads back to the proxy itself', async (t) => {
  for (const host of ['10.244.0.7', 'fd00::7', '127.0.0.1', '127.8.8.8', '::1'])
    for (const port of [15001, 15006])
      for (const direction of ['outbound', 'inbound'] as const)
        t.equal(
          forbiddenDestination(direction, { host, port }, OWN, PORTS),
          'own_port',
          `${direction} ${host} ${port}`,
        )
  t.equal(forbiddenDestination('outbound', { host: '10.244.0.8', port: 15006 }, OWN, PORTS), undefined)
  t.equal(forbiddenDestination('outbound', { host: '10.244.0.7', port: 8080 }, OWN, PORTS), undefined)
})

t.test('inbound leads to this pod and nowhere else', async (t) => {
  const at = (host: string, own = OWN) => forbiddenDestination('inbound', { host, port: 8080 }, own, PORTS)
  t.equal(at('10.244.0.7'), undefined)
  t.equal(at('fd00::7'), undefined)
  t.equal(at('10.244.0.8'), 'not_this_pod')
  t.equal(at('169.254.169.254'), 'not_this_pod')
  t.equal(at('10.244.0.8', new Set()), undefined, 'an address of our own is not known: static configuration')
})
