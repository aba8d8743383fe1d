import type { Clock } from '../../core/clock.ts'
import type { Watchable } from '../../core/watched.ts'
import type { Listener } from '../model/listener.ts'

/** A running request, or an opaque connection. */
export interface OpenTraffic {
  /** Something of the answer has gone to its caller. */
  readonly answering: boolean
  /** Ends it if those who decide who may are others by now, and refuse it. */
  reauthorize(): void
}

// Who was refused comes back at once: some for each turn of the loop, and a hundred thousand within the preset.
const AT_ONCE = 500
const TURN_MS = 20

/**
 * Asks again about what is open when the listener that it came by is another one. Whatever waits to go on is asked about before
 * anything else happens; what runs within the listener's time, at once unless there is much.
 */
export class PolicyChanges {
  readonly #clock: Clock
  readonly #open: () => Iterable<OpenTraffic>
  readonly #held = new Map<Watchable<Listener | null | undefined>, { count: number; unwatch: () => void }>()
  #queue: OpenTraffic[] = []
  #atOnce = AT_ONCE
  #cancelTurn: (() => void) | undefined

  constructor(clock: Clock, open: () => Iterable<OpenTraffic>) {
    this.#clock = clock
    this.#open = open
  }

  /** While somebody is connected by this listener. Gives what ends that, to be called once. */
  hold(listener: Watchable<Listener | null | undefined>): () => void {
    let held = this.#held.get(listener)
    if (!held) {
      const unwatch = listener.watch((value) => {
        if (value) this.#changed(value.openConnectionsMs)
      })
      this.#held.set(listener, (held = { count: 0, unwatch }))
    }
    const one = held
    one.count++
    return () => {
      if (--one.count > 0) return
      one.unwatch()
      this.#held.delete(listener)
    }
  }

  close(): void {
    this.#cancelTurn?.()
    this.#queue = []
  }

  #changed(limitMs: number): void {
    const running: OpenTraffic[] = []
    for (const one of [...this.#open()])
      if (one.answering) running.push(one)
      else one.reauthorize()
    this.#queue = running
    this.#atOnce = Math.max(AT_ONCE, Math.ceil(running.length / Math.max(1, Math.floor(limitMs / TURN_MS))))
    this.#turn()
  }

  #turn(): void {
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
    for (const one of this.#queue.splice(0, this.#atOnce)) one.reauthorize()
    if (this.#queue.length > 0) this.#cancelTurn = this.#clock.after(TURN_MS, () => this.#turn())
  }
}
