import { setTimeout as delay } from 'node:timers/promises'
import {
  status,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { systemClock } from '../../../core/clock.ts'
import { describeError } from '../../../core/errors.ts'
import type { Logger } from '../../../core/log.ts'
import type { Watchable } from '../../../core/watched.ts'
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DiscoveryRequest,
  type Node,
} from '../../../core/xds/generated/envoy.js'
import type { MeshView } from '../../mesh.ts'
import { clientOf, runtimeOf, type MeshClient } from '../../xds/client.ts'
import { anyCallerOf } from '../admission/admitted.ts'
import { callerKey } from '../admission/allowance.ts'
import { RefusalLog } from '../admission/refusal-log.ts'
import type { ControlPlaneMetrics } from '../metrics/control-plane-metrics.ts'
import type { ProxyStream } from '../rest/overview.ts'
import type { Caller } from '../tokens/claims.ts'
import { DeltaSession } from './delta-session.ts'
import { Pushes, type Pushed } from './pushes.ts'
import { BadRequest, printable, type Session, type SessionDependencies } from './session.ts'
import { SotwSession } from './sotw-session.ts'

export interface DiscoveryOptions {
  readonly snapshot: Watchable<MeshView>
  readonly log: Logger
  /** What is counted of streams. */
  readonly metrics?: Pick<ControlPlaneMetrics, 'pushed' | 'rejected'>
}

export interface Discovery {
  readonly title: string
  /** What the names of a request count for, see GrpcService. */
  readonly weigh: (request: unknown) => number
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
  /** Whose streams are open. */
  proxies(): readonly ProxyStream[]
  /** Streams that are still to be told of a change. */
  waiting(): number
  /**
   * Ends every stream with UNAVAILABLE, so that its client goes elsewhere: one after the other, in so many milliseconds
   * at most, so that those who take them on have them one after the other, too. Until then each is told of changes.
   */
  close(withinMs: number): Promise<void>
}

/** What the names on all streams of one caller may take. Bytes, estimated; 50,000 names of a stream take 10 MB. */
const HELD_BY_CALLER = 24 * 1024 * 1024

/**
 * What each name of a request counts for, in bytes of what its caller may send: 5 to 20 us, so that names that change for
 * ever take a few percent of the loop (4,096 a second after the first 16,000).
 */
const NAME_COST = 256
/** Lines of the log a second of a stream whose client refuses. */
const REJECTIONS_TOLD = 1

/** Between two streams that end, where there is time: 50 a second are little to who takes them on. */
const GAP_MS = 20

const TOO_MUCH = 'the names on the streams of this caller take too much memory: ask for fewer'

interface Closeable {
  /** What its names take in memory. */
  readonly held: number
  close(): void
  exhausted(): void
}

interface Request {
  readonly node?: Node | undefined
}

interface HandlingSession<R> extends Session {
  handle(request: R): void
}

interface Open {
  readonly client: MeshClient
  readonly node: string
  readonly runtime: string
  readonly caller: Caller | undefined
  readonly connectedAt: number
  readonly session: Session
}

/**
 * `envoy.service.discovery.v3.AggregatedDiscoveryService`, both variants, over the mesh's snapshot. Who opens a stream
 * is what the server's admission found; where it asks nobody, a node is taken at its word.
 */
export function discoveryService({ snapshot, log, metrics }: DiscoveryOptions): Discovery {
  const pushes = new Pushes(snapshot, metrics ? { pushed: (ms) => metrics.pushed(ms) } : {})
  const open = new Set<Open>()
  const streams = new Set<Closeable>()
  const byCaller = new Map<string, Set<Closeable>>()

  /** When the streams of a caller hold too much together, its oldest ones make room for this one. */
  const makeRoom = (caller: Caller, newest: Closeable): void => {
    const own = byCaller.get(callerKey(caller)) ?? new Set()
    let held = 0
    for (const stream of own) held += stream.held
    for (const stream of own) {
      if (held <= HELD_BY_CALLER) return
      held -= stream.held
      if (stream === newest) throw new BadRequest(TOO_MUCH, true)
      stream.exhausted()
    }
  }

  const serve =
    <Req extends Request, Res>(
      start: (client: MeshClient, deps: SessionDependencies<Res>) => HandlingSession<Req>,
    ) =>
    (call: ServerDuplexStream<Req, Res>): void => {
      const stream = new Stream<Req, Res>(call, anyCallerOf(call.metadata), start)
      streams.add(stream)
      call.on('data', (request: Req) => stream.received(request))
      call.on('end', () => stream.ended())
      // A request that is no message of its type ends up here, too.
      call.on('error', () => stream.ended())
      call.on('cancelled', () => stream.ended())
    }

  class Stream<Req extends Request, Res> implements Pushed {
    readonly #call: ServerDuplexStream<Req, Res>
    readonly #start: (client: MeshClient, deps: SessionDependencies<Res>) => HandlingSession<Req>
    readonly #caller: Caller | undefined
    readonly #rejections = new RefusalLog(log, systemClock, REJECTIONS_TOLD)
    #session: HandlingSession<Req> | undefined
    #entry: Open | undefined
    #ended = false
    /** Responses that wait in memory. */
    #unsent = 0

    constructor(
      call: ServerDuplexStream<Req, Res>,
      caller: Caller | undefined,
      start: (client: MeshClient, deps: SessionDependencies<Res>) => HandlingSession<Req>,
    ) {
      this.#call = call
      this.#caller = caller
      this.#start = start
      this.#joinCaller()
    }

    received(request: Req): void {
      if (this.#ended) return
      try {
        this.#session ??= this.#begin(request)
        const { held } = this.#session
        this.#session.handle(request)
        if (this.#caller && this.#session.held > held) makeRoom(this.#caller, this)
      } catch (error) {
        if (!(error instanceof BadRequest))
          return this.#broken('a discovery request could not be worked out', error)
        log.warn('discovery request refused', { node: this.#entry?.node, reason: error.message })
        this.#fail(error.exhausted ? status.RESOURCE_EXHAUSTED : status.INVALID_ARGUMENT, error.message)
      }
    }

    get writable(): boolean {
      return this.#unsent === 0
    }

    push(): void {
      try {
        this.#session?.push()
      } catch (error) {
        // Nobody else's stream waits for this one.
        this.#broken('a change could not be told to a proxy', error)
      }
    }

    get held(): number {
      return this.#session?.held ?? 0
    }

    close(): void {
      this.#fail(status.UNAVAILABLE, 'the control plane is stopping')
    }

    exhausted(): void {
      log.warn('discovery stream ended for a newer one of its caller', { node: this.#entry?.node })
      this.#fail(status.RESOURCE_EXHAUSTED, TOO_MUCH)
    }

    ended(): void {
      if (this.#ended) return
      this.#ended = true
      streams.delete(this)
      this.#leaveCaller()
      pushes.delete(this)
      if (this.#entry) {
        open.delete(this.#entry)
        log.debug('discovery stream closed', { node: this.#entry.node })
      }
      this.#call.end()
    }

    #joinCaller(): void {
      if (!this.#caller) return
      const key = callerKey(this.#caller)
      byCaller.set(key, (byCaller.get(key) ?? new Set()).add(this))
    }

    #leaveCaller(): void {
      if (!this.#caller) return
      const key = callerKey(this.#caller)
      const own = byCaller.get(key)
      if (own?.delete(this) && own.size === 0) byCaller.delete(key)
    }

    #begin(request: Req): HandlingSession<Req> {
      const caller = this.#caller
      const client = clientOf(request.node, caller && { namespace: caller.namespace, pod: caller.pod?.name })
      const session = this.#start(client, {
        view: () => snapshot.value,
        send: (response) => this.#send(response),
        onRejected: (type, detail) => {
          metrics?.rejected(type)
          this.#rejections.tell('a proxy refused its configuration and goes on with its last', {
            node: this.#entry?.node,
            detail,
          })
        },
      })
      const node = printable(`${client.pod || request.node?.id || 'unknown'}.${client.namespace}`)
      const runtime = printable(runtimeOf(request.node))
      this.#entry = { client, node, runtime, caller, connectedAt: Date.now(), session }
      open.add(this.#entry)
      pushes.add(this)
      log.debug('discovery stream opened', { node, client: client.takes.name })
      return session
    }

    #send(response: Res): void {
      // Who asks and does not read gets no more answers than fit in memory: it is read again once it has read.
      if (this.#unsent++ === 0) this.#call.pause()
      this.#call.write(response, () => {
        if (--this.#unsent > 0 || this.#ended) return
        this.#call.resume()
        pushes.later(this)
      })
    }

    #broken(message: string, error: unknown): void {
      log.error(message, { node: this.#entry?.node, error: describeError(error) })
      this.#fail(status.INTERNAL, message)
    }

    #fail(code: status, details: string): void {
      if (this.#ended) return
      this.#call.emit('error', Object.assign(new Error(details), { code, details }))
      this.ended()
    }
  }

  return {
    title: 'discovery stream',
    weigh: (request) => NAME_COST * namesOf(request as Partial<DiscoveryRequest & DeltaDiscoveryRequest>),
    definition: AggregatedDiscoveryService,
    implementation: {
      streamAggregatedResources: serve((client, deps) => new SotwSession(client, deps)),
      deltaAggregatedResources: serve((client, deps) => new DeltaSession(client, deps)),
    },
    proxies: () => [...open].map(viewOf).sort((a, b) => (a.node < b.node ? -1 : 1)),
    waiting: () => pushes.waiting,
    async close(withinMs) {
      const gapMs = Math.min(GAP_MS, withinMs / Math.max(streams.size, 1))
      const end = performance.now() + withinMs
      for (const stream of [...streams]) {
        stream.close()
        if (streams.size > 0 && performance.now() < end) await delay(gapMs)
      }
      // Those that came meanwhile.
      for (const stream of streams) stream.close()
      pushes.close()
    },
  }
}

function namesOf(request: Partial<DiscoveryRequest & DeltaDiscoveryRequest>): number {
  const { resourceNames = [], resourceNamesSubscribe = [], resourceNamesUnsubscribe = [] } = request
  const held = Object.keys(request.initialResourceVersions ?? {})
  return resourceNames.length + resourceNamesSubscribe.length + resourceNamesUnsubscribe.length + held.length
}

function viewOf({ client, node, runtime, caller, connectedAt, session }: Open): ProxyStream {
  return {
    node,
    namespace: client.namespace,
    pod: client.pod,
    serviceAccount: caller?.serviceAccount ?? '',
    connectedAt,
    runtime,
    version: session.version,
    rejected: session.rejected,
  }
}
