import { Watched } from '../../../core/watched.ts'
import type { RequestHead } from '../../http/message.ts'
import type { ServerHandler, ServerStream } from '../../http/stream.ts'
import { connectHttp1 } from '../../http1/client.ts'
import { serveHttp1 } from '../../http1/server.ts'
import { MemoryTransport } from '../../http1/testing/memory-transport.ts'
import { connectHttp2 } from '../../http2/client.ts'
import { serveHttp2 } from '../../http2/server.ts'
import { MemoryWire } from '../../http2/testing/memory-wire.ts'
import type { Hop } from '../../model/hop.ts'
import type { HttpConnectionManager } from '../../model/listener.ts'
import type { Route, RouteConfiguration } from '../../model/route.ts'
import { HOP } from '../../steps/testing/requests.ts'
import { forwardTo, MANAGER } from '../../testing/static-configuration.ts'
import type { CreateClientCodec } from '../../upstream/client-codec.ts'
import { FakeUpstream } from '../../upstream/testing/fake-upstream.ts'
import { meshTls } from '../../upstream/testing/mesh-tls.ts'
import { WeightedPicks, type ExchangeDependencies } from '../dependencies.ts'
import { Exchange } from '../exchange.ts'
import { MirrorRoom } from '../mirror-room.ts'
import { RunningExchanges } from '../running-exchanges.ts'
import { noTelemetry } from '../telemetry-sink.ts'
import { NO_STEPS } from '../../steps/request-steps.ts'

export interface PairOptions {
  /** Of the caller's sidecar. */
  readonly route?: Route
  /** Settings of both sidecars, and of one. */
  readonly settings?: Partial<HttpConnectionManager>
  readonly outbound?: Partial<HttpConnectionManager>
  readonly inbound?: Partial<HttpConnectionManager>
  /** The other end of the link of one sidecar is of a version that knows no spelling. */
  readonly old?: 'caller' | 'server'
}

/** One request from a caller to an application through two sidecars, HTTP/1.1 at both ends and the link between, in memory. */
export class MemoryPair {
  /** The caller's end. */
  readonly caller = new MemoryTransport()
  /** The application's end, once it was connected to. */
  app: MemoryTransport | undefined
  readonly link = new MemoryWire()
  readonly #outbound: FakeUpstream
  readonly #inbound: FakeUpstream

  constructor({ route = forwardTo({ app: 1 }), settings, outbound, inbound, old }: PairOptions = {}) {
    this.#inbound = upstream((_connected, handler) => {
      this.app = new MemoryTransport()
      return connectHttp1(this.app, handler, {})
    })
    this.#outbound = upstream((_connected, handler) => {
      const server = served(this.#inbound, forwardTo({ app: 1 }), { ...settings, ...inbound }, INBOUND)
      serveHttp2(this.link.right, server, { spelling: old !== 'server' })
      return connectHttp2(this.link.left, handler, { spelling: old !== 'caller' })
    })
    this.#outbound.configuration.setCluster('app', [1], { tls: meshTls([]) })
    Object.assign(this.#outbound.server(1), { alpn: 'weft-h2' })
    this.#inbound.configuration.setCluster('app', [1])
    serveHttp1(this.caller, served(this.#outbound, route, { ...settings, ...outbound }, OUTBOUND), {})
  }

  /** Carries what was written until nothing moves; what either end got is in its transport's `take`. */
  run(): void {
    for (let i = 0; i < 4; i++) {
      this.#outbound.clock.advance(0)
      this.link.run()
      this.#inbound.clock.advance(0)
      this.link.run()
    }
  }

  /** What the application got of `text` from the caller. */
  ask(text: string): string {
    this.caller.feed(text)
    this.run()
    return this.app?.take() ?? ''
  }

  /** What the caller got of `text` from the application. */
  answer(text: string): string {
    this.app?.feed(text)
    this.run()
    return this.caller.take()
  }
}

const OUTBOUND: Hop = { ...HOP, direction: 'outbound' }
const INBOUND: Hop = { ...HOP, sourceIdentity: 'spiffe://mesh/ns/shop/sa/web', http2: true, link: true }

function upstream(createClientCodec: CreateClientCodec): FakeUpstream {
  return new FakeUpstream({ createClientCodec })
}

function served(
  { clock, clusters }: FakeUpstream,
  route: Route,
  change: Partial<HttpConnectionManager>,
  hop: Hop,
): ServerHandler {
  const deps: ExchangeDependencies = {
    clusters,
    telemetry: noTelemetry,
    picks: new WeightedPicks(() => 0),
    mirrorRoom: new MirrorRoom(),
    clock,
    random: () => 0,
    configVersion: () => 'v1',
    configWaitMs: 500,
    running: new RunningExchanges(),
    overloaded: () => false,
  }
  const routes = new Watched<RouteConfiguration | null | undefined>({
    name: 'r',
    virtualHosts: [{ name: 'all', domains: ['*'], routes: [route] }],
  })
  const settings: HttpConnectionManager = { ...MANAGER, traffic: undefined, ...change }
  const managers = { value: { settings, routes, steps: NO_STEPS } }
  return {
    onRequest(stream: ServerStream, head: RequestHead, end: boolean) {
      const exchange = new Exchange(deps, managers, { ...hop }, stream, head, end)
      exchange.start()
      return exchange
    },
    onRefused() {},
    onClose() {},
  }
}
