import t from 'tap'
import type { FilterChain, Listener } from '../model/listener.ts'
import { chooseChain, needsInspection, type ChainFacts } from './chain-match.ts'

function chain(name: string, match: Partial<FilterChain['match']>): FilterChain {
  return {
    name,
    match: {
      destinationPort: undefined,
      serverNames: [],
      transportProtocol: undefined,
      applicationProtocols: [],
      ...match,
    },
    tls: undefined,
    filters: [],
    network: { kind: 'tcp', statPrefix: name, clusters: [], idleTimeoutMs: 0 },
  }
}

function listener(chains: FilterChain[], fallback?: FilterChain): Listener {
  return {
    name: 'l',
    address: undefined,
    inspectTls: true,
    inspectHttp: true,
    useOriginalDst: true,
    detectTimeoutMs: 100,
    openConnectionsMs: 5000,
    filterChains: chains,
    defaultFilterChain: fallback,
  }
}

const PLAIN: ChainFacts = {
  destinationPort: 8080,
  serverName: '',
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
}
const MESH: ChainFacts = { ...PLAIN, transportProtocol: 'tls', applicationProtocols: ['weft-h2'] }

t.test('a STRICT port takes mesh TLS and nothing else', async (t) => {
  const strict = listener([
    chain('http', { destinationPort: 8080, transportProtocol: 'tls', applicationProtocols: ['weft-h2'] }),
  ])
  t.equal(chooseChain(strict, MESH)?.name, 'http')
  t.equal(chooseChain(strict, PLAIN), undefined, 'plaintext')
  t.equal(
    chooseChain(strict, { ...MESH, applicationProtocols: ['h2'] }),
    undefined,
    "the application's own TLS",
  )
  t.equal(chooseChain(strict, { ...MESH, destinationPort: 9090 }), undefined, 'another port')
})

t.test('the port is decided before anything else', async (t) => {
  const both = listener(
    [chain('any', { transportProtocol: 'tls' }), chain('port', { destinationPort: 8080 })],
    chain('fallback', {}),
  )
  t.equal(chooseChain(both, MESH)?.name, 'port')
  t.equal(chooseChain(both, { ...MESH, destinationPort: 1 })?.name, 'any')
  t.equal(chooseChain(both, { ...PLAIN, destinationPort: 1 })?.name, 'fallback')
})

t.test('server names: exact before the longest wildcard before none', async (t) => {
  const names = listener([
    chain('none', {}),
    chain('wide', { serverNames: ['*.org'] }),
    chain('narrow', { serverNames: ['*.example.org'] }),
    chain('exact', { serverNames: ['a.example.org'] }),
  ])
  const at = (serverName: string) => chooseChain(names, { ...MESH, serverName })?.name
  t.same([at('a.example.org'), at('b.example.org'), at('c.org'), at('')], ['exact', 'narrow', 'wide', 'none'])
})

t.test('bytes are waited for only where they can change the choice', async (t) => {
  const split = listener([
    chain('http', { destinationPort: 80, applicationProtocols: ['http/1.1'] }),
    chain('tcp', {}),
  ])
  t.equal(needsInspection(split, 80), true)
  t.equal(needsInspection(split, 5432), false)
})
