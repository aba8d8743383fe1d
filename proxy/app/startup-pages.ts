import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describeError } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'

const AFTER_MS = 2000
// asm-generic/mman-common.h.
const MADV_DONTNEED = 4

/**
 * Gives the program's pages back that only its start needed: a good third of an idle Node.js is text of the
 * executable that never runs again. What does run comes back from the page cache, page by page.
 */
export function releaseStartupPages(log: Logger): { cancel(): void } {
  const timer = setTimeout(() => {
    try {
      release()
    } catch (error) {
      log.debug('pages of the start are kept', { reason: describeError(error) })
    }
  }, AFTER_MS)
  timer.unref()
  return { cancel: () => clearTimeout(timer) }
}

function release(): void {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const madvise = koffi.load(null).func('int madvise(uintptr_t address, size_t length, int advice)') as (
    address: bigint,
    length: bigint,
    advice: number,
  ) => number
  for (const { from, to } of cleanText(readFileSync('/proc/self/smaps', 'utf8')))
    madvise(from, to - from, MADV_DONTNEED)
}

export interface Mapping {
  readonly from: bigint
  readonly to: bigint
}

/**
 * Private, executable mappings of files of which no page was changed, as proc_pid_smaps(5) tells: the only ones
 * whose pages can be read again from where they came.
 */
export function cleanText(smaps: string): Mapping[] {
  const found: Mapping[] = []
  for (const entry of smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \d+ +\//.exec(entry) ?? []
    if (from === undefined || to === undefined) continue
    const changed = /^(?:Private_Dirty|Anonymous|Swap): +[1-9]/m.test(entry)
    if (!changed && /^Private_Dirty:/m.test(entry))
      found.push({ from: BigInt(`0x${from}`), to: BigInt(`0x${to}`) })
  }
  return found
}
