import { field, setField, type Fields, type RequestHead, type ResponseHead } from '../http/message.ts'
import type { ResetReason } from '../http/stream.ts'
import { hashes } from '../model/balancing.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import type { ForwardAction, HedgePolicy, Route, WeightedCluster } from '../model/route.ts'
import { mutate } from '../route/rewrite.ts'
import type { Session } from '../steps/step.ts'
import { addressesOf } from '../transport/proxy-protocol.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { Reuse } from '../upstream/http-pool.ts'
import { OwnConnections } from '../upstream/own-connections.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import { Affinity } from './affinity.ts'
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import type { ExchangeDependencies } from './dependencies.ts'
import { chooseBackend, otherBackend } from './backend-choice.ts'
import type { Caller } from './caller.ts'
import { logsInConnection } from './connection-login.ts'
import { Deadline } from './deadline.ts'
import { failureOf, outcomeOf } from './failure.ts'
import { formatGrpcTimeout, grpcTimeoutMs } from './grpc-timeout.ts'
import { Hedges } from './hedging.ts'
import { markProtocol } from './hop-headers.ts'
import { startMirrors, type Mirror } from './mirror.ts'
import { applyBackend, applyRoute } from './outgoing-head.ts'
import { REPLAY_LIMIT_BYTES } from './replay-buffer.ts'
import { DEADLINE_EXCEEDED } from './reply.ts'
import { backoffMs, badAnswer, decideRetry, isIdempotent, type Outcome } from './retry.ts'
import type { TryKind } from './telemetry-sink.ts'
import { beginTries, beginTry, closeTries, endTry, SILENT, type TryEnd } from './tries.ts'
import { upgradeAllowed } from './upgrade-allowed.ts'

const NO_MIRRORS: readonly Mirror[] = []

/** One request on its way to a cluster of its route: endpoint, tries, timeouts, mirrors. The router of `http_filters`. */
export class Forwarding implements AttemptOwner {
  readonly #deps: ExchangeDependencies
  readonly #caller: Caller
  readonly #route: Route
  readonly #action: ForwardAction
  #weighted: WeightedCluster | undefined
  #cluster: UpstreamCluster | undefined
  /** Of a route with failover: clusters that had no endpoint for the request, and its fields before one had changed them. */
  #left: WeightedCluster[] | undefined
  #unchanged: RequestHead | undefined
  /** The last try came to no endpoint. */
  #unreached = false
  #attempt: Attempt | undefined
  /** Tries beside it, where the route has them. */
  #hedges: Hedges | undefined
  #tried: EndpointState[] | undefined
  #affinity: Affinity | undefined
  #session: Session | undefined
  /** The endpoint of the request's session. */
  #pinned: EndpointState | undefined
  #mirrors: readonly Mirror[] = NO_MIRRORS
  #retries = 0
  #replays = 0
  /** What the next try is to the first. */
  #nextKind: TryKind = 'first'
  /** It counts among those that its cluster tries again. */
  #retrying = false
  #responding = false
  #tunnel = false
  #over = false
  /** Of the whole request with all its tries; undefined: none. */
  #deadline: Deadline | undefined
  /** Gives up what it waits for: the cluster, or the next try. */
  #cancelWait: (() => void) | undefined

  constructor(deps: ExchangeDependencies, caller: Caller, route: Route, action: ForwardAction) {
    this.#deps = deps
    this.#caller = caller
    this.#route = route
    this.#action = action
  }

  start(): void {
    const { head, manager } = this.#caller
    const session = manager.steps.sessions?.session(head, this.#route)
    this.#session = session
    if (session) this.#resume(session)
    else this.#choose(undefined)
  }

  #resume(session: Session): void {
    const weighted = this.#action.clusters.find(({ cluster }) => cluster === session.cluster)
    if (!weighted || weighted.cluster === '') return this.#choose(undefined)
    // Whether its endpoint is still there has to be known before another backend may be picked.
    const cluster = this.#deps.clusters.get(weighted.cluster)
    const choose = (): void => {
      this.#pinned = cluster.endpointAt(session.address)
      this.#choose(this.#pinned && weighted)
    }
    if (cluster.ready) return choose()
    this.#cancelWait = cluster.whenReady(this.#deps.configWaitMs, () => {
      this.#cancelWait = undefined
      if (!this.#over) choose()
    })
  }

  /** `pinned`: the backend of the request's session; undefined: it goes by weight. */
  #choose(pinned: WeightedCluster | undefined): void {
    const { head, hop, record, wantsUpgrade } = this.#caller
    const action = this.#action
    const weighted = pinned ?? chooseBackend(this.#deps, action)
    if (!weighted || weighted.cluster === '')
      return this.#fail(ResponseFlag.NB, 500, 'invalid_backend', 'a backend of the route is invalid')
    this.#weighted = weighted
    record.cluster = weighted.cluster
    if (wantsUpgrade && !upgradeAllowed(head, action))
      return this.#fail(0, 403, 'upgrade_failed', 'this upgrade is not allowed here')
    const reply = applyRoute(head, this.#route, action, this.#caller.manager.settings.paths)
    if (reply) return this.#caller.fail(0, reply, 'connection')
    if (action.failover) this.#unchanged = { ...head, fields: [...head.fields] }
    this.#prepare(weighted)
    if (!this.#startTimers(action)) return
    if (!hop.own && logsInConnection(head.fields)) hop.own = new OwnConnections(addressesOf(hop), true)
    // A copy of a login would log in a connection that others share.
    if (action.mirrors.length > 0 && !wantsUpgrade && !hop.own)
      this.#mirrors = startMirrors(
        this.#deps,
        hop.original,
        head,
        action,
        this.#caller.http2,
        this.#caller.body,
        record,
      )

    this.#enter(weighted)
  }

  /** The request as it goes to this cluster. */
  #prepare(weighted: WeightedCluster): void {
    const { head, hop, http2, manager } = this.#caller
    applyBackend(head, weighted, hop, manager.settings, http2)
  }

  #enter(weighted: WeightedCluster): void {
    const cluster = this.#deps.clusters.get(weighted.cluster)
    this.#cluster = cluster
    cluster.active++
    if (cluster.ready) this.#admitted(cluster)
    else this.#waitFor(cluster)
  }

  #waitFor(cluster: UpstreamCluster): void {
    this.#cancelWait = cluster.whenReady(this.#deps.configWaitMs, () => {
      this.#cancelWait = undefined
      if (!this.#over) this.#admitted(cluster)
    })
  }

  // From the caller.

  /** More of the request's body. False: no more until `Caller.proceed`. */
  data(chunk: Buffer): boolean {
    for (const mirror of this.#mirrors) mirror.data(chunk)
    const stream = this.#attempt?.stream
    const { body } = this.#caller
    let room = true
    if (body.complete) {
      body.add(chunk)
      if (body.full && stream) body.release()
      else if (body.full) room = false
    }
    return stream && !stream.data(chunk) ? false : room
  }

  /** The request is whole. */
  end(trailers: Fields | undefined): void {
    for (const mirror of this.#mirrors) mirror.end(trailers)
    this.#attempt?.stream?.end(trailers)
    if (this.#over) return
    // As in Envoy, what an upload takes is not the upstream's time.
    if (this.#action.timeoutMs > 0 && !this.#tunnel)
      this.#limit(this.#deps.clock.now() + this.#action.timeoutMs)
    if (this.#responding || !this.#attempt) return
    this.#attempt.limit(this.#perTryTimeoutMs)
    this.#armHedge()
  }

  /** The caller takes more of the answer again. */
  resume(): void {
    this.#attempt?.stream?.resume()
  }

  /** The answer is whole before the request is: the rest of that is not wanted. */
  dropRest(): void {
    this.#attempt?.stream?.reset('cancel')
  }

  abandon(reason: ResetReason): void {
    this.#attempt?.abandon(reason)
    this.#hedges?.abandon(reason)
  }

  /** The exchange is over, whichever way. */
  over(): void {
    this.#over = true
    closeTries(this.#caller.record, this.#attempt, this.#deps.clock)
    this.#hedges?.stop()
    this.#cancelWait?.()
    this.#deadline?.stop()
    for (const mirror of this.#mirrors) mirror.requestOver()
    this.#leave()
  }

  /** It is none of its cluster's any more. */
  #leave(): void {
    if (!this.#cluster) return
    this.#cluster.active--
    if (this.#retrying) this.#cluster.breakers.retries--
    this.#retrying = false
  }

  // To an endpoint.

  /**
   * The caller's grpc-timeout counts from the request's arrival, and the route's timeout from when the request is whole.
   * False: the former is over already, and that was answered.
   */
  #startTimers(action: ForwardAction): boolean {
    const { body, grpc, head, startedAt } = this.#caller
    const grpcTimeout = grpc ? grpcTimeoutMs(head.fields) : undefined
    const limited = action.timeoutMs > 0 && body.ended
    // The clock is looked at where that says something: a look costs as much as a hundred lines of this.
    if (grpcTimeout === undefined && !limited) return true
    const now = this.#deps.clock.now()
    if (grpcTimeout !== undefined && startedAt + grpcTimeout <= now) {
      this.#timeout()
      return false
    }
    if (grpcTimeout !== undefined) this.#limit(startedAt + grpcTimeout)
    if (limited) this.#limit(now + action.timeoutMs)
    return true
  }

  /** The request is over by `deadline`, on the clock, at the latest. */
  #limit(deadline: number): void {
    this.#deadline ??= this.#newDeadline()
    this.#deadline.limit(deadline)
  }

  #newDeadline(): Deadline {
    return new Deadline(this.#deps.clock, () => this.#timeout())
  }

  #timeout(): void {
    if (this.#over) return
    this.abandon('timeout')
    const text = 'the upstream took too long'
    const reply = { status: 504, details: 'response_timeout', text, grpcStatus: DEADLINE_EXCEEDED }
    this.#caller.fail(ResponseFlag.UT, reply, 'timeout')
  }

  #fail(flags: number, status: number, details: string, text: string): void {
    this.#caller.fail(flags, { status, details, text }, 'connection')
  }

  /** This cluster has no endpoint for the request. True: it goes to another one, which has. */
  #failOver(): boolean {
    const { head, hop, record } = this.#caller
    const weighted = this.#weighted
    if (!this.#action.failover || !this.#unchanged || !weighted || hop.own) return false
    const left = (this.#left ??= [])
    left.push(weighted)
    const other = otherBackend(this.#deps, this.#action, left, !this.#unreached)
    if (!other) return false
    this.#leave()
    this.#weighted = other
    record.cluster = other.cluster
    Object.assign(head, this.#unchanged, { fields: [...this.#unchanged.fields] })
    this.#prepare(other)
    this.#unreached = false
    this.#enter(other)
    return true
  }

  #admitted(cluster: UpstreamCluster): void {
    const { config } = cluster
    if (!config && this.#failOver()) return
    if (!config)
      return this.#fail(
        ResponseFlag.NC,
        503,
        'cluster_not_found',
        'the destination of the route is not known',
      )
    this.#caller.record.service = config.service
    if (!cluster.breakers.tryRequest(cluster.active)) {
      const text = 'too many requests to this destination'
      return this.#fail(ResponseFlag.UO, 503, 'upstream_overflow{requests}', text)
    }
    const now = this.#deps.clock.now()
    cluster.budget.request(now)
    const { hashPolicies } = this.#action
    if (hashPolicies && hashes(config.balancing.policy)) {
      const { head, hop } = this.#caller
      this.#affinity = new Affinity(hashPolicies, head, hop.downstream, this.#deps.random)
    }
    this.#try(now)
  }

  #try(now: number): void {
    this.#cancelWait = undefined
    if (this.#over) return
    const { hop, record } = this.#caller
    const cluster = this.#cluster
    const { own } = hop
    const endpoint =
      (own && cluster && !this.#tried ? own.endpointIn(cluster) : undefined) ??
      (this.#tried || this.#pinned?.closed ? undefined : this.#pinned) ??
      (record.attempts === 0 ? cluster?.trial() : undefined) ??
      cluster?.pick(hop.original, this.#tried, this.#affinity?.hash)
    const useless = !endpoint || (this.#unreached && this.#tried?.includes(endpoint))
    if (useless && this.#failOver()) return
    if (!endpoint) return this.#fail(ResponseFlag.UH, 503, 'no_healthy_upstream', 'no healthy upstream')
    const attempt = this.#attemptAt(endpoint, this.#nextKind, now)
    this.#attempt = attempt
    attempt.start(this.#caller.body.ended ? this.#perTryTimeoutMs : 0)
    this.#armHedge()
  }

  get #perTryTimeoutMs(): number {
    return this.#action.retry?.perTryTimeoutMs ?? 0
  }

  #attemptAt(endpoint: EndpointState, kind: TryKind, now: number): Attempt {
    const { head, hop, http2, record } = this.#caller
    record.attempts++
    this.#noteUpstream(endpoint)
    const unshared =
      hop.own ?? (endpoint.proxyProtocol && (hop.named ??= new OwnConnections(addressesOf(hop), false)))
    const pool = unshared ? unshared.pool(endpoint, http2) : endpoint.pool(http2)
    const attempt = new Attempt(this, endpoint, head, pool, this.#deps.clock, now, this.#reuse)
    if (record.tries) beginTry(record, attempt, kind, record.span ? this.#deps.telemetry.trySpanId() : '')
    return attempt
  }

  #noteUpstream({ address, endpoint }: EndpointState): void {
    this.#caller.record.upstream = address
    this.#caller.record.upstreamWorkload = endpoint.workload
    if (this.#caller.hop.direction === 'outbound') this.#caller.record.peer = endpoint.owner ?? ''
  }

  // Beside a try that takes long.

  /** Of a request that is whole, so that all of it can go elsewhere as well. */
  #armHedge(): void {
    const policy = this.#action.hedge
    const { body, head, hop, wantsUpgrade } = this.#caller
    if (!policy || this.#over || !this.#attempt || !body.ended || wantsUpgrade) return
    // A session's or a login's endpoint is the only one that will do.
    if (hop.own || this.#pinned) return
    if (!policy.nonIdempotent && !isIdempotent(head.method)) return
    this.#hedges ??= this.#newHedges(policy)
    this.#hedges.arm()
  }

  #newHedges(policy: HedgePolicy): Hedges {
    return new Hedges(policy, this.#deps.clock, () => this.#hedge())
  }

  #hedge(): void {
    const first = this.#attempt
    const hedges = this.#hedges
    if (!first || !hedges || this.#over || !this.#caller.body.complete) return
    const endpoint = this.#other([first, ...hedges.running])
    if (!endpoint || !this.#mayRetry() || !this.#countRetrying()) return
    this.#deps.telemetry.count('hedges_sent')
    beginTries(this.#caller.record, first)
    const attempt = this.#attemptAt(endpoint, 'hedge', this.#deps.clock.now())
    hedges.add(attempt)
    attempt.start(this.#perTryTimeoutMs)
  }

  /** `attempt` has brought no answer. True: others run, one of which may. */
  #othersRun(attempt: Attempt, end: TryEnd): boolean {
    const next = this.#hedges?.without(this.#attempt, attempt)
    if (!next) return false
    endTry(attempt, end, this.#deps.clock.now())
    this.#attempt = next
    this.#noteUpstream(next.endpoint)
    return true
  }

  /** The request stays with this one. */
  #settle(attempt: Attempt): void {
    if (!this.#hedges) return
    if (this.#hedges.settle(this.#attempt, attempt)) this.#deps.telemetry.count('hedges_won')
    this.#attempt = attempt
    this.#noteUpstream(attempt.endpoint)
  }

  /** What a connection that its server closes under the request would cost: a replay, or the request. */
  get #reuse(): Reuse {
    if (this.#replays > 0) return 'none'
    const { body, head, hop, wantsUpgrade } = this.#caller
    // Another one would not be logged in.
    if (hop.own) return 'any'
    const repeatable = isIdempotent(head.method) || (this.#action.retry?.nonIdempotent ?? false)
    if (!repeatable || wantsUpgrade || !body.complete) return 'safe'
    if (body.ended) return 'any'
    const length = field(head.fields, 'content-length')
    return length !== undefined && Number(length) <= REPLAY_LIMIT_BYTES ? 'any' : 'safe'
  }

  // From the attempt.

  get bodiless(): boolean {
    const { body } = this.#caller
    return body.ended && body.complete && body.bytes === 0 && !body.trailers
  }

  get bodySent(): boolean {
    return this.#caller.body.ended
  }

  attemptConnected({ told }: Attempt, alpn: string): void {
    const { grpc, head, http2, record } = this.#caller
    markProtocol(head, alpn, http2)
    if (told && record.span) this.#deps.telemetry.writeTry(head, record.span, told.spanId)
    if (grpc && this.#deadline)
      setField(head.fields, 'grpc-timeout', formatGrpcTimeout(this.#deadline.at - this.#deps.clock.now()))
  }

  attemptOpened(attempt: Attempt): void {
    const { stream } = attempt
    if (!stream || this.bodiless) return
    const { body } = this.#caller
    let room = true
    for (const chunk of body.chunks) room = stream.data(chunk)
    if (body.full) body.release()
    if (body.ended) stream.end(body.trailers)
    else if (room) this.#caller.proceed()
  }

  attemptInformational(head: ResponseHead): void {
    this.#caller.informational(head)
  }

  attemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    const outcome = badAnswer(this.#action.retry, head, end)
    if (outcome) {
      const grpcStatus = outcome.kind === 'grpc-status' ? outcome.grpcStatus : -1
      const ended = { status: head.status, grpcStatus, flags: 0, details: 'via_upstream' }
      if (this.#othersRun(attempt, ended)) return attempt.discard()
      if (this.#retry(attempt, outcome, ended)) return
    }
    this.#settle(attempt)
    const caller = this.#caller
    this.#responding = true
    caller.body.release()
    if (caller.hop.direction === 'outbound') caller.record.destinationIdentity = attempt.identity
    // A tunnel lives as long as its ends like.
    if (caller.wantsUpgrade && (head.status === 101 || caller.head.method === 'CONNECT')) this.#openTunnel()
    if (this.#weighted) mutate(head, this.#weighted.responseHeaders)
    mutate(head, this.#route.responseHeaders)
    this.#affinity?.addCookies(head.fields)
    this.#session?.answered(head, caller.record.cluster, attempt.endpoint.address)
    caller.respond(head, end)
  }

  #openTunnel(): void {
    this.#tunnel = true
    this.#deadline?.stop()
  }

  attemptData(attempt: Attempt, chunk: Buffer): void {
    if (!this.#caller.send(chunk)) attempt.stream?.pause()
  }

  attemptEnd(_attempt: Attempt, trailers: Fields | undefined): void {
    this.#caller.finish(trailers)
  }

  attemptFailed(attempt: Attempt, failure: AttemptFailure): void {
    const { flags, ...reply } = failureOf(failure)
    if (this.#responding)
      return this.#caller.fail(flags, reply, failure.kind === 'reset' ? failure.reason : 'connection')
    const ended = { status: 0, grpcStatus: -1, flags, details: reply.details }
    if (this.#othersRun(attempt, ended)) return
    const closed = failure.kind === 'reset' && failure.reason === 'connection'
    if (this.#retry(attempt, outcomeOf(failure), ended, closed)) return
    // The next sidecar may repeat even a write elsewhere, since no byte of it reached the application.
    const unsent = failure.kind === 'connect' || (failure.kind === 'reset' && failure.reason === 'refused')
    if (unsent && this.#caller.hop.link) this.#caller.refuse(flags, reply.details)
    else this.#caller.fail(flags, reply, 'connection')
  }

  attemptWritable(): void {
    this.#caller.proceed()
  }

  attemptSilent(attempt: Attempt): void {
    if (this.#responding || (this.#hedges?.running.length ?? 0) > 0) return
    const sent = attempt.stream !== undefined
    if (sent || this.#other([attempt]))
      this.#retry(attempt, { kind: sent ? 'silent' : 'slow-connect' }, SILENT)
  }

  /** An endpoint that was not tried, is not one of these, and that nothing speaks against. */
  #other(running: readonly Attempt[]): EndpointState | undefined {
    const tried = [...(this.#tried ?? []), ...running.map(({ endpoint }) => endpoint)]
    const other = this.#cluster?.pick(this.#caller.hop.original, tried, this.#affinity?.hash)
    return other && !tried.includes(other) && other.health.standing === 'use' ? other : undefined
  }

  /** Takes one more try out of the budget. */
  #mayRetry(): boolean {
    if (this.#cluster?.budget.tryRetry()) return true
    this.#deps.telemetry.count('retry_budget_exhausted')
    return false
  }

  /** It is one of the requests that their cluster tries more than once, at the same time or later. False: they are too many. */
  #countRetrying(): boolean {
    this.#retrying ||= this.#cluster?.breakers.tryRetry() ?? false
    return this.#retrying
  }

  /** True: another try is on its way and the attempt is forgotten. */
  #retry(attempt: Attempt, outcome: Outcome, end: TryEnd, closed = false): boolean {
    const policy = this.#action.retry
    const { body, head, hop, record, wantsUpgrade } = this.#caller
    const decision = decideRetry(policy, outcome, {
      method: head.method,
      replayable: body.complete,
      upgrade: wantsUpgrade,
      retries: this.#retries,
      reusedConnection: attempt.reused,
      goneAway: attempt.goneAway,
      applicationClosed: closed && hop.direction === 'inbound',
      replays: this.#replays,
    })
    // A try that gives no sign of life is not over: who stays with it may still get its answer.
    const moves = outcome.kind === 'silent' || outcome.kind === 'slow-connect'
    if (decision === 'no') {
      if (!moves && policy && this.#retries >= policy.retries && this.#retries > 0)
        record.flags |= ResponseFlag.URX
      return false
    }
    if (decision === 'retry') {
      if (!this.#mayRetry()) {
        record.flags |= ResponseFlag.URX
        return false
      }
      if (!this.#countRetrying()) {
        record.flags |= ResponseFlag.URX | ResponseFlag.UO
        return false
      }
      this.#retries++
      ;(this.#tried ??= []).push(attempt.endpoint)
    } else {
      this.#replays++
      if (moves) (this.#tried ??= []).push(attempt.endpoint)
      // A slow connect says nothing against those that are there.
      if (!attempt.goneAway && outcome.kind !== 'slow-connect') attempt.distrustConnections()
    }
    this.#unreached = outcome.kind === 'connect-failure' || outcome.kind === 'slow-connect'
    this.#nextKind = decision
    beginTries(record, attempt)
    endTry(attempt, end, this.#deps.clock.now())
    attempt.discard()
    this.#attempt = undefined
    // Never in this call stack, which may be a pool's own loop.
    const delayMs = decision === 'replay' ? 0 : backoffMs(policy, outcome, this.#retries, this.#deps.random())
    this.#cancelWait = this.#deps.clock.after(delayMs, () => this.#try(this.#deps.clock.now()))
    return true
  }
}
