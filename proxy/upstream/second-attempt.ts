import type { Clock } from '../../core/clock.ts'
import type { ConnectDone, Connector, ConnectTarget } from './connector.ts'

/**
 * Longer than a handshake across an ocean takes, shorter than the second after which TCP sends a lost SYN again.
 * Milliseconds.
 */
export const SLOW_CONNECT_MS = 400

/**
 * Connects, and if that has not come about after a part of a second, begins a second time beside it (RFC 8305 does so
 * between addresses), within the same timeout: the first of the two that is there counts, and a failure counts when none is left. `slow` is called
 * once, when the second begins. As a Connector: `done` once, never synchronously, not after `cancel`.
 */
export function connectWithSecond(
  connector: Connector,
  target: ConnectTarget,
  clock: Clock,
  slow: () => void,
  done: ConnectDone,
): { cancel(): void } {
  const running = new Set<{ cancel(): void }>()
  const begin = (timeoutMs: number): void => {
    const attempt = connector({ ...target, timeoutMs }, (connected, failure) => {
      running.delete(attempt)
      if (connected) {
        cancel()
        done(connected, undefined)
      } else if (running.size === 0) {
        cancelTimer()
        done(undefined, failure)
      }
    })
    running.add(attempt)
  }
  const cancelTimer = clock.after(SLOW_CONNECT_MS, () => {
    if (target.timeoutMs > SLOW_CONNECT_MS) begin(target.timeoutMs - SLOW_CONNECT_MS)
    slow()
  })
  const cancel = (): void => {
    cancelTimer()
    for (const attempt of running) attempt.cancel()
    running.clear()
  }
  begin(target.timeoutMs)
  return { cancel }
}
