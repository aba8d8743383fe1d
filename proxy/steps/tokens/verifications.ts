import type { Clock } from '../../../core/clock.ts'

/** Signatures that a caller may have checked in vain at once, and how many come back each second. */
export const VAIN_BURST = 100
export const VAIN_PER_SECOND = 20
/** At a time, of all callers together. */
export const MOST_AT_ONCE = 8
/** Verifications that wait, of one caller and of all; beyond that, those of whom most wait give way. */
export const MOST_WAITING = 4096
export const MOST_WAITING_IN_ALL = 8192
/** Who has waited so long is turned away. */
export const LONGEST_WAIT_MS = 5000
/** So many callers are told apart at a time; those beyond them count as one. */
export const MOST_CALLERS = 4096

/** How a verification ended. */
export interface Verified<T> {
  readonly outcome: T
  /** Signatures that were checked and were none of their key's. */
  readonly vain: number
}

interface Job {
  readonly verify: () => Promise<void>
  readonly refuse: () => void
  stopWaiting: () => void
}

interface Caller {
  readonly name: string
  /** Signatures that were checked in vain, less those that time has forgiven; more than VAIN_BURST: has to wait. */
  debt: number
  /** When `debt` was that, on the clock. */
  debtAt: number
  running: number
  readonly waiting: Set<Job>
}

/**
 * First verifications of tokens, by whoever shows them. Each caller pays for the signatures that it has checked in vain, and
 * for nothing else: whose tokens verify has as many verified as it likes. Who has none left waits until time brings some, and
 * callers take turns, so that one who sends bad tokens waits by itself.
 */
export class Verifications {
  readonly #clock: Clock
  readonly #callers = new Map<string, Caller>()
  /** Those of whom somebody waits, in the order of their turns. */
  readonly #turns = new Set<Caller>()
  #running = 0
  #waiting = 0
  #cancelPump: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Callers of whom something is known. */
  get size(): number {
    return this.#callers.size
  }

  /**
   * Calls `verify` when it is the caller's turn, and `done` with what it says, or with undefined where that takes too long.
   * `verify` must not throw. The returned function gives up what has not begun, and says so: `done` is then not called.
   */
  add<T>(
    name: string,
    verify: () => Promise<Verified<T>>,
    done: (outcome: T | undefined) => void,
  ): () => boolean {
    const caller = this.#caller(name)
    const job: Job = {
      verify: async () => {
        caller.running++
        this.#running++
        const { outcome, vain } = await verify()
        caller.running--
        this.#running--
        caller.debt = this.#debtOf(caller) + vain
        this.#forget(caller)
        this.#pump()
        done(outcome)
      },
      refuse: () => done(undefined),
      stopWaiting: () => {},
    }
    if (caller.waiting.size === 0 && this.#running < MOST_AT_ONCE && this.#mayBegin(caller)) {
      void job.verify()
      return () => false
    }
    const full = this.#waiting >= MOST_WAITING_IN_ALL
    const most = full ? this.#mostWaiting() : undefined
    if (caller.waiting.size >= MOST_WAITING || most === caller) {
      const cancel = this.#clock.after(0, job.refuse)
      this.#forget(caller)
      return () => {
        cancel()
        return true
      }
    }
    if (most) {
      const last = [...most.waiting].at(-1) as Job
      this.#take(most, last)
      last.stopWaiting = this.#clock.after(0, last.refuse)
    }
    this.#waiting++
    caller.waiting.add(job)
    this.#turns.add(caller)
    job.stopWaiting = this.#clock.after(LONGEST_WAIT_MS, () => {
      this.#take(caller, job)
      job.refuse()
    })
    this.#pump()
    return () => {
      const waits = caller.waiting.has(job)
      if (waits) this.#take(caller, job)
      return waits
    }
  }

  /** One that is known, a new one, or where there are too many the one that stands for others. */
  #caller(name: string): Caller {
    const known = this.#callers.get(name)
    if (known) return known
    if (this.#callers.size >= MOST_CALLERS) {
      for (const caller of this.#callers.values()) this.#forget(caller)
      if (this.#callers.size >= MOST_CALLERS && name !== '') return this.#caller('')
    }
    const caller: Caller = { name, debt: 0, debtAt: this.#clock.now(), running: 0, waiting: new Set() }
    this.#callers.set(name, caller)
    return caller
  }

  #forget(caller: Caller): void {
    if (caller.running === 0 && caller.waiting.size === 0 && this.#debtOf(caller) === 0)
      this.#callers.delete(caller.name)
  }

  #debtOf(caller: Caller): number {
    const now = this.#clock.now()
    caller.debt = Math.max(0, caller.debt - ((now - caller.debtAt) / 1000) * VAIN_PER_SECOND)
    caller.debtAt = now
    return caller.debt
  }

  /** What runs may be in vain, too. */
  #mayBegin(caller: Caller): boolean {
    return this.#debtOf(caller) + caller.running + 1 <= VAIN_BURST
  }

  #mostWaiting(): Caller | undefined {
    let most: Caller | undefined
    for (const caller of this.#turns) if (!most || caller.waiting.size > most.waiting.size) most = caller
    return most
  }

  #take(caller: Caller, job: Job): void {
    job.stopWaiting()
    caller.waiting.delete(job)
    this.#waiting--
    if (caller.waiting.size === 0) this.#turns.delete(caller)
    this.#forget(caller)
  }

  /** Begins what may begin, one of each caller in turn; where nobody may, when the first will. */
  #pump(): void {
    this.#cancelPump?.()
    this.#cancelPump = undefined
    let begun = true
    while (begun && this.#running < MOST_AT_ONCE && this.#turns.size > 0) {
      begun = false
      for (const caller of [...this.#turns]) {
        if (this.#running >= MOST_AT_ONCE) break
        if (!this.#mayBegin(caller)) continue
        const [job] = caller.waiting as unknown as [Job]
        begun = true
        // To the end of the turns, before it may go from them.
        this.#turns.delete(caller)
        this.#turns.add(caller)
        void job.verify()
        this.#take(caller, job)
      }
    }
    if (this.#turns.size === 0 || this.#running > 0) return
    const least = Math.min(...[...this.#turns].map((caller) => this.#debtOf(caller)))
    const afterMs = Math.ceil(((least + 1 - VAIN_BURST) / VAIN_PER_SECOND) * 1000)
    this.#cancelPump = this.#clock.after(Math.max(1, afterMs), () => this.#pump())
  }
}
