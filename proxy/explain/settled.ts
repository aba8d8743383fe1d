import type { Watchable } from '../../core/watched.ts'
import type { LiveProxy } from './live-proxy.ts'

/** The value once it is known, or what it is after as long as a request would wait for it. */
export async function settledValue<T>(
  watched: Watchable<T | undefined>,
  { exchange: { clock, configWaitMs } }: LiveProxy,
): Promise<T | undefined> {
  if (watched.value === undefined)
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        cancel()
        unwatch()
        resolve()
      }
      const cancel = clock.after(configWaitMs, finish)
      const unwatch = watched.watch(finish)
    })
  return watched.value
}
