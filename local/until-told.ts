import { readFileSync } from 'node:fs'
import { whenReaderGoes } from '../core/command-line/end-with-reader.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const PARENT_POLL_MS = 250

export interface Told {
  /** Aborted by the first signal, and when the process that started this one, or who read its output, has gone. */
  readonly signal: AbortSignal
  /** Takes the handlers away. */
  stop(): void
}

/**
 * Watches for whatever may end this process in order; `again` hears of every signal after the first. The
 * parent counts too: a script that is killed sends no signal, and would leave its cluster behind.
 */
export function untilTold(again: () => void): Told {
  const controller = new AbortController()
  const tell = () => {
    if (controller.signal.aborted) again()
    else controller.abort(new Error('interrupted'))
  }
  const before = ancestors()
  const timer = setInterval(() => {
    if (ancestors() === before) return
    clearInterval(timer)
    tell()
  }, PARENT_POLL_MS)
  timer.unref()
  for (const signal of SIGNALS) process.on(signal, tell)
  whenReaderGoes(tell)
  return {
    signal: controller.signal,
    stop() {
      clearInterval(timer)
      whenReaderGoes(undefined)
      for (const signal of SIGNALS) process.off(signal, tell)
    },
  }
}

/** The parent's id; under npm also that of its own parent, because npm starts a shell that outlives it. */
function ancestors(): string {
  const parent = String(process.ppid)
  if (process.env['npm_lifecycle_event'] === undefined) return parent
  try {
    const stat = readFileSync(`/proc/${parent}/stat`, 'utf8')
    // proc(5): `pid (name) state ppid ...`, and the name may have anything in it.
    return `${parent} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`
  } catch {
    return parent
  }
}
