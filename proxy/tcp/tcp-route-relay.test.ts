import t from 'tap'
import { noTelemetry, type ConnectionRecord } from '../exchange/telemetry-sink.ts'
import type { TcpProxy } from '../model/listener.ts'
import { formatFlags } from '../model/response-flag.ts'
import type { Connector } from '../upstream/connector.ts'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { TcpRoute, type TcpHop } from './tcp-route.ts'
import { MemorySocket, settled } from './testing/memory-socket.ts'

const HOP: TcpHop = {
  direction: 'outbound',
  original: undefined,
  destination: { host: '10.0.0.9', port: 80 },
  downstream: '10.0.0.9:1',
  sourceIdentity: '',
}
const TCP: TcpProxy = {
  kind: 'tcp',
  statPrefix: 'tcp',
  clusters: [{ cluster: 'app', weight: 1 }],
  idleTimeoutMs: 0,
}

/** Ports of `app` take 10 ms to connect, or refuse, or stay silent (`hang`). */
function start(ports: readonly number[], settings: Partial<TcpProxy> = {}) {
  const behaviour = new Map<number, 'refuse' | 'hang'>()
  const asked: number[] = []
  const headers: (string | undefined)[] = []
  const upstreams: MemorySocket[] = []
  const connector: Connector = ({ port, header }, done) => {
    asked.push(port)
    headers.push(header?.toString())
    const how = behaviour.get(port)
    if (how === 'hang') return { cancel() {} }
    return {
      cancel: upstream.clock.after(10, () => {
        if (how) return done(undefined, { reason: 'connect', flags: 1, details: `refused ${port}` })
        const socket = new MemorySocket()
        upstreams.push(socket)
        done({ socket: socket.socket, alpn: '', identity: 'spiffe://mesh/peer' }, undefined)
      }),
    }
  }
  const upstream = new FakeUpstream({ connector })
  if (ports.length > 0) upstream.configuration.setCluster('app', ports)
  const records: ConnectionRecord[] = []
  const { clock, clusters } = upstream
  const telemetry = {
    ...noTelemetry,
    connectionFinished: (record: ConnectionRecord) => void records.push({ ...record }),
  }
  const route = new TcpRoute({ clusters, telemetry, configWaitMs: 500, clock }, { ...TCP, ...settings })
  let finished = 0
  return {
    upstream,
    clock,
    behaviour,
    asked,
    headers,
    upstreams,
    records,
    get finished() {
      return finished
    },
    get told() {
      return records.map(({ flags, details }) => `${formatFlags(flags)} ${details}`)
    },
    /** Connections that the endpoints of `app` count. */
    get running() {
      return [...clusters.get('app').states.values()].reduce((sum, { active }) => sum + active, 0)
    },
    serve(hop: Partial<TcpHop> = {}): MemorySocket {
      const socket = new MemorySocket()
      route.serve(socket.socket, { ...HOP, ...hop }, () => void finished++)
      return socket
    },
  }
}

t.test('bytes go both ways, and what ran is told when it is over', async (t) => {
  for (const direction of ['outbound', 'inbound'] as const) {
    const mesh = start([7])
    const caller = mesh.serve({ direction })
    caller.say('hello')
    mesh.clock.advance(10)
    await settled()
    const [peer] = mesh.upstreams
    t.equal(peer?.text, 'hello')
    t.same([mesh.running, mesh.finished], [1, 0])
    peer?.say('hi')
    await settled()
    t.equal(caller.text, 'hi')
    mesh.clock.advance(100)
    caller.finish()
    peer?.finish()
    await settled()
    t.same([mesh.running, mesh.finished, mesh.clock.pending], [0, 1, 0])
    t.same(mesh.told, ['- closed'])
    const [record] = mesh.records
    t.same(
      [
        record?.bytesReceived,
        record?.bytesSent,
        record?.durationMs,
        record?.upstream,
        record?.destinationIdentity,
      ],
      [5, 2, 110, '127.0.0.1:7', direction === 'outbound' ? 'spiffe://mesh/peer' : ''],
    )
    t.equal(record?.service, 'test')
  }
})

t.test('a connection that moves nothing is closed when the listener says', async (t) => {
  const mesh = start([7], { idleTimeoutMs: 1000 })
  const caller = mesh.serve()
  mesh.clock.advance(10)
  mesh.clock.advance(1000)
  await settled()
  t.same(mesh.told, ['SI idle_timeout'])
  t.same([caller.destroyed, mesh.finished], [true, 1])
})

t.test('it is connected elsewhere, three times and not more', async (t) => {
  const mesh = start([1, 2, 3, 4])
  for (const port of [1, 2, 3, 4]) mesh.behaviour.set(port, 'refuse')
  const caller = mesh.serve()
  for (let i = 0; i < 5; i++) mesh.clock.advance(10)
  t.equal(new Set(mesh.asked).size, 3)
  t.equal(mesh.asked.length, 3)
  t.match(mesh.told, [/ refused \d$/])
  t.same([caller.destroyed, mesh.finished, mesh.running], [true, 1, 0])
})

t.test('a cluster that is not known is waited for; one without endpoints is told', async (t) => {
  const mesh = start([])
  const caller = mesh.serve()
  mesh.clock.advance(499)
  t.equal(mesh.finished, 0)
  mesh.clock.advance(1)
  t.same([caller.destroyed, mesh.finished], [true, 1])
  mesh.upstream.configuration.setCluster('app', [])
  mesh.serve()
  t.same(mesh.told, ['NC cluster_not_found', 'UH no_healthy_upstream'])
  t.equal(mesh.clock.pending, 0)
})

t.test('shares are heeded over all connections of the chain', async (t) => {
  const clusters = [
    { cluster: 'app', weight: 1 },
    { cluster: 'other', weight: 3 },
  ]
  const mesh = start([7], { clusters })
  mesh.upstream.configuration.setCluster('other', [8])
  for (let i = 0; i < 8; i++) mesh.serve()
  mesh.clock.advance(10)
  t.same(
    mesh.asked.toSorted((a, b) => a - b),
    [7, 7, 8, 8, 8, 8, 8, 8],
  )
})

t.test('what was addressed to goes there', async (t) => {
  const mesh = start([])
  mesh.upstream.configuration.setCluster('app', [], { discovery: { kind: 'original-dst' } })
  mesh.serve({ original: { host: '10.0.0.7', port: 81 } })
  mesh.clock.advance(10)
  t.same(mesh.asked, [81])
})

t.test(
  'by the PROXY protocol each connection begins with who calls, also at the second endpoint',
  async (t) => {
    const mesh = start([7, 8])
    mesh.serve()
    mesh.clock.advance(10)
    t.same(mesh.headers, [undefined], 'nobody asked for it')
    mesh.upstream.configuration.setCluster('app', [7, 8], { proxyProtocol: 'v1' })
    mesh.behaviour.set(7, 'refuse')
    mesh.behaviour.set(8, 'refuse')
    mesh.serve({ downstream: '10.0.0.1:1001' })
    mesh.clock.advance(10)
    mesh.clock.advance(10)
    const said = 'PROXY TCP4 10.0.0.1 10.0.0.9 1001 80\r\n'
    t.same(mesh.headers.slice(1, 3), [said, said])
  },
)
