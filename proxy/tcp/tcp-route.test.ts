import { Socket } from 'node:net'
import t from 'tap'
import { noTelemetry, type ConnectionRecord } from '../exchange/telemetry-sink.ts'
import type { TcpProxy } from '../model/listener.ts'
import { formatFlags } from '../model/response-flag.ts'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { TcpRoute, type TcpHop } from './tcp-route.ts'

const HOP: TcpHop = {
  direction: 'outbound',
  original: undefined,
  destination: { host: '10.0.0.9', port: 80 },
  downstream: '10.0.0.9:40000',
  sourceIdentity: '',
}

function start(clusters: TcpProxy['clusters'] = [{ cluster: 'db', weight: 1 }]) {
  const upstream = new FakeUpstream()
  const records: ConnectionRecord[] = []
  const telemetry = {
    ...noTelemetry,
    connectionFinished: (record: ConnectionRecord) => void records.push({ ...record }),
  }
  const route = new TcpRoute(
    { clusters: upstream.clusters, telemetry, configWaitMs: 500, clock: upstream.clock },
    {
      kind: 'tcp',
      statPrefix: 't',
      clusters,
      idleTimeoutMs: 0,
    },
  )
  let finished = 0
  const serve = (): Socket => {
    const socket = new Socket()
    route.serve(socket, HOP, () => void finished++)
    return socket
  }
  const told = (): string[] => records.map(({ flags, details }) => `${formatFlags(flags)} ${details}`)
  return { clock: upstream.clock, upstream, serve, told, finished: () => finished }
}

const closed = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

t.test('who leaves while the cluster is waited for is over at once', async (t) => {
  const { serve, told, finished, clock } = start()
  serve().destroy()
  await closed()
  t.same(told(), ['DC downstream_remote_disconnect'])
  t.same([finished(), clock.pending], [1, 0])
})

t.test('a cluster that does not come is told, to the millisecond', async (t) => {
  const { serve, told, clock } = start()
  const socket = serve()
  clock.advance(499)
  t.same(told(), [])
  clock.advance(1)
  t.same(told(), ['NC cluster_not_found'])
  t.equal(socket.destroyed, true)
  await closed()
  t.equal(told().length, 1, 'once')
})

t.test('the share of a backend that is none is refused at once, and takes no other along', async (t) => {
  const { serve, told, finished, upstream, clock } = start([
    { cluster: 'db', weight: 3 },
    { cluster: '', weight: 1 },
  ])
  upstream.configuration.setCluster('db', [1])
  upstream.server(1).connect = 'hang'
  const sockets = Array.from({ length: 200 }, serve)
  t.same(
    told(),
    Array.from({ length: 50 }, () => 'NB invalid_backend'),
  )
  t.equal(sockets.filter(({ destroyed }) => destroyed).length, 50)
  t.equal(finished(), 50)
  t.equal(upstream.server(1).targets.length, 150)
  for (const socket of sockets) socket.destroy()
  await closed()
  t.same([finished(), clock.pending], [200, 0])
})

t.test('who leaves while it is connected gives the connection up', async (t) => {
  const { serve, told, upstream, clock } = start()
  upstream.configuration.setCluster('db', [1])
  upstream.server(1).connect = 'hang'
  const socket = serve()
  t.equal(clock.pending, 2, 'the connect timeout, and the second attempt')
  socket.destroy()
  await closed()
  t.same(told(), ['DC downstream_remote_disconnect'])
  t.equal(clock.pending, 0)
})

t.test('three endpoints are tried, each once, and hear of it', async (t) => {
  const { serve, told, upstream, clock } = start()
  upstream.configuration.setCluster('db', [1, 2, 3, 4])
  const heard: string[] = []
  for (const state of upstream.clusters.get('db').states.values())
    state.observe = (outcome) => void heard.push(`${state.endpoint.port} ${outcome}`)
  for (const port of [1, 2, 3, 4]) upstream.server(port).connect = 'refuse'
  serve()
  clock.advance(0)
  t.same(told(), ['UF upstream_connect_failure{ECONNREFUSED}'])
  t.equal(new Set(heard).size, 3)
  t.ok(heard.every((one) => one.endsWith(' connect-failure')))
})

t.test('an endpoint that goes meanwhile costs no try', async (t) => {
  const { serve, told, upstream, clock } = start()
  upstream.configuration.setCluster('db', [1])
  upstream.server(1).connect = 'hang'
  serve()
  for (const port of [2, 3, 4, 5]) {
    upstream.server(port).connect = 'hang'
    upstream.configuration.setCluster('db', [port])
    clock.advance(0)
  }
  t.equal(upstream.server(5).targets.length, 1)
  t.same(told(), [])
  upstream.configuration.setCluster('db', [])
  clock.advance(0)
  t.same(told(), ['UH no_healthy_upstream'])
  t.equal(clock.pending, 0)
})

t.test('no more connections than the cluster allows, and room again when one is over', async (t) => {
  const { serve, told, upstream, clock } = start()
  const limits = { maxConnections: 9, maxOpaqueConnections: 2, maxPendingRequests: 9, maxRequests: 9 }
  upstream.configuration.setCluster('db', [1, 2], { limits })
  for (const port of [1, 2]) upstream.server(port).connect = 'hang'
  const first = serve()
  serve()
  t.equal(serve().destroyed, true)
  t.same(told(), ['UO upstream_overflow{connections}'])
  first.destroy()
  await closed()
  t.equal(serve().destroyed, false)
  t.equal(upstream.clusters.get('db').connections, 2)
  upstream.configuration.setCluster('db', [1, 2])
  serve()
  t.equal(upstream.clusters.get('db').connections, 3, 'no limit where none is said')
  upstream.configuration.setCluster('db', [])
  clock.advance(0)
  t.equal(upstream.clusters.get('db').connections, 0)
})

t.test('a connect that hangs goes on at another endpoint after a part of a second', async (t) => {
  const { serve, told, upstream, clock } = start()
  upstream.configuration.setCluster('db', [1, 2])
  for (const port of [1, 2]) upstream.server(port).connect = 'hang'
  serve()
  clock.advance(0)
  const [first, second] = upstream.server(1).targets.length > 0 ? [1, 2] : [2, 1]
  upstream.server(second as number).connect = 'accept'
  clock.advance(399)
  t.equal(upstream.server(second as number).sockets.length, 0)
  clock.advance(1)
  t.equal(upstream.server(second as number).sockets.length, 1)
  t.same(told(), [])
  serve()
  clock.advance(0)
  t.equal(upstream.server(second as number).sockets.length, 2, 'who comes next does not wait')
  t.equal(upstream.server(first as number).targets.length, 2, 'the second attempt beside the first')
})
