import { isDeepStrictEqual } from 'node:util'
import type { Cluster, Endpoint } from '../../model/cluster.ts'
import type { HealthCheck } from '../../model/health-check.ts'
import type { HealthSignal, SignalContext, Standing } from './signal.ts'

/** The first check comes within that, so that endpoints are not asked all at once. Milliseconds. */
const FIRST_MS = 1000

/**
 * What an endpoint answers when it is asked: after so many failures in a row it is the last to be picked, until so many
 * successes, or one if it never had any. Until it was asked it is picked.
 */
export class ActiveCheck implements HealthSignal {
  readonly name = 'active-check'
  standing: Standing = 'use'
  said = ''
  readonly #context: SignalContext
  #check: HealthCheck | undefined
  /** In a row, good or bad. */
  #count = 0
  #lastOk: boolean | undefined
  #everOk = false
  /** Of the cluster, at the last check. */
  #picksSeen = 0
  #cancel: () => void = () => {}

  constructor(context: SignalContext) {
    this.#context = context
  }

  configured(_endpoint: Endpoint, { healthCheck }: Cluster): void {
    if (isDeepStrictEqual(healthCheck, this.#check)) return
    this.#cancel()
    this.#check = healthCheck
    this.#count = 0
    if (!healthCheck) {
      this.said = ''
      this.#lastOk = undefined
      return this.#stand('use')
    }
    this.#after(this.#context.random() * Math.min(FIRST_MS, healthCheck.intervalMs), healthCheck)
  }

  removed(): void {
    this.#cancel()
  }

  #after(ms: number, check: HealthCheck): void {
    this.#cancel = this.#context.clock.after(ms, () => this.#ask(check))
  }

  #ask(check: HealthCheck): void {
    let begun = false
    const leaveQueue = this.#context.turns.take((finished) => {
      begun = true
      let over = false
      const cancelProbe = this.#context.probe(check, (result) => {
        over = true
        finished()
        if (result) this.#learn(result, check)
        this.#after(this.#waitMs(check), check)
      })
      if (over) return
      this.#cancel = () => {
        cancelProbe()
        finished()
      }
    })
    if (!begun) this.#cancel = leaveQueue
  }

  #waitMs(check: HealthCheck): number {
    const picks = this.#context.picks()
    const used = picks !== this.#picksSeen
    this.#picksSeen = picks
    const intervalMs = !used
      ? check.noTrafficIntervalMs
      : this.standing === 'use'
        ? check.intervalMs
        : check.unhealthyIntervalMs
    return intervalMs + this.#context.random() * check.jitterMs
  }

  #learn({ ok, text }: { readonly ok: boolean; readonly text: string }, check: HealthCheck): void {
    this.#count = ok === this.#lastOk ? this.#count + 1 : 1
    this.#lastOk = ok
    this.said = `${ok ? 'good' : 'bad'}, ${this.#count} in a row: ${text}`
    if (ok && (this.#count >= check.healthyThreshold || !this.#everOk)) this.#stand('use')
    // The last resort, so that a check which asks for the wrong thing takes no service down.
    else if (!ok && this.#count >= check.unhealthyThreshold) this.#stand('last-resort')
    this.#everOk ||= ok
  }

  #stand(standing: Standing): void {
    if (standing === this.standing) return
    this.standing = standing
    this.#context.changed()
  }
}
