import type { Clock } from '../../core/clock.ts'
import type { AuthorizationRecord, HopSpan } from '../exchange/telemetry-sink.ts'
import { newSpanId } from './trace-context.ts'

const MOST_A_SECOND = 10

/** Spans of what was refused, or would be: told whether its trace is sampled or not, so many a second. */
export class RefusalSpans {
  readonly #clock: Clock
  readonly #tooMany: () => void
  #since = -Infinity
  #told = 0

  /** `tooMany`: one was left out. */
  constructor(clock: Clock, tooMany: () => void) {
    this.#clock = clock
    this.#tooMany = tooMany
  }

  /** Undefined: it was let pass, or too many others were not. Its reference is its trace. */
  spanFor({ decision, reference }: AuthorizationRecord): HopSpan | undefined {
    if (decision !== 'denied' && decision !== 'dry-run-denied') return undefined
    const now = this.#clock.now()
    if (now - this.#since >= 1000) {
      this.#since = now
      this.#told = 0
    }
    if (++this.#told > MOST_A_SECOND) {
      this.#tooMany()
      return undefined
    }
    return { traceId: reference, spanId: newSpanId(), parentSpanId: '', traceState: '' }
  }
}
