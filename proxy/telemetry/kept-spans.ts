import type { Clock } from '../../core/clock.ts'
import type { RequestHead } from '../http/message.ts'
import type { AuthorizationRecord, HopSpan, RequestRecord } from '../exchange/telemetry-sink.ts'
import { failedByServer } from './request-failure.ts'
import { newSpanId, readTrace } from './trace-context.ts'

const REFUSALS_A_SECOND = 10

export interface KeptSettings {
  /** Of those that failed, and of those that were slow, in one second each; 0: none. */
  readonly aSecond: number
  /** An answer whose head took this long, or none within it, is slow; 0: none is. Milliseconds. */
  readonly slowMs: number
}

export const KEPT_DEFAULTS: KeptSettings = { aSecond: 10, slowMs: 1000 }

/**
 * Spans of what is told whether its trace is sampled or not, so many a second of each kind: what was refused, or would be; what
 * failed; what was slow.
 */
export class KeptSpans {
  /** May change at any time. */
  settings: KeptSettings
  readonly #refusals: Room
  readonly #errors: Room
  readonly #slow: Room

  /** `refused` and `kept`: one was left out. */
  constructor(
    clock: Clock,
    settings: KeptSettings,
    leftOut: { readonly refused: () => void; readonly kept: () => void },
  ) {
    this.settings = settings
    this.#refusals = new Room(clock, leftOut.refused)
    this.#errors = new Room(clock, leftOut.kept)
    this.#slow = new Room(clock, leftOut.kept)
  }

  /** Undefined: it was let pass, or too many others were not. Its reference is its trace. */
  refusal({ decision, reference }: AuthorizationRecord): HopSpan | undefined {
    if (decision !== 'denied' && decision !== 'dry-run-denied') return undefined
    if (!this.#refusals.take(REFUSALS_A_SECOND)) return undefined
    const id = newSpanId()
    return {
      traceId: reference,
      spanId: id,
      manySpanId: id,
      parentSpanId: '',
      traceState: '',
      kept: undefined,
    }
  }

  /** Of a request that is not sampled. Undefined: nothing is wrong with it, too much is with others, or it has no trace. */
  request(record: RequestRecord, head: RequestHead): HopSpan | undefined {
    if (record.trace === 'none') return undefined
    const kept = failedByServer(record) ? 'error' : this.#isSlow(record) ? 'slow' : undefined
    if (kept === undefined) return undefined
    if (!(kept === 'error' ? this.#errors : this.#slow).take(this.settings.aSecond)) return undefined
    const trace = readTrace(head)
    if (!trace || trace.traceId === '') return undefined
    // Where the trace begins here, the span that the next hop was told of is this one.
    const began = record.trace === 'began'
    const spanId = began ? trace.parentSpanId : newSpanId()
    const parentSpanId = began ? '' : trace.parentSpanId
    const { traceId, traceState } = trace
    // No hop was told of a try: it is one span's work to whoever follows.
    for (const one of record.tries ?? []) one.spanId = newSpanId()
    return { traceId, spanId, manySpanId: spanId, parentSpanId, traceState, kept }
  }

  /** How long a stream lasts once it has begun is up to its ends. */
  #isSlow({ answerMs, durationMs }: RequestRecord): boolean {
    const { slowMs } = this.settings
    return slowMs > 0 && (answerMs < 0 ? durationMs : answerMs) >= slowMs
  }
}

class Room {
  readonly #clock: Clock
  readonly #full: () => void
  #since = -Infinity
  #taken = 0

  constructor(clock: Clock, full: () => void) {
    this.#clock = clock
    this.#full = full
  }

  take(most: number): boolean {
    const now = this.#clock.now()
    if (now - this.#since >= 1000) {
      this.#since = now
      this.#taken = 0
    }
    if (this.#taken >= most) {
      if (most > 0) this.#full()
      return false
    }
    this.#taken++
    return true
  }
}
