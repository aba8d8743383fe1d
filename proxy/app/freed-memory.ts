import { createRequire } from 'node:module'
import { systemClock, type Clock } from '../../core/clock.ts'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'

const LOOK_MS = 2000
const LONGEST_PAUSE_MS = 60_000

export interface FreedMemoryOptions {
  /** Requests and connections that ever began. */
  readonly begun: () => number
  readonly log: Logger
  /** Gives back what is free; malloc's own unless said otherwise. */
  readonly trim?: () => void
  readonly clock?: Clock
}

/**
 * Gives memory back to the kernel that malloc holds and nobody uses. V8 compiles what a proxy runs often in its first seconds of
 * load, on threads beside the loop, and what that took lies between what stays: 15 MiB and more that glibc alone never gives back.
 * It takes two milliseconds of the loop, so it is done soon after the start and while there is work, more and more seldom.
 */
export function releaseFreedMemory(options: FreedMemoryOptions): { cancel(): void } {
  const { begun, clock = systemClock, log } = options
  let trim = options.trim
  let cancel = (): void => {}
  let before = -1
  let pauseMs = LOOK_MS
  let at = 0
  const look = (): void => {
    const now = clock.now()
    if (begun() !== before && now >= at) {
      before = begun()
      at = now + pauseMs
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      try {
        trim ??= mallocTrim()
        trim()
      } catch (error) {
        log.debug('memory that is free is kept', { reason: describeError(error) })
        return
      }
    }
    cancel = clock.after(LOOK_MS, look)
  }
  cancel = clock.after(LOOK_MS, look)
  return { cancel: () => cancel() }
}

/** malloc_trim(3) of this process. Throws where its C library has none. */
export function mallocTrim(): () => void {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const call = koffi.load(null).func('int malloc_trim(size_t pad)') as (pad: number) => number
  return () => void call(0)
}
