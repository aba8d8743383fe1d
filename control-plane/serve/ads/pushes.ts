import { monotonicClock, type Clock } from '../../../core/clock.ts'
import type { Watchable } from '../../../core/watched.ts'

/** Whoever has to be told of each new version. */
export interface Pushed {
  /** False while what was sent before still waits in memory: it comes again at `later`. */
  readonly writable: boolean
  /** Never throws. */
  push(): void
}

export interface PushOptions {
  /** Changes that come within this are told together. Milliseconds. */
  readonly debounceMs?: number
  /** A stream of changes delays nobody longer than this. Milliseconds. */
  readonly longestMs?: number
  /** What one turn of the event loop spends on pushing. Milliseconds. */
  readonly sliceMs?: number
  readonly clock?: Clock
  /** Told of each stream that was sent a change, how long after it. Milliseconds. */
  readonly pushed?: (ms: number) => void
}

// Signing and new streams are not held up by a large mesh for longer.
const SLICE_MS = 10

/** Tells every open stream of changes: gathered over a moment, in turns, never faster than a stream takes them. */
export class Pushes {
  readonly #all = new Set<Pushed>()
  /** Since when what it is still to be told is there. */
  readonly #waiting = new Map<Pushed, number>()
  readonly #stop: () => void
  readonly #options: Required<PushOptions>
  #cancel: (() => void) | undefined
  #since = 0
  #running = false
  #next: NodeJS.Immediate | undefined

  constructor(changes: Watchable<unknown>, options: PushOptions = {}) {
    this.#options = {
      debounceMs: 10,
      longestMs: 100,
      sliceMs: SLICE_MS,
      clock: monotonicClock,
      pushed: () => {},
      ...options,
    }
    this.#stop = changes.watch(() => this.#changed())
  }

  /** Streams that are still to be told of a change. */
  get waiting(): number {
    return this.#waiting.size
  }

  add(one: Pushed): void {
    this.#all.add(one)
  }

  delete(one: Pushed): void {
    this.#all.delete(one)
    this.#waiting.delete(one)
  }

  /** A stream that was not writable is again. */
  later(one: Pushed): void {
    if (this.#waiting.has(one)) this.#run()
  }

  close(): void {
    this.#stop()
    this.#cancel?.()
    clearImmediate(this.#next)
    this.#all.clear()
    this.#waiting.clear()
  }

  #changed(): void {
    const { clock, debounceMs, longestMs } = this.#options
    const now = clock.now()
    if (this.#cancel) this.#cancel()
    else this.#since = now
    const wait = Math.min(debounceMs, Math.max(0, this.#since + longestMs - now))
    this.#cancel = clock.after(wait, () => {
      this.#cancel = undefined
      for (const one of this.#all) if (!this.#waiting.has(one)) this.#waiting.set(one, this.#since)
      this.#run()
    })
  }

  #run(): void {
    // Not from within a push, and not beside the turn that is to come.
    if (this.#running || this.#next) return
    this.#running = true
    const { clock, pushed: told, sliceMs } = this.#options
    const until = clock.now() + sliceMs
    let pushed = 0
    let more = false
    for (const [one, since] of this.#waiting) {
      if (!one.writable) continue
      if (pushed > 0 && clock.now() > until) {
        more = true
        break
      }
      pushed++
      this.#waiting.delete(one)
      one.push()
      told(clock.now() - since)
    }
    this.#running = false
    if (!more) return
    this.#next = setImmediate(() => {
      this.#next = undefined
      this.#run()
    })
  }
}
