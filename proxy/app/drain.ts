import type { Logger } from '../../core/log.ts'

/** What a process is asked when it has to go. */
export interface Draining {
  /** Peers are asked to go elsewhere; what comes nevertheless is served. */
  begin(): void
  /** Requests and opaque connections that run now. */
  active(): number
}

export interface DrainOptions {
  /** Ends here whatever still runs. Milliseconds. */
  readonly limitMs: number
  /** So long without a request before it ends: endpoints take a moment to leave everybody's lists. Milliseconds. */
  readonly quietMs?: number
}

const QUIET_MS = 2000
const LOOK_MS = 50

/** Resolves when nothing has run for a while, or at the limit. Gives how many were cut off. */
export async function drain(
  target: Draining,
  { limitMs, quietMs = QUIET_MS }: DrainOptions,
  log: Logger,
): Promise<number> {
  const startedAt = performance.now()
  let busyAt = startedAt
  target.begin()
  log.info('draining', { active: target.active(), limitMs })
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now()
      const active = target.active()
      if (active > 0) busyAt = now
      if (now - busyAt < quietMs && now - startedAt < limitMs) return
      clearInterval(timer)
      if (active > 0) log.warn('the limit is reached: what still runs is cut off', { active })
      resolve(active)
    }, LOOK_MS)
  })
}
