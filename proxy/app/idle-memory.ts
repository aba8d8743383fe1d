import { getHeapStatistics } from 'node:v8'
import { systemClock, type Clock } from '../../core/clock.ts'

const LOOK_MS = 1000
const QUIET_LOOKS = 2
const WORTH_BYTES = 16 * 1024 * 1024

export interface IdleMemoryOptions {
  /** Requests and connections that ever began, and those that run now. */
  readonly begun: () => number
  readonly active: () => number
  /** Undefined where Node.js was started without --expose-gc: nothing is done then. */
  readonly collect?: (() => void) | undefined
  /** That V8 has from the kernel, used or not. */
  readonly heapBytes?: () => number
  readonly clock?: Clock
}

/**
 * Has the collector run once all is quiet after a burst. What many requests at once leave behind is old enough by then
 * that V8 would keep it until the next burst, which may never come. It takes tens of milliseconds, so nothing may run.
 */
export function watchIdleMemory(options: IdleMemoryOptions): { cancel(): void } {
  const { begun, active, collect = exposedCollector(), clock = systemClock } = options
  const size = options.heapBytes ?? (() => getHeapStatistics().total_heap_size)
  if (!collect) return { cancel() {} }
  let cancel = (): void => {}
  let before = begun()
  let quiet = 0
  let least = Infinity
  const look = (): void => {
    const now = begun()
    quiet = now === before && active() === 0 ? quiet + 1 : 0
    before = now
    if (quiet >= QUIET_LOOKS) {
      const bytes = size()
      if (bytes > least + WORTH_BYTES) {
        collect()
        least = size()
      } else least = Math.min(least, bytes)
    }
    cancel = clock.after(LOOK_MS, look)
  }
  cancel = clock.after(LOOK_MS, look)
  return { cancel: () => cancel() }
}

/** `last-resort` also gives the emptied pages back to the kernel. */
function exposedCollector(): (() => void) | undefined {
  const { gc } = globalThis
  return gc && (() => gc({ type: 'major', execution: 'sync', flavor: 'last-resort' }))
}
