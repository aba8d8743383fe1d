const TICK_MS = 500

/** Something with a deadline, looked at twice a second: no timer is set or cleared for a request. */
export interface Sweepable {
  sweep(nowMs: number): void
}

const watched = new Set<Sweepable>()
let timer: NodeJS.Timeout | undefined
let now = performance.now()

/** Time as of the last tick, in milliseconds; free to read. */
export function coarseNow(): number {
  return timer ? now : performance.now()
}

export function watch(item: Sweepable): void {
  watched.add(item)
  if (timer) return
  now = performance.now()
  timer = setInterval(() => {
    now = performance.now()
    for (const one of [...watched]) one.sweep(now)
  }, TICK_MS)
  timer.unref()
}

export function unwatch(item: Sweepable): void {
  watched.delete(item)
  if (watched.size > 0 || !timer) return
  clearInterval(timer)
  timer = undefined
}
