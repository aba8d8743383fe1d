import type { Clock } from '../../core/clock.ts'

// Frames that cost work and bring none: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, unknown types,
// RST_STREAM and frames for closed streams.
const IDLE_FRAMES_BURST = 10_000
const IDLE_FRAMES_PER_SECOND = 1000
// A frame that carries something makes up for this many that don't: a peer that answers each DATA frame by two
// WINDOW_UPDATEs and now and then a PING never uses its burst up.
const IDLE_FRAMES_PER_FRAME = 4
// A request that held its place for this long was limited by the number of places already.
const RAPID_MS = 10

/**
 * Bounds what a peer can make us do for nothing (CVE-2023-44487, CVE-2019-9512 and following). Two token
 * buckets, each measured against progress:
 *
 * - Frames without effect are paid for by frames with content and by time.
 * - Requests abandoned before they were answered cost one token each, but only where they lived for less
 *   than 10 ms: above that, the limit on concurrent streams bounds the pending work by itself. A request
 *   that gets its answer gives one back. So a client that cancels a million requests which it meant is
 *   never ended, one that resets what it just sent is, at the burst.
 */
export class FloodGuard {
  readonly #clock: Clock
  readonly #abandonedBurst: number
  readonly #abandonedPerSecond: number
  #frames = IDLE_FRAMES_BURST
  #abandoned: number
  #framesAt: number
  #abandonedAt: number

  constructor(clock: Clock, abandonedBurst: number, abandonedPerSecond: number) {
    this.#clock = clock
    this.#abandonedBurst = abandonedBurst
    this.#abandonedPerSecond = abandonedPerSecond
    this.#abandoned = abandonedBurst
    this.#framesAt = this.#abandonedAt = clock.now()
  }

  /** A frame with content passed, in either direction. */
  progress(): void {
    if (this.#frames < IDLE_FRAMES_BURST) this.#frames += IDLE_FRAMES_PER_FRAME
  }

  /** A frame without effect came; false: too many. `choked`: the peer does not take our answers. */
  idleFrame(choked: boolean): boolean {
    if (--this.#frames > 0) return true
    if (choked) return false
    const now = this.#clock.now()
    this.#frames = Math.min(IDLE_FRAMES_BURST, ((now - this.#framesAt) / 1000) * IDLE_FRAMES_PER_SECOND)
    this.#framesAt = now
    return this.#frames >= 1
  }

  answered(): void {
    if (this.#abandoned < this.#abandonedBurst) this.#abandoned++
  }

  /** A request that began at `since` was given up, or broke, before its answer; false: too many. */
  abandonedSince(since: number): boolean {
    const now = this.#clock.now()
    if (now - since >= RAPID_MS) return true
    if (--this.#abandoned > 0) return true
    const earned = ((now - this.#abandonedAt) / 1000) * this.#abandonedPerSecond
    this.#abandoned = Math.min(this.#abandonedBurst, earned)
    this.#abandonedAt = now
    return this.#abandoned >= 1
  }
}
