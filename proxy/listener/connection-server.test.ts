import { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import t from 'tap'
import { MirrorRoom } from '../exchange/mirror-room.ts'
import { RunningExchanges } from '../exchange/running-exchanges.ts'
import { noTelemetry, type ConnectionRecord, type RequestRecord } from '../exchange/telemetry-sink.ts'
import { WeightedPicks } from '../exchange/dependencies.ts'
import { MemoryTransport } from '../http1/testing/memory-transport.ts'
import type { FilterConfig } from '../model/filter.ts'
import type { FilterChain, HttpConnectionManager, Listener, TcpProxy } from '../model/listener.ts'
import type { RouteConfiguration } from '../model/route.ts'
import type { DownstreamTls } from '../model/tls.ts'
import { StepCompiler } from '../steps/request-steps.ts'
import { chainOf, forwardTo, listenerOf, MANAGER } from '../testing/static-configuration.ts'
import { FakeUpstream } from '../upstream/testing/fake-upstream.ts'
import { ConnectionServer, type Arrival } from './connection-server.ts'
import type { Terminated } from './tls-termination.ts'

/** A connection without a socket: the test is the peer. */
class FakeSocket extends Duplex {
  readonly transport = new MemoryTransport()

  constructor() {
    super({ allowHalfOpen: true })
    this.pause()
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }

  /** Bytes before anybody serves the connection; they are looked at. */
  async say(text: string): Promise<void> {
    this.push(Buffer.from(text, 'latin1'))
    await turn()
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const ARRIVAL: Arrival = {
  direction: 'inbound',
  original: undefined,
  destination: { host: '10.0.0.9', port: 8080 },
  downstream: '10.0.0.9:40000',
}
const INLINE: HttpConnectionManager['route'] = {
  kind: 'inline',
  config: {
    name: 'r',
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [forwardTo({ app: 1 })] }],
  },
}
const HTTP: HttpConnectionManager = { ...MANAGER, codec: 'http1', route: INLINE, traffic: undefined }

function start(termination: (settings: DownstreamTls) => Terminated | undefined = () => undefined) {
  const upstream = new FakeUpstream()
  upstream.configuration.setCluster('app', [1])
  const records: RequestRecord[] = []
  const connections: ConnectionRecord[] = []
  const counts: string[] = []
  const telemetry = {
    ...noTelemetry,
    requestFinished: (record: RequestRecord) => void records.push({ ...record }),
    connectionFinished: (record: ConnectionRecord) => void connections.push({ ...record }),
    count: (name: string) => void counts.push(name),
  }
  const { clock, configuration, clusters, deps } = upstream
  const { random } = deps
  const server = new ConnectionServer({
    configuration,
    exchange: {
      clusters,
      telemetry,
      mirrorRoom: new MirrorRoom(),
      picks: new WeightedPicks(random),
      clock,
      random,
      configVersion: () => 'v1',
      configWaitMs: 500,
      running: new RunningExchanges(),
      overloaded: () => false,
    },
    tcp: { clusters, telemetry, configWaitMs: 500, clock },
    termination: {
      terminate(_socket, settings, done) {
        const result = termination(settings)
        if (result) done(result)
      },
    },
    steps: new StepCompiler({ clock, random, telemetry: noTelemetry }),
    clock,
    localIdentity: () => '',
    createTransport: (socket) => (socket as unknown as FakeSocket).transport as never,
  })
  const serve = (listener: Listener): FakeSocket => {
    const socket = new FakeSocket()
    server.serve(socket as unknown as Socket, listener, ARRIVAL)
    return socket
  }
  return { upstream, clock, server, serve, records, connections, counts }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

t.test('requests run, and what is open is counted until it is over', async (t) => {
  const { serve, server, clock, upstream, records } = start()
  const socket = serve(listenerOf(HTTP))
  t.same([server.connections, server.active, server.begun], [1, 0, 0])
  socket.transport.feed(GET)
  clock.advance(0)
  t.same([server.active, server.begun], [1, 1])
  upstream.server(1).stream.respond(200, 'hi')
  t.match(socket.transport.take(), /^HTTP\/1\.1 200 OK\r\n.*hi/s)
  t.same([server.active, records.length], [0, 1])
  socket.transport.close()
  t.equal(server.connections, 0)
})

t.test(
  'draining, a running request finishes and its connection closes; so does one that comes later',
  async (t) => {
    const { serve, server, clock, upstream } = start()
    const early = serve(listenerOf(HTTP))
    early.transport.feed(GET)
    clock.advance(0)
    server.drain()
    t.equal(early.transport.ended, false)
    upstream.server(1).stream.respond(200, 'hi')
    t.match(early.transport.take(), /connection: close/i)
    t.equal(early.transport.ended, true)
    const late = serve(listenerOf(HTTP))
    late.transport.feed(GET)
    clock.advance(0)
    upstream.server(1).stream.respond(200, 'hi')
    t.match(late.transport.take(), /connection: close/i)
  },
)

t.test('who takes nothing of the answers is given up when the listener says', async (t) => {
  const { serve, server, clock, counts } = start()
  const stalled = serve(listenerOf({ ...HTTP, streamIdleTimeoutMs: 1000 }))
  const taking = serve(listenerOf({ ...HTTP, streamIdleTimeoutMs: 1000 }))
  for (const { transport } of [stalled, taking]) Object.assign(transport, { pending: 10, taken: 0 })
  clock.advance(999)
  server.sweep(clock.now())
  t.same([stalled.transport.destroyed, taking.transport.destroyed], [false, false])
  Object.assign(taking.transport, { taken: 1 })
  clock.advance(1)
  server.sweep(clock.now())
  t.same([stalled.transport.destroyed, taking.transport.destroyed], [true, false])
  t.same(counts, ['downstream_stalled'])
})

t.test('who says nothing gets the chain for that when detection ends, to the millisecond', async (t) => {
  const { serve, clock, connections } = start()
  const http: FilterChain = {
    ...chainOf(HTTP),
    match: { ...chainOf(HTTP).match, applicationProtocols: ['http/1.1'] },
  }
  const listener = { ...listenerOf(HTTP), inspectHttp: true, detectTimeoutMs: 300, filterChains: [http] }
  const silent = serve(listener)
  clock.advance(299)
  t.equal(silent.destroyed, false)
  clock.advance(1)
  t.equal(silent.destroyed, true)
  t.match(connections, [{ details: 'filter_chain_not_found' }])
  const speaks = serve(listener)
  await speaks.say(GET)
  t.equal(speaks.destroyed, false)
  t.equal(clock.pending, 0, 'no timer is left of detection')
})

t.test("a chain's steps are asked before anything is served, and hear of the end", async (t) => {
  const { serve, clock, connections, server } = start()
  const limit: FilterConfig = {
    name: 'limit',
    kind: 'envoy.filters.network.connection_limit',
    config: { statPrefix: 'web', maxConnections: 1, delayMs: 70 },
  }
  const of = (name: string): Listener => {
    const listener = listenerOf(HTTP)
    return { ...listener, name, filterChains: [{ ...chainOf(HTTP), filters: [limit] }] }
  }
  const first = serve(of('web'))
  const second = serve(of('web'))
  t.equal(server.connections, 1)
  t.match(connections, [{ details: 'connection_limit{web}' }])
  clock.advance(69)
  t.equal(second.destroyed, false)
  clock.advance(1)
  t.equal(second.destroyed, true, 'one limit for both objects that say the same')
  t.equal(serve(of('other')).destroyed, false, 'another listener has its own')
  serve(of('web')).destroy(new Error('reset'))
  await turn()
  t.equal(connections.splice(1).length, 1, 'that it breaks meanwhile is nothing to anybody')
  t.equal(clock.pending, 0)
  first.destroy()
  await turn()
  serve(of('web'))
  t.equal(connections.length, 1)
})

t.test('TLS that fails is told', async (t) => {
  const tls: DownstreamTls = {
    certificate: { kind: 'sds', name: 'default' },
    requireClientCertificate: true,
    validation: undefined,
    alpn: [],
  }
  const failed = start(() => ({ ok: false, reason: 'no certificate' }))
  failed.serve(listenerOf(HTTP, tls))
  t.match(failed.connections, [{ details: 'downstream_tls{no certificate}' }])
  t.same(failed.counts, ['tls_handshake_failed'])
})

const TLS: DownstreamTls = {
  certificate: { kind: 'sds', name: 'default' },
  requireClientCertificate: true,
  validation: undefined,
  alpn: ['weft-h2', 'weft-tcp'],
}
const WEB = 'spiffe://mesh/ns/shop/sa/web'
const AUTO: HttpConnectionManager = { ...HTTP, codec: 'auto' }
const TO_APP: TcpProxy = {
  kind: 'tcp',
  statPrefix: 'tcp',
  clusters: [{ cluster: 'app', weight: 1 }],
  idleTimeoutMs: 0,
}

/** What a sidecar gets for a port that is declared HTTP: nothing but that, from whoever comes. */
function overTls(network: FilterChain['network']): { inner: FakeSocket; run: ReturnType<typeof start> } {
  const inner = new FakeSocket()
  const run = start(() => ({ ok: true, socket: inner as never, alpn: 'weft-tcp', identity: WEB }))
  run.serve(listenerOf(network, TLS))
  return { inner, run }
}

t.test('raw bytes of the mesh on a port of HTTP: requests are served, and nothing else passes', async (t) => {
  const request = overTls(AUTO)
  await request.inner.say(`\r\n${GET}`)
  t.equal(request.run.server.connections, 1)
  t.same(request.run.connections, [])
  for (const bytes of ['EHLO mail\r\n', '\x00\x01', '\x16', '{"json": true}']) {
    const { inner, run } = overTls(AUTO)
    await inner.say(bytes)
    t.match(
      run.connections,
      [{ details: 'opaque_connection_to_http_chain', sourceIdentity: WEB }],
      JSON.stringify(bytes),
    )
    t.equal(inner.destroyed, true)
  }
})

t.test('TLS to a port that speaks HTTP without it is refused at its first byte', async (t) => {
  const { serve, connections } = start()
  const socket = serve(listenerOf(AUTO))
  await socket.say('\x16')
  t.equal(socket.destroyed, true)
  t.match(connections, [{ details: 'no_http' }])
  const declared = start()
  const fixed = declared.serve(listenerOf(HTTP))
  fixed.transport.feed('\x16')
  t.match(fixed.transport.take(), /^HTTP\/1\.1 400 /)
  t.match(declared.records, [{ details: 'downstream_protocol_error{http1.request_line}' }])
})

/** Undeclared: requests and bytes, in plaintext. */
function undeclared(change: Partial<Listener> = {}): Listener {
  const http: FilterChain = {
    ...chainOf(HTTP),
    match: { ...chainOf(HTTP).match, applicationProtocols: ['http/1.1', 'h2c'] },
  }
  return {
    ...listenerOf(HTTP),
    inspectTls: true,
    inspectHttp: true,
    detectTimeoutMs: 3000,
    filterChains: [http],
    defaultFilterChain: chainOf(TO_APP),
    ...change,
  }
}

t.test('who is silent until detection gives up and then sends a request gets it read', async (t) => {
  const { serve, clock, server, upstream, connections } = start()
  upstream.server(1).connect = 'hang'
  const waits = serve(undeclared({ detectTimeoutMs: 0 }))
  clock.advance(3_600_000)
  t.equal(server.active, 0, 'without a limit nobody takes it for opaque')
  await waits.say(GET)
  t.match([server.connections, server.active], [1, 0], 'and then it is HTTP')
  const silent = serve(undeclared())
  clock.advance(3000)
  t.equal(server.active, 1, 'opaque by now')
  silent.destroy()
  await turn()
  t.match(connections, [{ details: 'downstream_remote_disconnect' }])
})

t.test('where only a sidecar is told from plaintext, a moment decides', async (t) => {
  const mutual: FilterChain = {
    ...chainOf(TO_APP, TLS),
    match: { ...chainOf(TO_APP).match, transportProtocol: 'tls', applicationProtocols: ['weft-tcp'] },
  }
  const opaque = undeclared({ filterChains: [mutual] })
  for (const [name, listener, ms] of [
    ['opaque', opaque, 300],
    ['opaque, and a shorter time is asked for', { ...opaque, detectTimeoutMs: 100 }, 100],
    ['undeclared', undeclared({ filterChains: [mutual, ...undeclared().filterChains] }), 3000],
    ['no sidecar comes', undeclared({ filterChains: [{ ...mutual, tls: { ...TLS, alpn: [] } }] }), 3000],
  ] as const) {
    const { serve, clock, server, upstream } = start()
    upstream.server(1).connect = 'hang'
    serve(listener)
    clock.advance(ms - 1)
    t.equal(server.active, 0, name)
    clock.advance(1)
    t.equal(server.active, 1, name)
  }
})

t.test(
  'an open connection follows its chain: other routes, other filters, and what lets nobody in when its chain has gone',
  async (t) => {
    const { serve, upstream } = start()
    const { configuration } = upstream
    const answering = (status: number): RouteConfiguration => ({
      name: `r${status}`,
      virtualHosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ ...forwardTo({}), action: { kind: 'direct', status, body: '' } }],
        },
      ],
    })
    const inline = (status: number): Listener =>
      listenerOf({ ...HTTP, route: { kind: 'inline', config: answering(status) } })
    const first = inline(201)
    configuration.listener(first.name).set(first)
    const { transport } = serve(first)
    const answer = (): string => {
      transport.feed(GET)
      return transport.take()
    }
    t.match(answer(), /^HTTP\/1\.1 201 /)
    configuration.listener(first.name).set(inline(202))
    t.match(answer(), /^HTTP\/1\.1 202 /)
    // A consumer's routes, under a name of their own.
    configuration.listener(first.name).set(listenerOf({ ...HTTP, route: { kind: 'rds', name: 'a@b' } }))
    transport.feed(GET)
    t.equal(transport.take(), '', 'it waits for routes that are on their way')
    t.equal(configuration.route('a@b').watchers > 0, true)
    configuration.route('a@b').set(answering(203))
    t.match(transport.take(), /^HTTP\/1\.1 203 /)
    const abort = { status: 418, grpcStatus: undefined, percent: 100 }
    const config = { delay: undefined, abort, headers: [], maxActive: Infinity }
    const filters = [{ name: 'fault', kind: 'envoy.filters.http.fault', config }]
    configuration
      .listener(first.name)
      .set(listenerOf({ ...HTTP, route: { kind: 'rds', name: 'a@b' }, filters }))
    t.match(answer(), /^HTTP\/1\.1 418 /)
    configuration.listener(first.name).set(null)
    t.match(answer(), /^HTTP\/1\.1 418 /, 'the last that was in force serves on')
    configuration.listener(first.name).set({ ...first, filterChains: [], defaultFilterChain: undefined })
    t.match(answer(), /^HTTP\/1\.1 403 /, 'whom no chain would let in any more has nothing of what he had')
    configuration.listener(first.name).set(first)
    t.match(answer(), /^HTTP\/1\.1 201 /)
    transport.close()
    t.same([configuration.route('a@b').watchers, configuration.listener(first.name).watchers], [0, 0])
  },
)
