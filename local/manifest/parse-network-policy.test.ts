import t from 'tap'
import { WeftError } from '../../core/errors.ts'
import { Fields } from './fields.ts'
import { parseNetworkPolicy } from './parse-network-policy.ts'

function parse(spec: unknown): ReturnType<typeof parseNetworkPolicy> {
  return parseNetworkPolicy(new Fields({ spec }, '', () => {}), 'shop', 'one')
}

/** Which field of a spec is refused. */
function refused(spec: unknown): string | undefined {
  try {
    parse(spec)
    return undefined
  } catch (error) {
    return error instanceof WeftError ? error.field : String(error)
  }
}

t.test('of which directions it speaks', async (t) => {
  t.match(parse({ podSelector: {} }), { ingress: [], egress: undefined }, 'ingress, by itself')
  t.match(
    parse({ podSelector: {}, egress: [{}] }),
    { ingress: [], egress: [{}] },
    'egress, where it has a rule of it',
  )
  t.match(parse({ podSelector: {}, policyTypes: ['Egress'] }), { ingress: undefined, egress: [] })
  t.match(parse({}), { ingress: [] }, 'no selector is every pod')
})

t.test('what is wrong is told by its field', async (t) => {
  const from = (peer: unknown): string | undefined => refused({ ingress: [{ from: [peer] }] })
  const port = (value: unknown): string | undefined => refused({ egress: [{ ports: [value] }] })
  t.equal(refused(undefined), 'spec')
  t.equal(refused({ policyTypes: ['ingress'] }), 'spec.policyTypes[0]')
  t.equal(refused({ podSelector: { app: 'web' } }), 'spec.podSelector.app')
  t.equal(refused({ ingress: [{ to: [] }] }), 'spec.ingress[0].to', 'it would be anybody')
  t.equal(from({}), 'spec.ingress[0].from[0]')
  t.equal(from({ ipBlock: { cidr: '10.0.0.0' } }), 'spec.ingress[0].from[0].ipBlock.cidr')
  t.equal(from({ ipBlock: { cidr: '10.0.0.0/33' } }), 'spec.ingress[0].from[0].ipBlock.cidr')
  t.equal(
    from({ ipBlock: { cidr: '10.0.0.0/8\n-A INPUT -j ACCEPT' } }),
    'spec.ingress[0].from[0].ipBlock.cidr',
  )
  t.equal(from({ ipBlock: {} }), 'spec.ingress[0].from[0].ipBlock.cidr')
  t.equal(
    from({ ipBlock: { cidr: '10.0.0.0/8', except: ['fd00::/8'] } }),
    'spec.ingress[0].from[0].ipBlock.except[0]',
  )
  t.equal(from({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }), 'spec.ingress[0].from[0].ipBlock')
  t.equal(port({ protocol: 'tcp' }), 'spec.egress[0].ports[0].protocol')
  t.equal(port({ port: 0 }), 'spec.egress[0].ports[0].port')
  t.equal(port({ port: 80, endPort: 79 }), 'spec.egress[0].ports[0].endPort')
  t.equal(port({ port: 'http', endPort: 80 }), 'spec.egress[0].ports[0].endPort')
  t.equal(port({ endPort: 80 }), 'spec.egress[0].ports[0].endPort')
})
