import type { BalancingPolicy } from '../../model/balancing.ts'
import { isFailure } from './failure-class.ts'
import type { TryOutcome } from '../health/try-outcome.ts'

/** A request that waits for the head of its answer. The fields are the load's, which links it to those that wait with it. */
export interface Waiting {
  /** On the clock, milliseconds. */
  readonly startedAt: number
  older: Waiting | undefined
  newer: Waiting | undefined
  /** It counts. */
  counted: boolean
}

/**
 * What waits for longer is taken for a stream whose head comes with its first message: it counts no more. No latency counts
 * for more either, which is what a failure counts for by default.
 */
const LONGEST_WAIT_MS = 5000
/** Differences below say nothing about an endpoint. */
const SHORTEST_LATENCY_MS = 1
/** What a Retry-After is honoured up to. */
const LONGEST_RETRY_AFTER_MS = 300_000

/**
 * What a caller knows of an endpoint's load: who waits for it, how long it takes, whether it fails. Latency is the time to an
 * answer's head; a peak EWMA: a longer one counts at once, a shorter one bit by bit (Finagle's, as in Linkerd). Opaque
 * connections, tunnels and answers that go on are no waiting requests. Nothing here allocates.
 */
export class EndpointLoad {
  /** Opaque connections now. */
  connections = 0
  #decayMs = 0
  #failureMs = 0
  #waiting = 0
  #oldest: Waiting | undefined
  #newest: Waiting | undefined
  /** Start of the first request that came after the last answer, and has none; NaN: none did. */
  #unansweredSince = NaN
  /** NaN: nothing was answered yet. */
  #latencyMs = NaN
  #latencyAt = 0
  #penaltyMs = 0
  /** May be in the future: until then it does not decay (Retry-After). */
  #penaltyAt = 0

  /** What is measured is what the policy asks for. */
  configure(policy: BalancingPolicy): void {
    this.#decayMs = policy.kind === 'peak-ewma' ? policy.decayMs : 0
    this.#failureMs = policy.kind === 'peak-ewma' ? policy.penaltyMs : 0
  }

  begin(request: Waiting): void {
    request.counted = true
    request.older = this.#newest
    request.newer = undefined
    if (this.#newest) this.#newest.newer = request
    else this.#oldest = request
    this.#newest = request
    this.#waiting++
    // An age that does not count any more makes place for the next one's.
    if (!(request.startedAt - this.#unansweredSince <= LONGEST_WAIT_MS))
      this.#unansweredSince = request.startedAt
  }

  /** The head is here, or none will come. May be said again. */
  end(request: Waiting): void {
    if (!request.counted) return
    this.#unlink(request)
    if (this.#waiting === 0) this.#unansweredSince = NaN
  }

  /**
   * How a try ended: once before `end`, and again where an answer breaks off. `status`: of the answer, 0 without one.
   * `durationMs`: since the try began. `retryAfterMs`: what the answer asks for, or 0.
   */
  observe(
    request: Waiting | undefined,
    outcome: TryOutcome,
    status: number,
    durationMs: number,
    retryAfterMs: number,
    nowMs: number,
  ): void {
    if (outcome === 'answered') this.#unansweredSince = NaN
    // How long it takes to connect is no latency of an answer.
    if (this.#decayMs === 0 || (outcome === 'answered' && status === 0)) return
    const waited = request === undefined || request.counted
    // Of a stream that ran for long it says nothing that its end was not regular, or that we gave it up.
    if (outcome !== 'answered' && !waited && durationMs > LONGEST_WAIT_MS) return
    if (isFailure(outcome, status)) {
      this.#fail(nowMs, retryAfterMs)
      // Failing at once is no low latency; but who had us wait takes that long.
      if (waited) this.#peak(durationMs, nowMs)
    } else if (outcome === 'cancelled') {
      if (waited && durationMs <= LONGEST_WAIT_MS) this.#peak(durationMs, nowMs)
    } else this.#sample(durationMs, nowMs)
  }

  /** An answer that was observed turned out to be a failure. */
  fail(nowMs: number): void {
    if (this.#decayMs > 0) this.#fail(nowMs, 0)
  }

  /** Requests that wait for an answer. */
  waiting(nowMs: number): number {
    const since = nowMs - LONGEST_WAIT_MS
    while (this.#oldest && this.#oldest.startedAt < since) this.#unlink(this.#oldest)
    return this.#waiting
  }

  /** What an answer takes, as far as is known and failures aside, milliseconds; NaN: nothing is. */
  latency(nowMs: number): number {
    let latency = this.#latencyMs
    if (!Number.isNaN(latency)) {
      latency *= Math.exp((this.#latencyAt - nowMs) / this.#decayMs)
      if (latency < SHORTEST_LATENCY_MS) latency = SHORTEST_LATENCY_MS
    }
    const age = nowMs - this.#unansweredSince
    // Not for one that waits for so long: see LONGEST_WAIT_MS.
    return age > SHORTEST_LATENCY_MS && age <= LONGEST_WAIT_MS && !(latency >= age) ? age : latency
  }

  /** What is left of the penalty for failures, milliseconds; 0: none. */
  penalty(nowMs: number): number {
    if (this.#penaltyMs === 0) return 0
    const sinceMs = nowMs - this.#penaltyAt
    return sinceMs <= 0 ? this.#penaltyMs : this.#penaltyMs * Math.exp(-sinceMs / this.#decayMs)
  }

  #sample(durationMs: number, nowMs: number): void {
    const sample = Math.min(durationMs, LONGEST_WAIT_MS)
    const known = this.#latencyMs
    if (sample < known) {
      const kept = Math.exp((this.#latencyAt - nowMs) / this.#decayMs)
      this.#latencyMs = Math.max(known * kept + sample * (1 - kept), SHORTEST_LATENCY_MS)
    } else this.#latencyMs = sample
    this.#latencyAt = nowMs
  }

  #peak(durationMs: number, nowMs: number): void {
    const known = this.#latencyMs * Math.exp((this.#latencyAt - nowMs) / this.#decayMs)
    if (Number.isNaN(known) ? durationMs > SHORTEST_LATENCY_MS : durationMs > known)
      this.#sample(durationMs, nowMs)
  }

  #fail(nowMs: number, retryAfterMs: number): void {
    const at = nowMs + Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS)
    this.#penaltyMs = this.#failureMs
    if (at > this.#penaltyAt) this.#penaltyAt = at
  }

  #unlink(request: Waiting): void {
    const { older, newer } = request
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
    request.older = request.newer = undefined
    request.counted = false
    this.#waiting--
  }
}
