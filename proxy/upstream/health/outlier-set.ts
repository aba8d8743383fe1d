import type { Clock } from '../../../core/clock.ts'
import type { OutlierDetection } from '../../model/outlier-detection.ts'
import { OutlierMember, verdictOf, type EjectionReason, type OutlierHost } from './outlier-member.ts'
import { outliersOf } from './outlier-rates.ts'
import type { TryOutcome } from './try-outcome.ts'

/** What is told of ejections. */
export interface OutlierEvents {
  ejected(host: OutlierHost, reason: EjectionReason, forMs: number): void
  /** `trial`: a request went well. `set`: too many would be out, or all that are left fail as well, or nobody asks any more. */
  returned(host: OutlierHost, why: 'trial' | 'set'): void
}

const NOBODY: OutlierEvents = { ejected() {}, returned() {} }

/**
 * Ejection of outliers among the endpoints of a cluster. An endpoint that fails is left out for a time, and then until one
 * request, of those that come anyway, has gone well there. Never more than the configured share of the set is out, never the
 * last that can be picked, and none while all that are left fail, too: then it is not they who are at fault.
 */
export class OutlierSet {
  /** Ejections since the cluster is in use, by what for. */
  readonly ejections = new Map<EjectionReason, number>()
  readonly #clock: Clock
  readonly #random: () => number
  readonly #events: OutlierEvents
  readonly #members = new Set<OutlierMember>()
  #settings: OutlierDetection | undefined
  /** Members that wait for a request which decides. */
  #waiting = 0
  #out = 0
  #cancelInterval: (() => void) | undefined

  /** `random`: at least 0, less than 1. */
  constructor(clock: Clock, random: () => number, events: OutlierEvents = NOBODY) {
    this.#clock = clock
    this.#random = random
    this.#events = events
  }

  /** How many are out now, those among them that wait for a request which decides. */
  get ejected(): number {
    return this.#out
  }

  /** Whether a member waits for a request which decides. */
  get wantsTrial(): boolean {
    return this.#waiting > 0
  }

  /** Undefined: nothing is ejected any more, and what was comes back. */
  configure(settings: OutlierDetection | undefined): void {
    this.#settings = settings
    if (settings) return this.#settle()
    this.#cancelInterval?.()
    this.#cancelInterval = undefined
    for (const member of this.#members) {
      if (member.state !== 'in') this.#return(member, 'set')
      member.errors = member.gatewayFailures = member.times = 0
      member.forgetInterval()
    }
  }

  join(host: OutlierHost): OutlierMember {
    const member = new OutlierMember(host)
    this.#members.add(member)
    return member
  }

  leave(member: OutlierMember): void {
    if (!this.#members.delete(member)) return
    if (member.state !== 'in') this.#out--
    if (member.state === 'half-open' && member.trial === 'none') this.#waiting--
    member.cancelTimer?.()
    if (this.#members.size === 0) {
      this.#cancelInterval?.()
      this.#cancelInterval = undefined
    }
    this.#settle()
  }

  /** A try has ended; see HealthSignal.ended. */
  ended(
    member: OutlierMember,
    outcome: TryOutcome,
    status: number,
    grpcStatus: number,
    durationMs: number,
    now: number,
  ): void {
    const settings = this.#settings
    if (!settings || member.state === 'ejected') return
    const verdict = verdictOf(settings, outcome, status, grpcStatus)
    if (member.state === 'half-open') {
      // What began before says what was known.
      if (now - durationMs < member.since) return
      // A caller that leaves an answer which has begun well says nothing against it.
      if (verdict === 'good' || (verdict === 'nothing' && member.trial === 'answered'))
        this.#return(member, 'trial')
      else if (verdict !== 'nothing') this.#eject(member, 'trial-failed', settings)
      else this.#release(member)
      return
    }
    if (verdict === 'nothing') return
    member.requests++
    if (this.#cancelInterval === undefined && settings.intervalMs > 0 && looksAtRates(settings))
      this.#startInterval(settings.intervalMs)
    if (verdict === 'good') {
      member.errors = member.gatewayFailures = 0
      return
    }
    member.failures++
    member.errors++
    if (verdict === 'gateway') member.gatewayFailures++
    else member.gatewayFailures = 0
    const { consecutiveErrors, consecutiveGatewayFailures } = settings
    // Where it could not be ejected then, not at each failure that follows.
    if (isDue(member.errors, consecutiveErrors.limit))
      this.#inARow(member, 'consecutive-errors', consecutiveErrors)
    else if (isDue(member.gatewayFailures, consecutiveGatewayFailures.limit))
      this.#inARow(member, 'consecutive-gateway-failures', consecutiveGatewayFailures)
  }

  #startInterval(ms: number): void {
    this.#cancelInterval = this.#clock.after(ms, () => this.#look())
  }

  /** The head of an answer is here; see HealthSignal.observe. */
  answered(member: OutlierMember, status: number): void {
    const settings = this.#settings
    if (member.trial === 'running' && settings && verdictOf(settings, 'answered', status, -1) === 'good')
      member.trial = 'answered'
  }

  /** A request goes to a member that waits for it. */
  tryOut(member: OutlierMember): void {
    const settings = this.#settings
    if (!settings || member.state !== 'half-open' || member.trial !== 'none') return
    member.trial = 'running'
    this.#waiting--
    // An answer that takes long: well begun it is good enough, otherwise another request may decide.
    member.cancelTimer = this.#clock.after(settings.intervalMs, () => {
      if (member.trial === 'answered') this.#return(member, 'trial')
      else this.#release(member)
    })
  }

  #release(member: OutlierMember): void {
    if (member.trial === 'none') return
    member.cancelTimer?.()
    member.cancelTimer = undefined
    member.trial = 'none'
    this.#waiting++
  }

  #inARow(
    member: OutlierMember,
    reason: EjectionReason,
    { limit, enforcing }: OutlierDetection['consecutiveErrors'],
  ): void {
    const settings = this.#settings
    if (!settings || !this.#enforced(enforcing)) return
    const count = reason === 'consecutive-errors' ? 'errors' : 'gatewayFailures'
    let better = false
    for (const other of this.#members)
      if (other !== member && other.picked && other[count] < limit) better = true
    if (better) this.#ejectWithin(member, reason, settings)
    // All that are left fail: who is out may be as good as they are.
    else for (const other of this.#members) if (other.state !== 'in') this.#return(other, 'set')
  }

  /** The interval is over. */
  #look(): void {
    this.#cancelInterval = undefined
    const settings = this.#settings
    if (!settings) return
    const members = [...this.#members].filter((member) => member.picked)
    for (const [member, reason] of outliersOf(members, settings)) {
      const { enforcing } = reason === 'success-rate' ? settings.successRate : settings.failurePercentage
      if (member.state === 'in' && this.#enforced(enforcing)) this.#ejectWithin(member, reason, settings)
    }
    for (const member of this.#members) member.forgetInterval()
  }

  #enforced(percent: number): boolean {
    return percent >= 100 || this.#random() * 100 < percent
  }

  /** If the set is large enough for one more to be out. */
  #ejectWithin(member: OutlierMember, reason: EjectionReason, settings: OutlierDetection): void {
    let size = 0
    let rest = 0
    for (const other of this.#members) {
      if (other.host.weight > 0) size++
      if (other !== member && other.picked) rest++
    }
    if (rest > 0 && (this.#out + 1) * 100 <= settings.maxEjectedPercent * size)
      this.#eject(member, reason, settings)
  }

  #eject(member: OutlierMember, reason: EjectionReason, settings: OutlierDetection): void {
    const now = this.#clock.now()
    if (member.state === 'in') {
      this.#out++
      const intervals = settings.intervalMs > 0 ? Math.floor((now - member.since) / settings.intervalMs) : 0
      member.times = Math.max(0, member.times - intervals)
    } else if (member.trial === 'none') this.#waiting--
    member.times++
    member.reason = reason
    const { baseEjectionMs, maxEjectionMs } = settings
    const forMs = Math.min(baseEjectionMs * member.times, Math.max(baseEjectionMs, maxEjectionMs))
    member.forgetInterval()
    member.until = now + forMs
    member.enter('ejected', now)
    member.cancelTimer = this.#clock.after(forMs, () => {
      member.enter('half-open', this.#clock.now())
      this.#waiting++
    })
    this.ejections.set(reason, (this.ejections.get(reason) ?? 0) + 1)
    member.host.closeIdle()
    this.#events.ejected(member.host, reason, forMs)
  }

  #return(member: OutlierMember, why: 'trial' | 'set'): void {
    if (member.state === 'half-open' && member.trial === 'none') this.#waiting--
    this.#out--
    // Nothing has shown yet that who comes back for the others' sake is any better.
    if (why === 'trial') member.errors = member.gatewayFailures = 0
    member.forgetInterval()
    member.enter('in', this.#clock.now())
    this.#events.returned(member.host, why)
  }

  /** After a change of the set or its settings: the longest out come back until no more are out than may be. */
  #settle(): void {
    const settings = this.#settings
    if (!settings || this.#out === 0) return
    const size = [...this.#members].filter(({ host }) => host.weight > 0).length
    const out = [...this.#members]
      .filter(({ state }) => state !== 'in')
      .sort((a, b) => Number(b.state === 'half-open') - Number(a.state === 'half-open') || a.since - b.since)
    for (const member of out) {
      const most = Math.min(Math.floor((settings.maxEjectedPercent * size) / 100), size - 1)
      if (this.#out <= most) return
      this.#return(member, 'set')
    }
  }
}

function looksAtRates({ successRate, failurePercentage }: OutlierDetection): boolean {
  return successRate.enforcing > 0 || failurePercentage.enforcing > 0
}

function isDue(count: number, limit: number): boolean {
  return count > 0 && limit > 0 && count % limit === 0
}
