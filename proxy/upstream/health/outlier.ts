import type { Endpoint } from '../../model/cluster.ts'
import type { OutlierHost, OutlierMember } from './outlier-member.ts'
import type { Ejection, HealthSignal, SignalContext, Standing } from './signal.ts'
import type { TryOutcome } from './try-outcome.ts'

/** An endpoint that fails where the others of its cluster do not is left out for a time: see OutlierSet. */
export class Outlier implements HealthSignal, OutlierHost {
  readonly name = 'outlier'
  readonly fallible = true
  address = ''
  workload = ''
  weight = 1
  readonly #context: SignalContext
  readonly #member: OutlierMember

  constructor(context: SignalContext) {
    this.#context = context
    this.#member = context.outliers.join(this)
  }

  get standing(): Standing {
    // The last resort, so that an ejection by itself never leaves a request without an endpoint.
    return this.#member.state === 'in' ? 'use' : 'last-resort'
  }

  get said(): string {
    const { state, reason, trial } = this.#member
    if (state === 'in') return ''
    if (state === 'ejected') return `ejected: ${reason}`
    return trial === 'none' ? `one request decides: ${reason}` : `one request is on its way: ${reason}`
  }

  get ejection(): Ejection | undefined {
    const { state, reason = '', until } = this.#member
    return state === 'in' ? undefined : { reason, untilMs: until }
  }

  get usable(): boolean {
    return this.#context.usable(this)
  }

  get wantsTrial(): boolean {
    return this.#member.state === 'half-open' && this.#member.trial === 'none'
  }

  tryOut(): void {
    this.#context.outliers.tryOut(this.#member)
  }

  observe(outcome: TryOutcome, status: number): void {
    if (outcome === 'answered') this.#context.outliers.answered(this.#member, status)
  }

  ended(outcome: TryOutcome, status: number, grpcStatus: number, durationMs: number, nowMs: number): void {
    this.#context.outliers.ended(this.#member, outcome, status, grpcStatus, durationMs, nowMs)
  }

  configured(endpoint: Endpoint): void {
    this.address = `${endpoint.address}:${endpoint.port}`
    this.workload = endpoint.workload
    this.weight = endpoint.weight
  }

  removed(): void {
    this.#context.outliers.leave(this.#member)
  }

  changed(): void {
    this.#context.changed()
  }

  closeIdle(): void {
    this.#context.closeIdle()
  }
}
