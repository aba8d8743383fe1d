import type { CounterName } from '../model/counters.ts'
import { ResponseFlag } from '../model/response-flag.ts'
import { removeField, type Fields, type RequestHead, type ResponseHead } from '../http/message.ts'
import type { Destination } from '../transport/original-destination.ts'
import type { ForwardAction, MirrorPolicy } from '../model/route.ts'
import type { UpstreamCluster } from '../upstream/upstream-cluster.ts'
import { Attempt, type AttemptFailure, type AttemptOwner } from './attempt.ts'
import { failureOf } from './failure.ts'
import { markProtocol } from './hop-headers.ts'
import type { ExchangeDependencies } from './dependencies.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { readGrpcStatus } from './reply.ts'
import type { RequestRecord, TryRecord } from './telemetry-sink.ts'
import { endTry, GIVEN_UP, tell, type TryEnd } from './tries.ts'

// Envoy's default of a route without a timeout: an answer that nobody waits for must not hold a stream for ever.
const TIMEOUT_MS = 15_000
// Nobody reads it: beyond that a stream is cheaper to end.
const MOST_ANSWER_BYTES = 1024 * 1024
const TIMED_OUT: TryEnd = { status: 0, grpcStatus: -1, flags: ResponseFlag.UT, details: 'response_timeout' }

/**
 * Copies of a request, one for each mirror of its route that its share falls to (Envoy's request_mirror_policies).
 * `head` is what goes to the upstream; `body` what of the request is here already.
 */
export function startMirrors(
  deps: ExchangeDependencies,
  original: Destination | undefined,
  head: RequestHead,
  action: ForwardAction,
  http2: boolean,
  body: ReplayBuffer,
  record: RequestRecord,
): Mirror[] {
  const mirrors: Mirror[] = []
  for (const policy of action.mirrors) {
    if (policy.percent < 100 && deps.random() * 100 >= policy.percent) continue
    const mirror = new Mirror(deps, original, head, policy, http2, action.timeoutMs || TIMEOUT_MS, record)
    for (const chunk of body.chunks) mirror.data(chunk)
    if (body.ended) mirror.end(body.trailers)
    mirrors.push(mirror)
  }
  return mirrors
}

/**
 * A copy of one request. It is sent when the request is whole, so that it can wait for nothing of it, and only if
 * its body is no larger than what is kept for retries. Its answer is thrown away; what becomes of it is counted
 * (`mirror_sent`, `mirror_failed`, `mirror_incomplete`, `mirror_body_too_large`, `mirror_overflow`) and never felt by the
 * original: all copies together have the room that MirrorRoom gives them.
 */
export class Mirror implements AttemptOwner {
  readonly bodySent = true
  readonly #deps: ExchangeDependencies
  readonly #original: Destination | undefined
  readonly #head: RequestHead
  readonly #policy: MirrorPolicy
  readonly #http2: boolean
  readonly #timeoutMs: number
  /** Of the original. */
  readonly #record: RequestRecord
  #told: TryRecord | undefined
  #originalOver = false
  readonly #body = new ReplayBuffer(false)
  /** Of the room for bytes, what this one has taken. */
  #bytes = 0
  #collecting = true
  #answerBytes = 0
  /** Of the head of its answer; 0: none is here. */
  #status = 0
  #cluster: UpstreamCluster | undefined
  #attempt: Attempt | undefined
  #cancelTimer: (() => void) | undefined
  #cancelWait: (() => void) | undefined

  constructor(
    deps: ExchangeDependencies,
    original: Destination | undefined,
    head: RequestHead,
    policy: MirrorPolicy,
    http2: boolean,
    timeoutMs: number,
    record: RequestRecord,
  ) {
    this.#deps = deps
    this.#original = original
    this.#head = { ...head, fields: [...head.fields] }
    // Nothing waits for a 100 here.
    removeField(this.#head.fields, 'expect')
    if (policy.shadowSuffix) this.#head.authority = shadowAuthority(head.authority)
    this.#policy = policy
    this.#http2 = http2
    this.#timeoutMs = timeoutMs
    this.#record = record
  }

  // From the original.

  data(chunk: Buffer): void {
    if (!this.#collecting) return
    if (!this.#deps.mirrorRoom.takeBytes(chunk.length)) return this.#drop('mirror_overflow')
    this.#bytes += chunk.length
    this.#body.add(chunk)
    if (this.#body.full) this.#drop('mirror_body_too_large')
  }

  end(trailers: Fields | undefined): void {
    if (!this.#collecting) return
    this.#collecting = false
    this.#body.ended = true
    this.#body.trailers = trailers
    // In a turn of its own: the original goes first.
    setImmediate(() => this.#send())
  }

  /** The original is over; a request that never became whole is not sent. */
  requestOver(): void {
    this.#originalOver = true
    this.#tell()
    if (this.#collecting) this.#drop('mirror_incomplete')
  }

  #drop(counter: CounterName): void {
    this.#collecting = false
    this.#release()
    this.#deps.telemetry.count(counter)
  }

  #release(): void {
    this.#body.release()
    this.#deps.mirrorRoom.giveBytes(this.#bytes)
    this.#bytes = 0
  }

  // To the mirror's cluster.

  #send(): void {
    const cluster = this.#deps.clusters.get(this.#policy.cluster)
    if (!this.#deps.mirrorRoom.enter(cluster)) return this.#drop('mirror_overflow')
    this.#cluster = cluster
    cluster.active++
    this.#cancelTimer = this.#deps.clock.after(this.#timeoutMs, () => {
      this.#attempt?.abandon('timeout')
      this.#finish('mirror_failed', TIMED_OUT)
    })
    if (cluster.ready) this.#try(cluster)
    else this.#cancelWait = cluster.whenReady(this.#deps.configWaitMs, () => this.#try(cluster))
  }

  #try(cluster: UpstreamCluster): void {
    const admitted = cluster.config && cluster.breakers.tryRequest(cluster.active)
    const endpoint = admitted ? cluster.pick(this.#original, undefined) : undefined
    if (!endpoint) return this.#finish('mirror_failed', GIVEN_UP)
    const pool = endpoint.pool(this.#http2)
    const { clock } = this.#deps
    const attempt = new Attempt(this, endpoint, this.#head, pool, clock, clock.now(), 'any')
    this.#attempt = attempt
    if (this.#record.span) {
      const spanId = this.#deps.telemetry.trySpanId()
      this.#told = tell(attempt, 'mirror', spanId, this.#policy.cluster)
    }
    attempt.start(0)
  }

  /** Once both are over: only then it is known what the copy's span hangs from. */
  #tell(): void {
    if (!this.#told || !this.#originalOver || this.#told.durationMs < 0) return
    this.#deps.telemetry.mirrorFinished(this.#record, this.#told)
    this.#told = undefined
  }

  #finish(counter: CounterName, end: TryEnd): void {
    if (this.#cancelTimer === undefined) return
    if (this.#attempt) endTry(this.#attempt, end, this.#deps.clock.now())
    this.#tell()
    this.#cancelTimer()
    this.#cancelTimer = undefined
    this.#cancelWait?.()
    this.#release()
    if (this.#cluster) {
      this.#cluster.active--
      this.#deps.mirrorRoom.leave(this.#cluster)
    }
    this.#deps.telemetry.count(counter)
  }

  // AttemptOwner.

  get bodiless(): boolean {
    return this.#bytes === 0 && !this.#body.trailers
  }

  attemptConnected({ told }: Attempt, alpn: string): void {
    markProtocol(this.#head, alpn, this.#http2)
    if (told && this.#record.span) this.#deps.telemetry.writeTry(this.#head, this.#record.span, told.spanId)
  }

  attemptOpened(attempt: Attempt): void {
    if (this.bodiless) return
    for (const chunk of this.#body.chunks) attempt.stream?.data(chunk)
    attempt.stream?.end(this.#body.trailers)
    // It is sent once. The room for it stays taken: its peer may not read it.
    this.#body.release()
  }

  attemptHead(_attempt: Attempt, { status, fields }: ResponseHead, end: boolean): void {
    this.#status = status
    if (end) this.#answered(fields)
  }

  attemptEnd(_attempt: Attempt, trailers: Fields | undefined): void {
    this.#answered(trailers)
  }

  #answered(fields: Fields | undefined): void {
    const grpcStatus = (fields && readGrpcStatus(fields)) ?? -1
    this.#finish('mirror_sent', { status: this.#status, grpcStatus, flags: 0, details: 'via_upstream' })
  }

  attemptFailed(_attempt: Attempt, failure: AttemptFailure): void {
    const { flags, details } = failureOf(failure)
    this.#finish('mirror_failed', { status: this.#status, grpcStatus: -1, flags, details })
  }

  attemptInformational(): void {}
  attemptData(attempt: Attempt, chunk: Buffer): void {
    this.#answerBytes += chunk.length
    if (this.#answerBytes <= MOST_ANSWER_BYTES) return
    attempt.abandon('cancel')
    this.#finish('mirror_sent', { ...GIVEN_UP, status: this.#status })
  }

  attemptWritable(): void {}
  attemptSilent(): void {}
}

/** Envoy's mark of a copy: `shop:80` becomes `shop-shadow:80`. An address in brackets has no place for it. */
export function shadowAuthority(authority: string): string {
  if (authority === '' || authority.startsWith('[')) return authority
  const colon = authority.lastIndexOf(':')
  return colon < 0 ? `${authority}-shadow` : `${authority.slice(0, colon)}-shadow${authority.slice(colon)}`
}
