import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'

/** What a process is asked when it has to go. */
export interface Draining {
  /** Peers are asked to go elsewhere; what comes nevertheless is served. */
  begin(): void
  /** Requests and opaque connections that run now. */
  active(): number
  /** Requests and opaque connections that ever began: what begins and ends between two looks is seen by this. */
  begun(): number
  /** Connections that are open, idle ones too, where nobody is sent here by a list of endpoints. */
  open?(): number
}

export interface DrainOptions {
  /** Ends here whatever still runs. Milliseconds. */
  readonly limitMs: number
  readonly clock?: Clock
}

/** Setting the machine's time ends no drain; and the process lives until it is over. */
const MONOTONIC: Clock = {
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms)
    return () => clearTimeout(timer)
  },
}
/** So long without a request before it ends: endpoints take a moment to leave everybody's lists, and so do idle clients. */
const QUIET_MS = 2000
/** Likewise where no client is left, who would have to be told to go elsewhere. */
const EMPTY_QUIET_MS = 100
const LOOK_MS = 50

/** Resolves when nothing has run for a while, or at the limit. Gives how many were cut off. */
export async function drain(
  target: Draining,
  { limitMs, clock = MONOTONIC }: DrainOptions,
  log: Logger,
): Promise<number> {
  const startedAt = clock.now()
  let busyAt = startedAt
  let begun = target.begun()
  target.begin()
  log.info('draining', { active: target.active(), limitMs })
  return new Promise((resolve) => {
    const look = (): void => {
      const now = clock.now()
      const active = target.active()
      if (active > 0 || target.begun() !== begun) busyAt = now
      begun = target.begun()
      const quietMs = target.open?.() === 0 ? EMPTY_QUIET_MS : QUIET_MS
      if (now - busyAt < quietMs && now - startedAt < limitMs) return void clock.after(LOOK_MS, look)
      if (active > 0) log.warn('the limit is reached: what still runs is cut off', { active })
      resolve(active)
    }
    look()
  })
}
