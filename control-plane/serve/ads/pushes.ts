import type { Watchable } from '../../../core/watched.ts'

/** Whoever has to be told of each new version. */
export interface Pushed {
  /** False while what was sent before still waits in memory: it comes again at `later`. */
  readonly writable: boolean
  push(): void
}

export interface PushOptions {
  /** Changes that come within this are told together. Milliseconds. */
  readonly debounceMs?: number
  /** A stream of changes delays nobody longer than this. Milliseconds. */
  readonly longestMs?: number
}

// What one turn of the event loop spends on pushing, so that signing and new streams are not held up by a large mesh.
const SLICE_MS = 10

/** Tells every open stream of changes: gathered over a moment, in turns, never faster than a stream takes them. */
export class Pushes {
  readonly #all = new Set<Pushed>()
  readonly #waiting = new Set<Pushed>()
  readonly #stop: () => void
  readonly #debounceMs: number
  readonly #longestMs: number
  #timer: NodeJS.Timeout | undefined
  #since = 0
  #running = false

  constructor(changes: Watchable<unknown>, { debounceMs = 10, longestMs = 100 }: PushOptions = {}) {
    this.#debounceMs = debounceMs
    this.#longestMs = longestMs
    this.#stop = changes.watch(() => this.#changed())
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
    clearTimeout(this.#timer)
    this.#all.clear()
    this.#waiting.clear()
  }

  #changed(): void {
    const now = performance.now()
    if (this.#timer === undefined) this.#since = now
    else clearTimeout(this.#timer)
    const wait = Math.min(this.#debounceMs, Math.max(0, this.#since + this.#longestMs - now))
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      for (const one of this.#all) this.#waiting.add(one)
      this.#run()
    }, wait)
  }

  #run(): void {
    if (this.#running) return
    this.#running = true
    const until = performance.now() + SLICE_MS
    for (const one of this.#waiting) {
      if (!one.writable) continue
      this.#waiting.delete(one)
      one.push()
      if (performance.now() > until) break
    }
    this.#running = false
    for (const one of this.#waiting) {
      if (!one.writable) continue
      setImmediate(() => this.#run())
      return
    }
  }
}
