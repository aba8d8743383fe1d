const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const PARENT_POLL_MS = 250

export interface Told {
  /** Aborted by the first signal, and when the process that started this one has gone. */
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
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    tell()
  }, PARENT_POLL_MS)
  timer.unref()
  for (const signal of SIGNALS) process.on(signal, tell)
  return {
    signal: controller.signal,
    stop() {
      clearInterval(timer)
      for (const signal of SIGNALS) process.off(signal, tell)
    },
  }
}
