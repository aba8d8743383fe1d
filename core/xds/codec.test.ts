import fc from 'fast-check'
import t from 'tap'
import { encodedOnce } from './codec.ts'
import { Policy, RBAC, RouteConfiguration } from './generated/envoy.js'

const policy = (path: string): Policy => ({
  permissions: [{ urlPath: { path: { prefix: path } } }],
  principals: [{ any: true }],
})

t.test('what is encoded keeps its bytes, whatever is encoded after it, larger than the scratch too', (t) => {
  const lengths = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(lengths, (sizes) => {
      const messages = sizes.map((size, at): RouteConfiguration => ({ name: String(at).repeat(size) }))
      const all = messages.map((message) => RouteConfiguration.encode(message))
      const read = all.map((bytes) => RouteConfiguration.decode(bytes).name ?? '')
      return read.every((name, at) => name === messages[at]?.name)
    }),
    { numRuns: 30 },
  )
  t.end()
})

t.test('a message that cannot be encoded spoils none after it', (t) => {
  const wrong = { name: 'a', virtualHosts: [{ name: 1 }] } as unknown as RouteConfiguration
  t.throws(() => RouteConfiguration.encode(wrong), { code: 'protobuf.invalid_value' })
  t.same(RouteConfiguration.decode(RouteConfiguration.encode({ name: 'b' })), { name: 'b' })
  t.end()
})

t.test('a message that is encoded once stands in others as it would otherwise', (t) => {
  const shared = encodedOnce(Policy, policy('/a'))
  const rules = (one: Policy): RBAC => ({ action: 'DENY', policies: { first: one, second: policy('/b') } })
  t.same(Buffer.from(RBAC.encode(rules(shared))), Buffer.from(RBAC.encode(rules(policy('/a')))))
  t.same(shared, policy('/a'), 'and is read as the same object')
  const copy = { ...shared, ...policy('/c') }
  t.same(
    Buffer.from(RBAC.encode(rules(copy))),
    Buffer.from(RBAC.encode(rules(policy('/c')))),
    'a copy is its own',
  )
  t.throws(() => encodedOnce(Policy, { permissions: [1] } as unknown as Policy), {
    code: 'protobuf.invalid_value',
  })
  t.end()
})
