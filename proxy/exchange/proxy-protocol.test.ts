import t from 'tap'
import { forwardTo } from '../testing/static-configuration.ts'
import type { Cluster } from '../model/cluster.ts'
import { MemoryExchange, NOTHING_LEFT } from './testing/memory-exchange.ts'

const DESTINATION = { host: '10.0.0.9', port: 8080 }
const LOCAL = '0d0a0d0a000d0a515549540a20000000'

/** One cluster, `app`, with one server at port 1 that answers 200, or as the test has it. */
function meshOf(
  change: Partial<Cluster> = { proxyProtocol: 'v1' },
  upstream?: Parameters<typeof forwardTo>[1],
) {
  const mesh = new MemoryExchange(forwardTo({ app: 1 }, upstream))
  const configure = (next: Partial<Cluster>): void => {
    mesh.upstream.configuration.setCluster('app', [1], next)
  }
  configure(change)
  const server = mesh.upstream.server(1)
  server.onStream = (stream) => stream.respond(200)
  return Object.assign(mesh, {
    server,
    configure,
    callerAt: (downstream: string, more: Partial<typeof mesh.hop> = {}) => ({
      ...mesh.hop,
      downstream,
      destination: DESTINATION,
      ...more,
    }),
    ask(hop: typeof mesh.hop, fields: string[] = [], method = 'GET'): number | undefined {
      mesh.hop = hop
      const caller = mesh.send({ fields, method })
      mesh.clock.advance(0)
      mesh.clock.advance(0)
      return caller.status
    },
    headers: () => server.targets.map(({ header }) => header?.toString('latin1')),
  })
}

t.test('each caller has a connection of its own, which says who it is, and keeps it', async (t) => {
  const mesh = meshOf()
  const [anna, bert] = [mesh.callerAt('10.0.0.1:1001'), mesh.callerAt('10.0.0.2:1002')]
  for (let i = 0; i < 3; i++) for (const hop of [anna, bert]) t.equal(mesh.ask(hop), 200)
  t.same(mesh.headers(), [
    'PROXY TCP4 10.0.0.1 10.0.0.9 1001 8080\r\n',
    'PROXY TCP4 10.0.0.2 10.0.0.9 1002 8080\r\n',
  ])
  t.same(
    mesh.server.connections.map(({ streams }) => streams.length),
    [3, 3],
  )
  anna.named?.destroy()
  t.same(
    mesh.server.connections.map(({ closed }) => closed),
    [true, false],
    'they end with their caller',
  )
  t.same(mesh.leftovers, NOTHING_LEFT)
})

t.test('requests of one caller that run together say the same', async (t) => {
  const mesh = meshOf({ proxyProtocol: 'v2' })
  mesh.server.onStream = () => {}
  const hop = mesh.callerAt('[fd00::1]:7', { destination: { host: 'fd00::2', port: 80 } })
  for (let i = 0; i < 2; i++) t.equal(mesh.ask(hop), undefined)
  const headers = mesh.server.targets.map(({ header }) => header?.toString('hex'))
  const address = (last: number): string => `fd00${'0'.repeat(26)}0${last}`
  const said = `0d0a0d0a000d0a515549540a21210024${address(1)}${address(2)}00070050`
  t.same(headers, [said, said])
})

t.test('a link that carries HTTP/1.1 and HTTP/2 has a pool for either', async (t) => {
  const mesh = meshOf({ proxyProtocol: 'v1', http: 'downstream' })
  const hop = mesh.callerAt('10.0.0.1:1', { link: true, http2: true, sourceIdentity: 'spiffe://a/b' })
  t.equal(mesh.ask(hop), 200)
  t.equal(mesh.ask(hop, ['x-weft-http', '2']), 200)
  t.same(
    mesh.server.connections.map(({ protocol }) => protocol),
    ['http/1.1', 'h2'],
  )
})

t.test(
  'its connections wait no longer than the application lets them, and are not trusted longer',
  async (t) => {
    const mesh = meshOf({ proxyProtocol: 'v1', idleTimeoutMs: 4000 })
    const hop = mesh.callerAt('10.0.0.1:1')
    mesh.ask(hop)
    t.equal(mesh.server.connections[0]?.idleTimeoutMs, 4000)
    mesh.clock.advance(3000)
    // A write must not meet a connection that its server may be closing.
    t.equal(mesh.ask(hop, [], 'POST'), 200)
    t.equal(mesh.server.connections.length, 2)
  },
)

t.test('a login keeps its connection as it does elsewhere, and says the same caller', async (t) => {
  const mesh = meshOf()
  const hop = mesh.callerAt('10.0.0.1:1001')
  mesh.ask(hop)
  mesh.ask(hop, ['authorization', 'NTLM a'])
  mesh.clock.advance(3000)
  mesh.ask(hop, [], 'POST')
  t.same(mesh.headers(), Array(2).fill('PROXY TCP4 10.0.0.1 10.0.0.9 1001 8080\r\n'))
  t.same(
    mesh.server.connections.map(({ idleTimeoutMs, streams }) => [idleTimeoutMs, streams.length]),
    [
      [4000, 1],
      [0, 2],
    ],
  )
})

t.test('what is turned on, off and over applies to what comes, also of callers that stay', async (t) => {
  const mesh = meshOf({})
  const hop = mesh.callerAt('10.0.0.1:1001')
  const other = mesh.callerAt('10.0.0.2:1002')
  mesh.ask(hop)
  mesh.ask(other)
  t.equal(mesh.server.connections.length, 1, 'shared, as nobody asked for anything')
  mesh.configure({ proxyProtocol: 'v1' })
  mesh.ask(hop)
  mesh.configure({ proxyProtocol: 'v2' })
  mesh.ask(hop)
  mesh.configure({})
  mesh.ask(hop)
  mesh.ask(other)
  t.same(
    mesh.headers().map((header) => header && (header.startsWith('PROXY') ? header : 'v2')),
    [undefined, 'PROXY TCP4 10.0.0.1 10.0.0.9 1001 8080\r\n', 'v2', undefined],
  )
  hop.named?.destroy()
  t.same(
    mesh.server.connections.map(({ closed }) => closed),
    [true, true, true, false],
  )
})

t.test('connections of another version end with their caller, too', async (t) => {
  const mesh = meshOf()
  const hop = mesh.callerAt('10.0.0.1:1001')
  mesh.ask(hop)
  mesh.configure({ proxyProtocol: 'v2' })
  mesh.ask(hop)
  hop.named?.destroy()
  t.same(
    mesh.server.connections.map(({ closed }) => closed),
    [true, true],
  )
})

t.test("a copy of a request is nobody's", async (t) => {
  const mirrors = [{ cluster: 'copies', percent: 100, shadowSuffix: false }]
  const mesh = meshOf({}, { mirrors })
  mesh.upstream.configuration.setCluster('copies', [2], { proxyProtocol: 'v2' })
  mesh.ask(mesh.callerAt('10.0.0.1:1001'))
  await new Promise((resolve) => setImmediate(resolve))
  mesh.clock.advance(0)
  t.equal(mesh.upstream.server(2).targets[0]?.header?.toString('hex'), LOCAL)
})
