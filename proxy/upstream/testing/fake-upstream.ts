import { Socket } from 'node:net'
import { ManualClock } from '../../../core/clock.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { TestConfiguration } from '../../testing/static-configuration.ts'
import { allowsPeer } from '../../transport/peer-identity.ts'
import type { CreateClientCodec } from '../client-codec.ts'
import { ClusterManager } from '../cluster-manager.ts'
import type { Connected, Connector, ConnectTarget } from '../connector.ts'
import { upstreamDependencies, type UpstreamDependencies } from '../dependencies.ts'
import { FakeConnection, type FakeStream } from './fake-connection.ts'

/** A server at one address, as a test wants it; every property may change at any time. */
export class FakeServer {
  /** What becomes of connections: `hang` lets them run into the cluster's connect timeout. */
  connect: 'accept' | 'refuse' | 'hang' = 'accept'
  /** How long a connection or its refusal takes. */
  connectMs = 0
  alpn = ''
  /** SPIFFE ID in its certificate; undefined: the one that is expected. */
  identity: string | undefined
  /** Streams at once on one HTTP/2 connection. */
  maxStreams = 100
  /** Called for each request; it stays unanswered otherwise, for the test to answer. */
  onStream: (stream: FakeStream) => void = () => {}
  /** What was asked for, one for each attempt to connect. */
  readonly targets: ConnectTarget[] = []
  /** Sockets of connections that came about, newest last: bare ones, which carry nothing. */
  readonly sockets: Socket[] = []
  /** Connections that speak HTTP, newest last. */
  readonly connections: FakeConnection[] = []

  /** Every request so far, in the order of the connections. */
  get streams(): readonly FakeStream[] {
    return this.connections.flatMap(({ streams }) => streams)
  }

  /** The newest request that waits for its answer. */
  get stream(): FakeStream {
    const open = this.streams.filter(({ over }) => !over)
    const newest = open.at(-1)
    if (!newest) throw new Error('no request waits here')
    return newest
  }
}

/**
 * Everything behind the proxy without a socket: configuration, clock and servers are the test's. A connection comes
 * about when the clock is advanced (`advance(0)` at least); nothing happens by itself.
 */
export class FakeUpstream {
  readonly clock = new ManualClock(1_000_000)
  readonly configuration = new TestConfiguration()
  readonly clusters: ClusterManager
  readonly deps: UpstreamDependencies
  readonly #servers = new Map<string, FakeServer>()
  readonly #serverOf = new WeakMap<Socket, FakeServer>()

  /** `change`: whatever a test wants to be otherwise; `random` is 0 unless given. */
  constructor(change: Partial<UpstreamDependencies> = {}) {
    this.deps = upstreamDependencies({
      configuration: this.configuration,
      connector: this.#connect,
      createClientCodec: this.#createClientCodec,
      clock: this.clock,
      random: () => 0,
      lookup: (_name, done) => done(undefined),
      ...change,
    })
    this.clusters = new ClusterManager(this.deps)
  }

  /** The server at `127.0.0.1:port`, or at a whole address. */
  server(at: number | string): FakeServer {
    const address = typeof at === 'number' ? `127.0.0.1:${at}` : at
    let server = this.#servers.get(address)
    if (!server) this.#servers.set(address, (server = new FakeServer()))
    return server
  }

  readonly #connect: Connector = (target, done) => {
    const server = this.server(`${target.host}:${target.port}`)
    server.targets.push(target)
    const hangs = server.connect === 'hang' || server.connectMs > target.timeoutMs
    const cancel = this.clock.after(hangs ? target.timeoutMs : server.connectMs, () => {
      if (hangs) return refuse(ResponseFlag.UF, 'upstream_connect_timeout')
      if (server.connect === 'refuse')
        return refuse(ResponseFlag.UF, 'upstream_connect_failure{ECONNREFUSED}')
      const identity = server.identity ?? target.identity
      const expected = target.identity === '' || identity === target.identity
      if (!expected || !allowsPeer(target.tls?.validation, identity))
        return refuse(ResponseFlag.UF | ResponseFlag.UAEX, `upstream_identity{the peer is ${identity}}`)
      const socket = new Socket()
      server.sockets.push(socket)
      this.#serverOf.set(socket, server)
      done({ socket, alpn: target.tls ? server.alpn : '', identity }, undefined)
    })
    const refuse = (flags: number, details: string): void =>
      done(undefined, { reason: 'connect', flags, details })
    return { cancel }
  }

  readonly #createClientCodec: CreateClientCodec = (
    { socket }: Connected,
    handler,
    protocol,
    { idleTimeoutMs },
  ) => {
    const server = this.#serverOf.get(socket)
    if (!server) throw new Error('a connection that was not made here')
    const connection = new FakeConnection(protocol, handler, idleTimeoutMs, server.maxStreams, (stream) =>
      server.onStream(stream),
    )
    server.connections.push(connection)
    return connection
  }
}
