import { field, setField, type Fields, type RequestHead, type ResponseHead } from '../http/message.ts'
import type { BodyReader, ResetReason, ServerStream } from '../http/stream.ts'
import type { ForwardAction, Route, WeightedCluster } from '../model/route.ts'
import { findRoute } from '../route/match.ts'
import { mutate, mutateRequest, redirectLocation, rewriteRequest } from '../route/rewrite.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import { failureOf, outcomeOf } from './failure.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { formatGrpcTimeout, grpcTimeoutMs } from './grpc-timeout.ts'
import { markProtocol, prepareRequest } from './hop-headers.ts'
import type { ExchangeDependencies, Hop } from './hop.ts'
import { startMirrors, type Mirror } from './mirror.ts'
import { newRecord } from './record.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { DEADLINE_EXCEEDED, grpcTrailers, isGrpc, sendReply, type LocalReply } from './reply.ts'
import { decideRetry, isRetriableStatus, type Outcome } from './retry.ts'
import type { RequestRecord } from './telemetry-sink.ts'

// What setTimeout takes; more would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1
const NO_MIRRORS: readonly Mirror[] = []

/**
 * One request from its head to its last byte: route, endpoint, tries, answer, record. It knows no protocol:
 * codecs on both sides speak proxy/http/stream.ts.
 */
export class Exchange implements BodyReader, AttemptOwner {
  readonly #deps: ExchangeDependencies
  readonly #hop: Hop
  readonly #stream: ServerStream
  readonly #head: RequestHead
  readonly #body: ReplayBuffer
  readonly #record: RequestRecord
  readonly #startedAt = performance.now()
  readonly #wantsUpgrade: boolean
  /** The caller speaks gRPC: how a call ends stands in its trailers. */
  readonly #grpc: boolean

  #route: Route | undefined
  #action: ForwardAction | undefined
  #weighted: WeightedCluster | undefined
  #cluster: UpstreamCluster | undefined
  #attempt: Attempt | undefined
  #tried: EndpointState[] | undefined
  #mirrors: readonly Mirror[] = NO_MIRRORS
  #retries = 0
  #replays = 0
  #responding = false
  #grpcAnswer = false
  #tunnel = false
  #responseEnded = false
  #finished = false
  #pausedDownstream = false
  /** When the whole request must be over, on performance.now's clock; Infinity: never. */
  #deadline = Infinity
  #timer: NodeJS.Timeout | undefined
  #backoff: NodeJS.Timeout | undefined
  #cancelWait: (() => void) | undefined
  #activeAt: number

  constructor(deps: ExchangeDependencies, hop: Hop, stream: ServerStream, head: RequestHead, end: boolean) {
    this.#deps = deps
    this.#hop = hop
    this.#stream = stream
    this.#head = head
    this.#body = new ReplayBuffer(end)
    this.#wantsUpgrade = head.upgrade !== '' || head.method === 'CONNECT'
    this.#record = newRecord(hop, head, deps.configVersion())
    this.#grpc = this.#record.protocol === 'HTTP/2' && isGrpc(head.fields)
    this.#activeAt = this.#startedAt
    deps.telemetry.requestStarted(hop.direction)
    deps.running.add(this)
  }

  /** Called once, right after the codec has this reader. */
  start(): void {
    if (this.#deps.overloaded())
      return this.#reply(ResponseFlag.OM, {
        status: 503,
        details: 'overload',
        text: 'the proxy is overloaded',
      })
    if (this.#hop.manager.traffic)
      this.#record.span = this.#deps.telemetry.beginTrace(
        this.#hop.direction,
        this.#head,
        this.#hop.manager.samplingPercent,
      )
    const routes = this.#hop.routes
    if (routes.value !== undefined) return this.#routed()
    const proceed = (): void => {
      this.#cancelWait?.()
      if (!this.#finished) this.#routed()
    }
    const timer = setTimeout(proceed, this.#deps.configWaitMs)
    const unwatch = routes.watch(proceed)
    this.#cancelWait = () => {
      clearTimeout(timer)
      unwatch()
    }
  }

  #routed(): void {
    const config = this.#hop.routes.value
    const route = config ? findRoute(config, this.#head) : undefined
    if (!route) {
      const text = config ? 'no route matches this request' : 'no routes are known for this destination'
      const details = config ? 'route_not_found' : 'route_configuration_not_found'
      return this.#reply(ResponseFlag.NR, { status: config ? 404 : 503, details, text })
    }
    this.#route = route
    this.#record.route = route.name
    const action = route.action
    switch (action.kind) {
      case 'redirect': {
        const location = redirectLocation(this.#head, route.match, action)
        return this.#answer({ status: action.status, fields: ['location', location, 'content-length', '0'] })
      }
      case 'direct':
        return this.#reply(0, { status: action.status, details: 'direct_response', text: action.body })
      case 'forward':
        return this.#forward(route, action)
    }
  }

  #forward(route: Route, action: ForwardAction): void {
    this.#action = action
    const weighted = action.clusters[this.#deps.picks.next(action)]
    if (!weighted || weighted.cluster === '')
      return this.#reply(ResponseFlag.NB, {
        status: 500,
        details: 'invalid_backend',
        text: 'a backend of the route is invalid',
      })
    this.#weighted = weighted
    this.#record.cluster = weighted.cluster
    if (this.#wantsUpgrade && !this.#upgradeAllowed(action))
      return this.#reply(0, {
        status: 403,
        details: 'upgrade_failed',
        text: 'this upgrade is not allowed here',
      })
    rewriteRequest(this.#head, route.match, action)
    mutateRequest(this.#head, route.requestHeaders)
    mutateRequest(this.#head, weighted.requestHeaders)
    prepareRequest(this.#hop, this.#head)
    if (!this.#startTimer(action)) return
    if (action.mirrors.length > 0 && !this.#wantsUpgrade)
      this.#mirrors = startMirrors(this.#deps, this.#hop, this.#head, action, this.#http2, this.#body)

    const cluster = this.#deps.clusters.get(weighted.cluster)
    this.#cluster = cluster
    cluster.active++
    if (cluster.ready) return this.#admitted(cluster)
    this.#cancelWait = cluster.whenReady(this.#deps.configWaitMs, () => {
      if (!this.#finished) this.#admitted(cluster)
    })
  }

  /** The route's timeout or the caller's grpc-timeout, whichever is over first. False: it is, and that was answered. */
  #startTimer(action: ForwardAction): boolean {
    const now = performance.now()
    if (action.timeoutMs > 0) this.#deadline = now + action.timeoutMs
    const grpcTimeout = this.#grpc ? grpcTimeoutMs(this.#head.fields) : undefined
    if (grpcTimeout !== undefined) this.#deadline = Math.min(this.#deadline, this.#startedAt + grpcTimeout)
    const left = this.#deadline - now
    if (left <= 0) this.#timeout()
    else if (left <= LONGEST_TIMER_MS) this.#timer = setTimeout(() => this.#timeout(), left)
    return left > 0
  }

  #upgradeAllowed(action: ForwardAction): boolean {
    const wanted =
      this.#head.method === 'CONNECT' && this.#head.upgrade === '' ? 'connect' : this.#head.upgrade
    return action.upgrades.includes(wanted)
  }

  #admitted(cluster: UpstreamCluster): void {
    const config = cluster.config
    if (!config)
      return this.#reply(ResponseFlag.NC, {
        status: 503,
        details: 'cluster_not_found',
        text: 'the destination of the route is not known',
      })
    this.#record.service = config.service
    if (cluster.active > config.limits.maxRequests)
      return this.#reply(ResponseFlag.UO, {
        status: 503,
        details: 'upstream_overflow{requests}',
        text: 'too many requests to this destination',
      })
    cluster.budget.request()
    this.#try()
  }

  #try(): void {
    const cluster = this.#cluster as UpstreamCluster
    const endpoint = cluster.pick(this.#hop.original, this.#tried)
    if (!endpoint) {
      return this.#reply(ResponseFlag.UH, {
        status: 503,
        details: 'no_healthy_upstream',
        text: 'no healthy upstream',
      })
    }
    this.#record.attempts++
    this.#record.upstream = endpoint.address
    this.#record.upstreamWorkload = endpoint.endpoint.workload
    const attempt = new Attempt(this, endpoint, this.#head, this.#http2)
    this.#attempt = attempt
    attempt.start(this.#action?.retry?.perTryTimeoutMs ?? 0)
  }

  /** HTTP/1.1 requests that crossed the link as streams come out as HTTP/1.1 again. */
  get #http2(): boolean {
    return this.#record.protocol === 'HTTP/2'
  }

  attemptConnected(alpn: string): void {
    markProtocol(this.#head.fields, alpn, this.#http2)
    if (this.#grpc && this.#deadline !== Infinity)
      setField(this.#head.fields, 'grpc-timeout', formatGrpcTimeout(this.#deadline - performance.now()))
  }

  // The caller's half.

  onData(chunk: Buffer): void {
    if (this.#finished) return
    this.#record.bytesReceived += chunk.length
    this.#activeAt = performance.now()
    for (const mirror of this.#mirrors) mirror.data(chunk)
    const stream = this.#attempt?.stream
    const body = this.#body
    if (body.complete) {
      body.add(chunk)
      if (body.full && stream) body.release()
      else if (body.full) this.#pauseDownstream()
    }
    if (stream && !stream.data(chunk)) this.#pauseDownstream()
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.#finished) return
    this.#body.ended = true
    this.#body.trailers = trailers
    for (const mirror of this.#mirrors) mirror.end(trailers)
    this.#attempt?.stream?.end(trailers)
    if (this.#responseEnded) this.#finish()
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.#finished) return
    if (reason === 'protocol') {
      this.#record.flags |= ResponseFlag.DPE
      this.#record.details = `downstream_protocol_error{${detail}}`
    } else if (reason === 'stalled') {
      this.#record.flags |= ResponseFlag.SI
      this.#record.details = 'downstream_stalled'
    } else {
      this.#record.flags |= ResponseFlag.DC
      this.#record.details = 'downstream_remote_disconnect'
    }
    this.#attempt?.abandon('cancel')
    this.#finish()
  }

  onWritable(): void {
    this.#attempt?.stream?.resume()
  }

  // The upstream's half.

  get bodiless(): boolean {
    return this.#body.ended && this.#body.complete && this.#body.bytes === 0 && !this.#body.trailers
  }

  get bodySent(): boolean {
    return this.#body.ended
  }

  attemptOpened(attempt: Attempt): void {
    const stream = attempt.stream
    if (!stream || this.bodiless) return
    let room = true
    for (const chunk of this.#body.chunks) room = stream.data(chunk)
    if (this.#body.full) this.#body.release()
    if (this.#body.ended) stream.end(this.#body.trailers)
    else if (room) this.#resumeDownstream()
  }

  attemptInformational(head: ResponseHead): void {
    if (!this.#responding) this.#stream.informational(head)
  }

  attemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void {
    this.#activeAt = performance.now()
    const outcome = this.#badAnswer(head, end)
    if (outcome && this.#retry(attempt, outcome)) return
    this.#responding = true
    this.#body.release()
    this.#record.status = head.status
    this.#record.details = 'via_upstream'
    if (this.#hop.direction === 'outbound') this.#record.destinationIdentity = attempt.identity
    if (end) this.#readGrpcStatus(head.fields)
    this.#grpcAnswer = this.#grpc && isGrpc(head.fields)
    this.#tunnel = this.#wantsUpgrade && (head.status === 101 || this.#head.method === 'CONNECT')
    // A tunnel lives as long as its ends like.
    if (this.#tunnel && this.#timer) clearTimeout(this.#timer)
    if (this.#weighted) mutate(head.fields, this.#weighted.responseHeaders)
    if (this.#route) mutate(head.fields, this.#route.responseHeaders)
    this.#stream.head(head, end)
    if (end) this.#responseDone()
  }

  attemptData(attempt: Attempt, chunk: Buffer): void {
    this.#record.bytesSent += chunk.length
    this.#activeAt = performance.now()
    if (!this.#stream.data(chunk)) attempt.stream?.pause()
  }

  attemptEnd(_attempt: Attempt, trailers: Fields | undefined): void {
    if (trailers) this.#readGrpcStatus(trailers)
    this.#stream.end(trailers)
    this.#responseDone()
  }

  attemptFailed(attempt: Attempt, failure: AttemptFailure): void {
    const told = failureOf(failure)
    if (this.#responding)
      return this.#breakOff(told.flags, told, failure.kind === 'reset' ? failure.reason : 'connection')
    const closed = failure.kind === 'reset' && failure.reason === 'connection'
    if (this.#retry(attempt, outcomeOf(failure), closed)) return
    // The next sidecar may repeat even a write elsewhere, since no byte of it reached the application.
    const unsent = failure.kind === 'connect' || (failure.kind === 'reset' && failure.reason === 'refused')
    if (unsent && this.#hop.link) {
      this.#record.flags |= told.flags
      this.#record.details = told.details
      this.#record.status = 503
      this.#stream.reset('refused')
      return this.#finish()
    }
    this.#reply(told.flags, told)
  }

  attemptWritable(): void {
    this.#resumeDownstream()
  }

  /** The answer is one that a retry rule may turn away. */
  #badAnswer(head: ResponseHead, end: boolean): Outcome | undefined {
    const policy = this.#action?.retry
    if (!policy) return undefined
    if (isRetriableStatus(policy, head.status)) return { kind: 'status', status: head.status }
    if (!end || policy.grpcStatuses.length === 0) return undefined
    const grpcStatus = field(head.fields, 'grpc-status')
    return grpcStatus === undefined ? undefined : { kind: 'grpc-status', grpcStatus: Number(grpcStatus) }
  }

  /** True: another try is on its way and the attempt is forgotten. */
  #retry(attempt: Attempt, outcome: Outcome, closed = false): boolean {
    const policy = this.#action?.retry
    const decision = decideRetry(policy, outcome, {
      method: this.#head.method,
      replayable: this.#body.complete && !this.#wantsUpgrade,
      retries: this.#retries,
      reusedConnection: attempt.reused,
      goneAway: attempt.goneAway,
      applicationClosed: closed && this.#hop.direction === 'inbound',
      replays: this.#replays,
    })
    if (decision === 'no') {
      if (policy && this.#retries >= policy.retries && this.#retries > 0)
        this.#record.flags |= ResponseFlag.URX
      return false
    }
    if (decision === 'retry') {
      if (!this.#cluster?.budget.tryRetry()) {
        this.#record.flags |= ResponseFlag.URX
        this.#deps.telemetry.count('retry_budget_exhausted')
        return false
      }
      this.#retries++
      ;(this.#tried ??= []).push(attempt.endpoint)
    } else {
      this.#replays++
      if (!attempt.goneAway) attempt.distrustConnections()
    }
    attempt.abandon('cancel')
    this.#attempt = undefined
    if (
      decision === 'replay' ||
      !policy ||
      outcome.kind === 'connect-failure' ||
      outcome.kind === 'refused'
    ) {
      // Elsewhere at once: nothing says that the other endpoints are in trouble. Not in this call stack,
      // which may be a pool's own loop.
      if (this.#retries <= 1) {
        this.#backoff = setTimeout(() => this.#try(), 0)
        return true
      }
    }
    const ceiling = policy
      ? Math.min(policy.backoffMaxMs, policy.backoffBaseMs * 2 ** (this.#retries - 1))
      : 0
    this.#backoff = setTimeout(() => this.#try(), ceiling / 2 + (Math.random() * ceiling) / 2)
    return true
  }

  #readGrpcStatus(fields: Fields): void {
    const value = field(fields, 'grpc-status')
    if (value !== undefined) this.#record.grpcStatus = Number(value)
  }

  #responseDone(): void {
    this.#responseEnded = true
    if (this.#tunnel && !this.#body.ended) return
    // An answer before the request's end (RFC 9113 section 8.1): the rest of the request is not wanted.
    if (!this.#body.ended) this.#attempt?.stream?.reset('cancel')
    this.#finish()
  }

  #timeout(): void {
    if (this.#finished) return
    this.#giveUp(ResponseFlag.UT, {
      status: 504,
      details: 'response_timeout',
      text: 'the upstream took too long',
      grpcStatus: DEADLINE_EXCEEDED,
    })
  }

  /** From the proxy's sweep: neither side moved for longer than the listener allows. */
  idleCheck(nowMs: number): void {
    const limit = this.#hop.manager.streamIdleTimeoutMs
    if (limit === 0 || nowMs - this.#activeAt < limit) return
    this.#giveUp(ResponseFlag.SI, {
      status: 408,
      details: 'stream_idle_timeout',
      text: 'the request was idle too long',
    })
  }

  #giveUp(flags: number, reply: LocalReply): void {
    this.#attempt?.abandon('timeout')
    if (this.#responding) this.#breakOff(flags, reply, 'timeout')
    else this.#reply(flags, reply)
  }

  /** Ends an answer that had begun so that it cannot pass for a whole one. */
  #breakOff(flags: number, reply: LocalReply, reason: ResetReason): void {
    this.#record.flags |= flags
    this.#record.details = reply.details
    if (this.#grpcAnswer) {
      const trailers = grpcTrailers(reply)
      this.#readGrpcStatus(trailers)
      this.#stream.end(trailers)
    } else this.#stream.reset(reason)
    this.#finish()
  }

  #reply(flags: number, reply: LocalReply): void {
    if (this.#finished) return
    this.#record.flags |= flags
    this.#record.details = reply.details
    const sent = sendReply(this.#stream, this.#head, reply)
    this.#record.status = sent.status
    this.#record.grpcStatus = sent.grpcStatus
    this.#record.bytesSent += sent.bytes
    this.#finish()
  }

  #answer(head: ResponseHead): void {
    if (this.#route) mutate(head.fields, this.#route.responseHeaders)
    setField(head.fields, 'content-length', '0')
    this.#record.status = head.status
    this.#record.details = 'direct_response'
    this.#stream.head(head, true)
    this.#finish()
  }

  #pauseDownstream(): void {
    if (this.#pausedDownstream) return
    this.#pausedDownstream = true
    this.#stream.pause()
  }

  #resumeDownstream(): void {
    if (!this.#pausedDownstream) return
    this.#pausedDownstream = false
    this.#stream.resume()
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#cancelWait?.()
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#backoff) clearTimeout(this.#backoff)
    this.#body.release()
    for (const mirror of this.#mirrors) mirror.requestOver()
    if (this.#cluster) this.#cluster.active--
    this.#deps.running.delete(this)
    this.#record.durationMs = performance.now() - this.#startedAt
    this.#deps.telemetry.requestFinished(this.#record)
    // A caller that still sends is drained by its codec; nothing may hold it back.
    this.#resumeDownstream()
  }
}
