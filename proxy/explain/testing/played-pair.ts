import { ALPN_LINK } from '../../../core/contract.ts'
import type { Explanation } from '../../../core/api/explanation.ts'
import type { ProxyQuestion } from '../../../core/explain/proxy-question.ts'
import { MemoryExchange, type FakeCaller } from '../../exchange/testing/memory-exchange.ts'
import { noTelemetry, type RequestRecord } from '../../exchange/telemetry-sink.ts'
import type { HttpConnectionManager, Listener } from '../../model/listener.ts'
import type { DownstreamTls } from '../../model/tls.ts'
import { StepCompiler } from '../../steps/request-steps.ts'
import { chainOf, endpointAt, listenerOf, MANAGER } from '../../testing/static-configuration.ts'
import { explain } from '../explain.ts'
import type { LiveProxy } from '../live-proxy.ts'
import type { RandomPair } from './random-pair.ts'

const ADDRESS = { host: '10.0.0.9', port: 80 }
const MUTUAL: DownstreamTls = {
  certificate: { kind: 'sds', name: 'default' },
  requireClientCertificate: true,
  validation: { roots: { kind: 'sds', name: 'ROOTCA' }, subjectAltNames: [] },
  alpn: [ALPN_LINK],
}
/** Longer than whatever is waited for. */
const LONG_MS = 60_000

/** What became of a request. */
export interface Played {
  readonly record: RequestRecord
  readonly caller: FakeCaller
  /** Requests that reached a server, the first first: at which endpoint. */
  readonly reached: readonly string[]
  /** Connections that were tried. */
  readonly firstTry: string | undefined
}

/** A proxy of this configuration, in memory: asked, and then used. */
export class PlayedPair {
  readonly mesh = new MemoryExchange()
  readonly live: LiveProxy
  readonly #pair: RandomPair
  readonly #reached: string[] = []
  readonly #tried: string[] = []

  constructor(pair: RandomPair, random: () => number) {
    this.#pair = pair
    const { mesh } = this
    const { configuration } = mesh.upstream
    mesh.random = mesh.pickRandom = random
    const inbound = pair.direction === 'inbound'
    mesh.hop = {
      ...mesh.hop,
      direction: pair.direction,
      original: ADDRESS,
      destination: ADDRESS,
      downstream: '10.0.0.7:0',
      sourceIdentity: pair.identity,
      tls: inbound,
      link: inbound,
      http2: inbound,
    }
    mesh.settings = {
      ...MANAGER,
      filters: pair.filters,
      route: { kind: 'rds', name: 'r' },
    } as HttpConnectionManager
    mesh.routes.set({
      name: 'r',
      virtualHosts: [{ name: 'all', domains: pair.domains, routes: pair.routes }],
    })
    const listener: Listener = {
      ...listenerOf(mesh.settings),
      filterChains: [chainOf(mesh.settings, inbound ? MUTUAL : undefined)],
    }
    configuration.listener(inbound ? 'inbound' : 'outbound/10.0.0.9:80').set(listener)
    const steps = new StepCompiler({ clock: mesh.clock, random, telemetry: noTelemetry })
    const [chain] = listener.filterChains
    if (chain) mesh.steps = steps.requestSteps(listener, chain, mesh.settings)
    this.#setClusters()
    const manager = { settings: mesh.settings, routes: mesh.routes, steps: mesh.steps }
    this.live = {
      configuration,
      exchange: {
        clusters: mesh.upstream.clusters,
        clock: mesh.clock,
        configVersion: () => 'v1',
        configWaitMs: 500,
        overloaded: () => false,
      },
      random,
      localIdentity: () => '',
      ownAddresses: new Set(inbound ? [ADDRESS.host] : []),
      ownPorts: () => ({ outbound: -1, inbound: -1 }),
      connections: () => ({ managerOf: () => manager, stepsOf: () => [] }),
    }
  }

  #setClusters(): void {
    const { upstream } = this.mesh
    for (const { name, missing, balancing, endpoints } of this.#pair.clusters) {
      upstream.configuration.setCluster(name, [], { balancing })
      if (missing) {
        upstream.configuration.cluster(name).set(null)
        continue
      }
      upstream.configuration.endpoints(name).set({
        clusterName: name,
        endpoints: endpoints.map(({ port, weight, health }) => endpointAt(port, { weight, health })),
      })
      for (const { port, does } of endpoints) {
        const server = upstream.server(port)
        if (does.kind === 'no-connection') server.connect = 'refuse'
        server.onStream = (stream) => {
          this.#reached.push(`127.0.0.1:${port}`)
          if (does.kind === 'status') this.mesh.clock.after(0, () => stream.respond(does.status))
          else if (does.kind === 'reset') this.mesh.clock.after(0, () => stream.fail('protocol'))
          else if (does.kind === 'refused') this.mesh.clock.after(0, () => stream.fail('refused'))
        }
      }
    }
  }

  async explained(): Promise<Explanation> {
    const { direction, identity, request } = this.#pair
    const inbound = direction === 'inbound'
    const question: ProxyQuestion = {
      direction,
      address: ADDRESS.host,
      port: ADDRESS.port,
      carries: inbound ? 'tls' : 'http1',
      serverName: '',
      alpn: inbound ? [ALPN_LINK] : [],
      passedName: '',
      identity,
      source: '10.0.0.7',
      request,
    }
    return (await explain(question, this.live, { pod: 'web-1', namespace: 'shop' })).explanation
  }

  /** Sends the request, and lets time pass until it is over; a caller leaves in the end. */
  play(): Played {
    const { mesh } = this
    const { method, path, fields } = this.#pair.request
    this.#reached.length = 0
    this.#tried.length = 0
    const before = mesh.records.length
    const endpoints = [...mesh.upstream.clusters.clusters.values()].flatMap(({ states }) => [
      ...states.values(),
    ])
    const restore = endpoints.map((state) => {
      const pool = state.pool.bind(state)
      state.pool = (http2) => {
        this.#tried.push(state.address)
        return pool(http2)
      }
      return () => (state.pool = pool)
    })
    const caller = mesh.send({ method, path, fields: [...fields] })
    for (let passed = 0; passed < LONG_MS && mesh.records.length === before; passed += 50)
      mesh.clock.advance(50)
    if (mesh.records.length === before) caller.leave()
    for (const back of restore) back()
    const record = mesh.records.at(-1)
    if (!record) throw new Error('a request without a record')
    return { record, caller, reached: [...this.#reached], firstTry: this.#tried[0] }
  }
}
