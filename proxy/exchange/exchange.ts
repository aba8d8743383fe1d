import { SHED_HEADER, UPGRADE_HEADER } from '../../core/contract.ts'
import {
  field,
  removeField,
  setField,
  type Fields,
  type RequestHead,
  type ResponseHead,
} from '../http/message.ts'
import type { BodyReader, ResetReason, ServerStream } from '../http/stream.ts'
import { spellTrailers } from '../http/spelling.ts'
import { passedTrailers } from '../http/trailers.ts'
import type { Hop } from '../model/hop.ts'
import { ResponseFlag, SHED } from '../model/response-flag.ts'
import type { Route } from '../model/route.ts'
import { findRoute } from '../route/match.ts'
import { mutate, redirectLocation } from '../route/rewrite.ts'
import { bodyTooLarge } from '../steps/http/body-limit.ts'
import type { Answer, RequestStep, WaitingRequest } from '../steps/step.ts'
import type { ConnectionManager, ManagerSource } from './connection-manager.ts'
import type { ExchangeDependencies } from './dependencies.ts'
import type { Caller } from './caller.ts'
import { Forwarding } from './forwarding.ts'
import { Phase } from './phase.ts'
import { giveRequestId } from './hop-headers.ts'
import { askAgain, sameSteps } from './reauthorization.ts'
import { newRecord } from './record.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { composeReply, grpcTrailers, isGrpc, readGrpcStatus, type LocalReply } from './reply.ts'
import type { RunningExchange } from './running-exchanges.ts'
import type { RequestRecord } from './telemetry-sink.ts'

// A method that holds a closure makes room for what that captures whenever it is called, whether it comes to it or not. So what is
// rare and needs one, such as a timer or a wait, has a method of its own, here and in what a request goes through.

/** As HTTP/1.1 brings an upgrade: CONNECT has none. */
const UPGRADING_METHOD = /^(?!CONNECT$|PRI$)[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/

/**
 * One request from its head to its last byte, seen from the caller: its path is put in order, a route chosen, the steps
 * asked, and then it is answered here or by what `Forwarding` finds. It knows no protocol: codecs on both sides
 * speak proxy/http/stream.ts.
 */
export class Exchange implements BodyReader, Caller, WaitingRequest, RunningExchange {
  readonly head: RequestHead
  readonly body: ReplayBuffer
  readonly record: RequestRecord
  readonly hop: Hop
  readonly manager: ConnectionManager
  readonly startedAt: number
  readonly wantsUpgrade: boolean
  /** The sidecar before us can be told that an upgrade was ignored. */
  readonly #knowsIgnored: boolean
  /** The caller speaks gRPC: how a call ends stands in its trailers. */
  readonly grpc: boolean
  readonly #deps: ExchangeDependencies
  readonly #stream: ServerStream
  readonly #managers: ManagerSource

  place = 0
  #phase: Phase = Phase.Arriving
  /** The next step to ask. */
  #step = 0
  #route: Route | undefined
  #forwarding: Forwarding | undefined
  /** By whom it was let pass; undefined: not yet. */
  #authorizers: readonly RequestStep[] | undefined
  /** Its fields as they were then, if those were asked for: the way to the upstream changes them. */
  #decidedFields: Fields | undefined
  /** Gives up what it waits for: routes, or a step's answer. */
  #cancelWait: (() => void) | undefined
  /** Ends the time that the request has to come whole. */
  #cancelTimer: (() => void) | undefined
  #grpcAnswer = false
  #tunnel = false
  #responseEnded = false
  #paused = false
  /** When the request had come whole, on the clock; undefined: it has not. */
  #wholeAt: number | undefined
  /** When a byte moved last, either way, on the clock. */
  #activeAt: number

  constructor(
    deps: ExchangeDependencies,
    managers: ManagerSource,
    hop: Hop,
    stream: ServerStream,
    head: RequestHead,
    end: boolean,
  ) {
    this.#deps = deps
    this.#managers = managers
    this.manager = managers.value
    this.hop = hop
    this.#stream = stream
    this.head = head
    this.body = new ReplayBuffer(end)
    this.wantsUpgrade = head.upgrade !== '' || head.method === 'CONNECT'
    const upgradeMethod = hop.link && head.upgrade !== '' ? field(head.fields, UPGRADE_HEADER) : undefined
    this.#knowsIgnored = upgradeMethod !== undefined
    // Who says anything else means another request than this one, such as a tunnel that its route would have to name.
    if (upgradeMethod !== undefined && UPGRADING_METHOD.test(upgradeMethod)) head.method = upgradeMethod
    this.startedAt = deps.clock.now()
    this.#activeAt = this.startedAt
    if (end) this.#wholeAt = this.startedAt
    this.record = newRecord(hop, head, deps.configVersion(), this.startedAt)
    if (!this.#keepsCase || this.http2) head.spelling = undefined
    this.grpc = this.http2 && isGrpc(head.fields)
    this.record.grpc = this.grpc
    deps.telemetry.requestStarted(hop.direction)
    deps.running.add(this)
  }

  /** HTTP/1.1 requests that crossed the link as streams come out as HTTP/1.1 again. */
  get http2(): boolean {
    return this.record.protocol === 'HTTP/2'
  }

  get #keepsCase(): boolean {
    return this.manager.settings.keepFieldCase
  }

  /** Called once, right after the codec has this reader. */
  start(): void {
    if (this.#deps.overloaded())
      return this.reply(ResponseFlag.OM, {
        status: 503,
        details: 'overload',
        text: 'the proxy is overloaded',
      })
    // HTTP/1.1's codec holds a target to that; HTTP/2 gives whatever bytes came, which no request line can hold.
    if (this.hop.http2 && !isTarget(this.head.path)) {
      const text = 'the path holds "#" or a byte that is not ASCII'
      return this.reply(ResponseFlag.DPE, { status: 400, details: 'path_not_ascii', text, grpcStatus: 13 })
    }
    const { requestTimeoutMs, traffic, samplingPercent } = this.manager.settings
    if (requestTimeoutMs > 0 && !this.body.ended) this.#limitArrival(requestTimeoutMs)
    if (traffic) {
      this.#deps.telemetry.beginTrace(this.record, this.head, samplingPercent)
      giveRequestId(this.head)
    }
    this.#ask()
  }

  /** Asks what is left of the phase's steps; the last one to let it pass leads to the next phase. */
  #ask(): void {
    const { early, steps } = this.manager.steps
    const asked = this.#phase === Phase.Arriving ? early : steps
    while (this.#step < asked.length) {
      const verdict = asked[this.#step++]?.decide(this.hop, this.head, this.#route, this.record)
      if (!verdict) continue
      this.record.flags |= verdict.flags
      if (verdict.kind === 'answer') return this.reply(0, verdict.reply)
      this.#cancelWait = verdict.begin(this)
      return
    }
    this.#step = 0
    if (this.#phase === Phase.Deciding) return this.#dispatch()
    // What was decided on is what is told.
    this.record.path = this.head.path
    this.#awaitRoutes()
  }

  /** From the step that had it wait. */
  resume(answer: Answer | undefined): void {
    if (this.#phase === Phase.Over) return
    this.#cancelWait = undefined
    if (!answer) return this.#ask()
    this.reply(answer.flags, answer.reply)
  }

  #awaitRoutes(): void {
    this.#phase = Phase.AwaitingRoutes
    if (this.manager.routes.value !== undefined) this.#chooseRoute()
    else this.#waitForRoutes()
  }

  #waitForRoutes(): void {
    const { routes } = this.manager
    const proceed = (): void => {
      this.#cancelWait?.()
      this.#cancelWait = undefined
      if (this.#phase === Phase.AwaitingRoutes) this.#chooseRoute()
    }
    const cancelTimer = this.#deps.clock.after(this.#deps.configWaitMs, proceed)
    const unwatch = routes.watch(proceed)
    this.#cancelWait = () => {
      cancelTimer()
      unwatch()
    }
  }

  #chooseRoute(): void {
    const config = this.manager.routes.value
    this.#route = config ? findRoute(config, this.head) : undefined
    if (this.#route) {
      const { accessLog, match, name } = this.#route
      this.record.route = name
      this.record.accessLog = accessLog
      if (match.path.kind === 'exact') this.record.template = match.path.value
    }
    this.#phase = Phase.Deciding
    this.#ask()
  }

  #dispatch(): void {
    const route = this.#route
    const { authorizers, authorizeByFields } = this.manager.steps
    this.#authorizers = authorizers
    if (authorizeByFields) this.#decidedFields = [...this.head.fields]
    // What came while it waited holds for it.
    this.reauthorize()
    if (this.#phase !== Phase.Deciding) return
    if (!route) {
      const known = Boolean(this.manager.routes.value)
      const text = known ? 'no route matches this request' : 'no routes are known for this destination'
      const details = known ? 'route_not_found' : 'route_configuration_not_found'
      return this.reply(ResponseFlag.NR, { status: known ? 404 : 503, details, text })
    }
    const { action } = route
    switch (action.kind) {
      case 'redirect': {
        const location = redirectLocation(this.head, route.match, action)
        return this.#answer({ status: action.status, fields: ['location', location, 'content-length', '0'] })
      }
      case 'direct':
        return this.reply(0, { status: action.status, details: 'direct_response', text: action.body })
      case 'forward':
        this.#phase = Phase.Forwarding
        this.#forwarding = new Forwarding(this.#deps, this, route, action)
        this.#forwarding.start()
    }
  }

  // The caller's half.

  onData(chunk: Buffer): void {
    if (this.#phase === Phase.Over) return
    this.record.bytesReceived += chunk.length
    this.#activeAt = this.#deps.clock.now()
    const { bodyLimit } = this.manager.steps
    if (this.record.bytesReceived > bodyLimit && !this.wantsUpgrade)
      return this.#giveUp(0, bodyTooLarge(bodyLimit), 'cancel')
    const forwarding = this.#forwarding
    if (forwarding ? forwarding.data(chunk) : this.#keep(chunk)) return
    this.pause()
  }

  /** Until somebody asks for it. False: no more for now. */
  #keep(chunk: Buffer): boolean {
    this.body.add(chunk)
    return !this.body.full
  }

  onEnd(trailers: Fields | undefined): void {
    if (this.#phase === Phase.Over) return
    const passed = this.#passed(trailers, this.manager.steps.headFields)
    this.#cancelTimer?.()
    this.body.ended = true
    if (this.manager.steps.watchers.length > 0) this.#wholeAt ??= this.#deps.clock.now()
    this.body.trailers = passed
    this.#forwarding?.end(passed)
    if (this.#responseEnded) this.#finish()
  }

  onReset(reason: ResetReason, detail: string): void {
    if (this.#phase === Phase.Over) return
    if (reason === 'protocol') {
      this.record.flags |= ResponseFlag.DPE
      this.record.details = `downstream_protocol_error{${detail}}`
    } else if (reason === 'stalled') {
      this.record.flags |= ResponseFlag.SI
      this.record.details = 'downstream_stalled'
    } else {
      this.record.flags |= ResponseFlag.DC
      this.record.details = 'downstream_remote_disconnect'
    }
    this.#forwarding?.abandon('cancel')
    this.#finish()
  }

  onWritable(): void {
    this.#forwarding?.resume()
  }

  // From the upstream's half.

  informational(head: ResponseHead): void {
    if (this.#phase === Phase.Responding) return
    if (!this.#keepsCase) head.spelling = undefined
    this.#stream.informational(head)
  }

  respond(head: ResponseHead, end: boolean): void {
    const now = (this.#activeAt = this.#deps.clock.now())
    this.record.status = head.status
    this.record.details = 'via_upstream'
    for (const step of this.manager.steps.watchers) step.answered?.(this.head, head, this.#wholeAt)
    this.record.answered = true
    if (end) this.#noteGrpcStatus(head.fields)
    if (this.hop.direction === 'inbound') this.#deps.telemetry.requestAnswered(this.record)
    this.#grpcAnswer = this.grpc && isGrpc(head.fields)
    this.#tunnel = this.wantsUpgrade && (head.status === 101 || this.head.method === 'CONNECT')
    if (this.wantsUpgrade) removeField(head.fields, UPGRADE_HEADER)
    if (this.#knowsIgnored && head.status >= 200 && head.status < 300)
      head.fields.push(UPGRADE_HEADER, 'ignored')
    this.#sendHead(head, end, now)
    if (end) this.#responseDone()
  }

  send(chunk: Buffer): boolean {
    this.record.bytesSent += chunk.length
    this.#activeAt = this.#deps.clock.now()
    return this.#stream.data(chunk)
  }

  finish(trailers: Fields | undefined): void {
    if (trailers) this.#noteGrpcStatus(trailers)
    this.#stream.end(this.#passed(trailers))
    this.#responseDone()
  }

  #passed(trailers: Fields | undefined, own?: ReadonlySet<string>): Fields | undefined {
    if (trailers !== undefined && !this.#keepsCase) spellTrailers(trailers, undefined)
    return passedTrailers(trailers, own)
  }

  fail(flags: number, reply: LocalReply, reason: ResetReason): void {
    if (this.#phase === Phase.Responding) this.#breakOff(flags, reply, reason)
    else this.reply(flags, reply)
  }

  refuse(flags: number, details: string): void {
    this.record.flags |= flags
    this.record.details = details
    this.record.status = 503
    this.#stream.reset('refused')
    this.#finish()
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#stream.pause()
  }

  proceed(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#stream.resume()
  }

  get answering(): boolean {
    return this.#phase === Phase.Responding
  }

  /** Policies may have changed. Whoever was not let pass yet will be asked about before it goes on. */
  reauthorize(): void {
    if (this.#phase === Phase.Over || !this.#authorizers) return
    const { authorizers } = this.#managers.value.steps
    if (sameSteps(authorizers, this.#authorizers)) return
    this.#authorizers = authorizers
    const { hop, head, record } = this
    const refused = askAgain(authorizers, {
      hop,
      head,
      record,
      route: this.#route,
      fields: this.#decidedFields,
    })
    if (!refused) return
    const flags = this.answering ? refused.flags | ResponseFlag.LR : refused.flags
    this.#giveUp(flags, refused.reply, 'cancel')
  }

  /** From the proxy's sweep: neither side moved for longer than the listener allows. */
  idleCheck(nowMs: number): void {
    const limit = this.manager.settings.streamIdleTimeoutMs
    if (limit === 0 || nowMs - this.#activeAt < limit) return
    const reply = { status: 408, details: 'stream_idle_timeout', text: 'the request was idle too long' }
    this.#giveUp(ResponseFlag.SI, reply, 'timeout')
  }

  #limitArrival(ms: number): void {
    this.#cancelTimer = this.#deps.clock.after(ms, () => this.#late())
  }

  /** It was not whole within request_timeout, which an answer that has begun ends, too (Envoy). */
  #late(): void {
    const reply = {
      status: 408,
      details: 'request_overall_timeout',
      text: 'the request took too long to come',
    }
    this.#giveUp(0, reply, 'timeout')
  }

  #giveUp(flags: number, reply: LocalReply, reason: ResetReason): void {
    this.#forwarding?.abandon(reason)
    this.fail(flags, reply, reason)
  }

  /** Answers from here, unless all is over. */
  reply(flags: number, reply: LocalReply): void {
    if (this.#phase === Phase.Over) return
    this.record.flags |= flags
    this.record.details = reply.details
    const { head, body, grpcStatus } = composeReply(this.head, reply)
    this.record.status = head.status
    this.record.grpcStatus = grpcStatus
    if (this.hop.link && (this.record.flags & SHED) !== 0) head.fields.push(SHED_HEADER, '1')
    this.#sendHead(head, body === undefined)
    if (body) {
      this.record.bytesSent += body.length
      this.#stream.data(body)
      this.#stream.end(undefined)
    }
    this.#finish()
  }

  #answer(head: ResponseHead): void {
    if (this.#route) mutate(head, this.#route.responseHeaders)
    setField(head.fields, 'content-length', '0')
    this.record.status = head.status
    this.record.details = 'direct_response'
    this.#sendHead(head, true)
    this.#finish()
  }

  #sendHead(head: ResponseHead, end: boolean, now: number = this.#deps.clock.now()): void {
    this.#phase = Phase.Responding
    this.#cancelTimer?.()
    this.record.answerMs = Math.floor(now - this.startedAt)
    if (!this.#keepsCase) head.spelling = undefined
    for (const step of this.manager.steps.responders) step.respond?.(this.hop, this.head, this.#route, head)
    this.#stream.head(head, end)
  }

  /** Ends an answer that had begun so that it cannot pass for a whole one. */
  #breakOff(flags: number, reply: LocalReply, reason: ResetReason): void {
    this.record.flags |= flags
    this.record.details = reply.details
    if (this.#grpcAnswer) {
      const trailers = grpcTrailers(reply)
      this.#noteGrpcStatus(trailers)
      this.#stream.end(trailers)
    } else this.#stream.reset(reason)
    this.#finish()
  }

  #noteGrpcStatus(fields: Fields): void {
    const status = readGrpcStatus(fields)
    if (status !== undefined) this.record.grpcStatus = status
  }

  #responseDone(): void {
    this.#responseEnded = true
    if (this.#tunnel && !this.body.ended) return
    // An answer before the request's end (RFC 9113 section 8.1): the rest of the request is not wanted.
    if (!this.body.ended) this.#forwarding?.dropRest()
    this.#finish()
  }

  #finish(): void {
    if (this.#phase === Phase.Over) return
    this.#phase = Phase.Over
    this.#cancelWait?.()
    this.#cancelTimer?.()
    this.#forwarding?.over()
    for (const step of this.manager.steps.watchers) step.finished?.(this.head)
    this.body.release()
    this.#deps.running.delete(this)
    this.record.durationMs = this.#deps.clock.now() - this.startedAt
    this.#deps.telemetry.requestFinished(this.record, this.head)
    // A caller that still sends is drained by its codec; nothing may hold it back.
    this.proceed()
  }
}

/** A path and query in visible ASCII without a fragment (RFC 9112 section 3.2). */
export function isTarget(path: string): boolean {
  return !/[^!-"$-~]/.test(path)
}
