import type { Clock } from '../../core/clock.ts'
import { ALPN_LINK, SHED_HEADER } from '../../core/contract.ts'
import { field, removeField, type Fields, type RequestHead, type ResponseHead } from '../http/message.ts'
import type { ClientStream, ClientStreamReader, ResetReason } from '../http/stream.ts'
import type { Waiting } from '../upstream/balance/load.ts'
import type { ConnectFailure } from '../upstream/connector.ts'
import type { EndpointState } from '../upstream/endpoint-state.ts'
import type { TryOutcome } from '../upstream/health/try-outcome.ts'
import type { HttpPool, PooledConnection, PoolWaiter, Reuse } from '../upstream/http-pool.ts'
import { readGrpcStatus } from './reply.ts'
import { readRetryAfterMs } from './retry-after.ts'
import type { TryRecord } from './telemetry-sink.ts'

/** What an attempt tells its exchange. Nothing more comes after `attemptFailed` or the end of the response. */
export interface AttemptOwner {
  /** Before the stream opens: the head may depend on the link (its ALPN). */
  attemptConnected(attempt: Attempt, alpn: string): void
  attemptOpened(attempt: Attempt): void
  attemptInformational(head: ResponseHead): void
  attemptHead(attempt: Attempt, head: ResponseHead, end: boolean): void
  attemptData(attempt: Attempt, chunk: Buffer): void
  attemptEnd(attempt: Attempt, trailers: Fields | undefined): void
  attemptFailed(attempt: Attempt, failure: AttemptFailure): void
  attemptWritable(): void
  /** Its endpoint gives no sign of life, so far: the request may go elsewhere. */
  attemptSilent(attempt: Attempt): void
  /** Whether the request that opens now has no body. */
  readonly bodiless: boolean
  /** The whole request went to the attempt. */
  readonly bodySent: boolean
}

// An unwanted answer larger or slower than this costs its connection.
const DISCARD_BYTES = 64 * 1024
const DISCARD_MS = 1000

/** Of a stream that was reset: what that says of the endpoint. */
const OUTCOMES: Readonly<Record<ResetReason, TryOutcome>> = {
  cancel: 'reset',
  refused: 'refused',
  connection: 'reset',
  protocol: 'reset',
  timeout: 'timeout',
  stalled: 'timeout',
  overload: 'reset',
}

export type AttemptFailure =
  | { readonly kind: 'connect'; readonly failure: ConnectFailure }
  | { readonly kind: 'reset'; readonly reason: ResetReason; readonly detail: string }
  | { readonly kind: 'per-try-timeout' }

/** One try of a request against one endpoint. */
export class Attempt implements ClientStreamReader, PoolWaiter, Waiting {
  readonly endpoint: EndpointState
  readonly head: RequestHead
  stream: ClientStream | undefined
  /** What telemetry is told of it, where it is told of tries. */
  told: TryRecord | undefined
  /** Who answered on the connection, or ''. */
  identity = ''
  readonly reuse: Reuse
  /** The connection had carried requests or waited for one before. */
  reused = false
  /** Refused by a connection that takes nothing more (GOAWAY), or before it had said how much it takes. */
  goneAway = false
  readonly #owner: AttemptOwner
  readonly #pool: HttpPool
  #connection: PooledConnection | undefined
  readonly #clock: Clock
  readonly startedAt: number
  // Of its endpoint's load.
  older: Waiting | undefined
  newer: Waiting | undefined
  counted = false
  #cancelTimeout: (() => void) | undefined
  #cancelDiscard: (() => void) | undefined
  #headSeen = false
  /** Of the head. */
  #status = 0
  /** It waits beside connections that carry others. */
  #beside = false
  /** The endpoint was told how the try ended. */
  #judged = false
  #over = false
  #discarding = false
  #discarded = 0

  constructor(
    owner: AttemptOwner,
    endpoint: EndpointState,
    head: RequestHead,
    pool: HttpPool,
    clock: Clock,
    now: number,
    reuse: Reuse,
  ) {
    this.reuse = reuse
    this.#clock = clock
    this.startedAt = now
    this.#owner = owner
    this.endpoint = endpoint
    this.head = head
    this.#pool = pool
  }

  start(perTryTimeoutMs: number): void {
    this.endpoint.begin(this)
    this.limit(perTryTimeoutMs)
    this.#pool.acquire(this)
    if (!this.stream && !this.#over) this.#beside = this.endpoint.connections > 0
  }

  /** The head of an answer has to be here within that; 0: no limit. */
  limit(perTryTimeoutMs: number): void {
    if (perTryTimeoutMs > 0 && !this.#over) this.#startTimer(perTryTimeoutMs)
  }

  #startTimer(ms: number): void {
    this.#cancelTimeout = this.#clock.after(ms, () => this.#timeout())
  }

  /** Gives up whatever state it is in; the owner hears nothing more. */
  abandon(reason: ResetReason): void {
    if (this.#over) return
    const outcome = reason === 'timeout' ? 'timeout' : 'cancelled'
    const now = this.#clock.now()
    if (!this.#headSeen) this.#observe(outcome, now)
    // Of an answer that had begun, how long the rest may take is the caller's word; and who waits beside connections that
    // carry others waits for a limit of ours.
    const ours = this.#headSeen || (!this.stream && (this.#beside || this.endpoint.connections > 0))
    this.#tell(ours ? 'cancelled' : outcome, undefined, now)
    this.#finish()
    if (this.stream) this.stream.reset(reason)
    else this.#pool.cancel(this)
  }

  /** Its reused connection was closed under it: none that waits beside it is used for the next try. */
  distrustConnections(): void {
    this.#pool.distrustIdle()
  }

  /**
   * The answer is not wanted but its connection is: what is left of it is read and dropped, within bounds, so
   * that a retry does not cost a connection.
   */
  discard(): void {
    if (this.#over) return
    if (!this.stream?.answered || !this.#owner.bodySent) return this.abandon('cancel')
    this.#tell('answered')
    this.#finish()
    this.#discarding = true
    this.#cancelDiscard = this.#clock.after(DISCARD_MS, () => this.stream?.reset('cancel'))
  }

  onConnection(connection: PooledConnection): void {
    if (this.#over) return
    const { codec } = connection
    this.#connection = connection
    this.identity = connection.identity
    this.reused = codec.carried > 0 || connection.waited
    this.#owner.attemptConnected(this, connection.alpn)
    this.stream = codec.open(this.head, this.#owner.bodiless, this)
    if (!this.#over) this.#owner.attemptOpened(this)
  }

  onConnectFailure(failure: ConnectFailure): void {
    if (this.#over) return
    if (failure.reason === 'connect') this.#observe('connect-failure', this.#clock.now())
    this.#tell(failure.reason === 'connect' ? 'connect-failure' : 'cancelled')
    this.#finish()
    this.#owner.attemptFailed(this, { kind: 'connect', failure })
  }

  onSilent(): void {
    if (!this.#over && !this.#headSeen) this.#owner.attemptSilent(this)
  }

  onSlowConnect(): void {
    this.onSilent()
  }

  onInformational(head: ResponseHead): void {
    if (!this.#over) this.#owner.attemptInformational(head)
  }

  onHead(head: ResponseHead, end: boolean): void {
    if (this.#over) return
    // The per-try timeout covers the time to the response's head: a long answer is not a failed try.
    this.#cancelTimeout?.()
    this.#headSeen = true
    this.#status = head.status
    const shed = this.#takeShed(head)
    const now = this.#clock.now()
    this.#observe(shed ? 'shed' : 'answered', now, head.status, readRetryAfterMs(head))
    // A failure is one whatever follows, and so is a tunnel good, which lasts as long as its ends like.
    if (shed) this.#tell('shed', undefined, now)
    else if (end) this.#tell('answered', head.fields, now)
    else if (head.status >= 400 || head.status === 101 || this.head.method === 'CONNECT')
      this.#tell('answered', undefined, now)
    if (end) this.#finish()
    this.#owner.attemptHead(this, head, end)
  }

  onData(chunk: Buffer): void {
    if (!this.#over) return this.#owner.attemptData(this, chunk)
    if (!this.#discarding) return
    this.#discarded += chunk.length
    if (this.#discarded <= DISCARD_BYTES) return
    this.#cancelDiscard?.()
    this.stream?.reset('cancel')
  }

  onEnd(trailers: Fields | undefined): void {
    this.#cancelDiscard?.()
    if (this.#over) return
    this.#tell('answered', trailers)
    this.#finish()
    this.#owner.attemptEnd(this, trailers)
  }

  onReset(reason: ResetReason, detail: string): void {
    this.#cancelDiscard?.()
    if (this.#over) return
    const connection = this.#connection
    this.goneAway =
      reason === 'refused' && ((connection?.codec.closed ?? false) || (this.stream?.early ?? false))
    // That a connection takes nothing more says nothing of its endpoint.
    const now = this.#clock.now()
    this.#observe(this.goneAway ? 'cancelled' : OUTCOMES[reason], now)
    // One end of a connection is that of all its streams; whether the endpoint is there, the next one says.
    const ofConnection = this.goneAway || (reason === 'connection' && this.reused && !this.#headSeen)
    this.#tell(ofConnection || reason === 'overload' ? 'cancelled' : OUTCOMES[reason], undefined, now)
    this.#finish()
    if (reason === 'connection' && connection && !this.stream?.answered) this.#pool.closedUnder(connection)
    this.#owner.attemptFailed(this, { kind: 'reset', reason, detail })
  }

  onWritable(): void {
    if (!this.#over) this.#owner.attemptWritable()
  }

  /** Whether a sidecar of ours says that it shed the request. An application's word for it is dropped, and goes no further. */
  #takeShed({ fields }: ResponseHead): boolean {
    if (field(fields, SHED_HEADER) === undefined) return false
    removeField(fields, SHED_HEADER)
    return this.#connection?.alpn === ALPN_LINK
  }

  #timeout(): void {
    if (this.#over) return
    this.abandon('timeout')
    this.#owner.attemptFailed(this, { kind: 'per-try-timeout' })
  }

  /** What the endpoint is to be judged by. */
  #observe(outcome: TryOutcome, now: number, status = 0, retryAfterMs = 0): void {
    this.endpoint.observe(outcome, status, now - this.startedAt, now, retryAfterMs, this)
  }

  /** How the try ended, once. `fields`: those that may hold the status of a call of gRPC. */
  #tell(outcome: TryOutcome, fields?: Fields, at?: number): void {
    if (this.#judged) return
    this.#judged = true
    const grpcStatus = fields === undefined ? undefined : readGrpcStatus(fields)
    const now = at ?? this.#clock.now()
    this.endpoint.ended(outcome, this.#status, grpcStatus ?? -1, now - this.startedAt, now)
  }

  #finish(): void {
    this.#over = true
    this.endpoint.end(this)
    this.#cancelTimeout?.()
  }
}
