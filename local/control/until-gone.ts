import { readFileSync } from 'node:fs'
import { WeftError } from '../../core/errors.ts'

const POLL_MS = 20

/** Resolves once none of these processes runs any more; rejects with those that still do after `patienceMs`. */
export async function untilGone(pids: readonly number[], patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs
  // An id may soon be another process's: one that began later is not meant.
  const running = new Map(pids.map((pid) => [pid, startOf(pid)]))
  for (;;) {
    for (const [pid, start] of running) if (start === undefined || startOf(pid) !== start) running.delete(pid)
    if (running.size === 0) return
    if (performance.now() > deadline) {
      const left = [...running.keys()].join(', ')
      throw new WeftError('local.not_ended', `not ended within ${patienceMs / 1000} s: process ${left}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** When a process began, undefined when it has ended. Source: proc(5), fields `state` and `starttime` of stat. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
