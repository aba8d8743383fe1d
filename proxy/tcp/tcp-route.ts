import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { ConnectionRecord, TelemetrySink } from '../exchange/telemetry-sink.ts'
import type { TcpProxy } from '../model/listener.ts'
import { WeightedPick } from '../route/weighted-pick.ts'
import { refuseTruncation } from '../transport/refuse-truncation.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import { outcomeOf, relay } from './relay.ts'

const CONNECT_TRIES = 3

export interface TcpDependencies {
  readonly clusters: ClusterManager
  readonly telemetry: TelemetrySink
  readonly configWaitMs: number
  /** Monotonic. */
  readonly clock: Clock
}

export interface TcpHop {
  readonly direction: 'outbound' | 'inbound'
  readonly original: Destination | undefined
  readonly downstream: string
  readonly sourceIdentity: string
}

/** Opaque connections of one filter chain: pick, connect (elsewhere if that fails: no byte was sent), copy. */
export class TcpRoute {
  readonly #deps: TcpDependencies
  readonly #settings: TcpProxy
  readonly #pick: WeightedPick

  constructor(deps: TcpDependencies, settings: TcpProxy) {
    this.#deps = deps
    this.#settings = settings
    this.#pick = new WeightedPick(settings.clusters.map((cluster) => cluster.weight))
  }

  serve(socket: Socket, hop: TcpHop, finished: () => void): void {
    const name = this.#settings.clusters[this.#pick.next()]?.cluster ?? ''
    const { clock } = this.#deps
    const startedAt = clock.now()
    const record = newConnectionRecord(hop, name, startedAt)
    socket.pause()
    let gone = false
    const onGone = (): void => {
      gone = true
    }
    const onError = (): void => {}
    socket.on('close', onGone)
    socket.on('error', onError)

    const end = (flags: number, details: string): void => {
      record.flags |= flags
      record.details = details
      record.durationMs = clock.now() - startedAt
      this.#deps.telemetry.connectionFinished(record)
      if (!socket.destroyed) socket.destroy()
      finished()
    }
    const cluster = this.#deps.clusters.get(name)
    cluster.whenReady(this.#deps.configWaitMs, () => {
      if (gone) return end(ResponseFlag.DC, 'downstream_remote_disconnect')
      if (!cluster.config) return end(ResponseFlag.NC, 'cluster_not_found')
      record.service = cluster.config.service
      this.#connect(cluster, hop, [], (endpoint, upstream, identity, flags, details) => {
        if (!endpoint || !upstream) return end(flags, details)
        if (gone) {
          upstream.destroy()
          return end(ResponseFlag.DC, 'downstream_remote_disconnect')
        }
        socket.off('close', onGone)
        record.upstream = endpoint.address
        if (hop.direction === 'outbound') record.destinationIdentity = identity
        endpoint.active++
        refuseTruncation(socket)
        refuseTruncation(upstream)
        relay(socket, upstream, { clock, idleTimeoutMs: this.#settings.idleTimeoutMs }, (over) => {
          endpoint.active--
          record.bytesReceived = over.sent
          record.bytesSent = over.received
          const { flags, details } = outcomeOf(over)
          end(flags, details)
        })
      })
    })
  }

  #connect(
    cluster: UpstreamCluster,
    hop: TcpHop,
    tried: EndpointState[],
    done: (
      endpoint: EndpointState | undefined,
      upstream: Socket | undefined,
      identity: string,
      flags: number,
      details: string,
    ) => void,
  ): void {
    const endpoint = cluster.pick(hop.original, tried)
    if (!endpoint) return done(undefined, undefined, '', ResponseFlag.UH, 'no_healthy_upstream')
    endpoint.connect((connected, failure) => {
      if (connected) return done(endpoint, connected.socket, connected.identity, 0, '')
      // It left while we connected, and is not picked again: no try was lost on it.
      if (failure?.reason === 'removed') return this.#connect(cluster, hop, tried, done)
      tried.push(endpoint)
      if (tried.length < CONNECT_TRIES) return this.#connect(cluster, hop, tried, done)
      done(undefined, undefined, '', failure?.flags ?? ResponseFlag.UF, failure?.details ?? '')
    })
  }
}

/** `startedAt` is on performance.now's clock. */
export function newConnectionRecord(
  hop: TcpHop,
  cluster: string,
  startedAt: number = performance.now(),
): ConnectionRecord {
  return {
    direction: hop.direction,
    startMs: performance.timeOrigin + startedAt,
    durationMs: 0,
    cluster,
    service: '',
    upstream: '',
    downstream: hop.downstream,
    sourceIdentity: hop.sourceIdentity,
    destinationIdentity: '',
    flags: 0,
    details: '',
    bytesReceived: 0,
    bytesSent: 0,
  }
}
