/** Time as a dependency, so that a decision about time can be tested without waiting for it. */
export interface Clock {
  /** Milliseconds: since the Unix epoch, or since an instant of the clock's own where it is monotonic. */
  now(): number
  /** Runs `task` once after `ms`; the returned function cancels it. Does not keep the process alive. */
  after(ms: number, task: () => void): () => void
}

// setTimeout fires at once beyond 2^31-1 ms (24.8 days).
const LONGEST_TIMER_MS = 0x7fffffff

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** For how long something took or may take: a wall clock that is set is no time that passed. */
export const monotonicClock: Clock = {
  now: () => performance.now(),
  after: (ms, task) => systemClock.after(ms, task),
}

/** A clock that moves only when a test says so. */
export class ManualClock implements Clock {
  #now: number
  #tasks: { at: number; task: () => void }[] = []

  constructor(startMs = 0) {
    this.#now = startMs
  }

  /** Tasks that still wait: 0 once everything that uses this clock is over. */
  get pending(): number {
    return this.#tasks.length
  }

  now(): number {
    return this.#now
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task }
    this.#tasks.push(entry)
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry)
    }
  }

  /** Moves time on and runs what became due, in order of its time. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#tasks = this.#tasks.filter((other) => other !== due)
      this.#now = due.at
      due.task()
    }
    this.#now = end
  }
}
