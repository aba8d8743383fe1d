import { setImmediate } from 'node:timers/promises'

/** What one turn of the event loop spends on work that others wait beside. Milliseconds. */
const SLICE_MS = 5

/** Work of many steps, a few in each turn of the event loop, so that it holds up nobody for longer than a step takes. */
export async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  for (;;) {
    const until = performance.now() + SLICE_MS
    do {
      const { done, value } = steps.next()
      if (done) return value
    } while (performance.now() < until)
    await setImmediate()
  }
}

/** All steps at once. */
export function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
