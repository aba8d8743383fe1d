import type { Clock } from '../../core/clock.ts'

/** envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig. Times in milliseconds. */
export interface GradientConfig {
  /** Of the latencies of a window the one that stands for it, 0 to 100. */
  readonly percentile: number
  readonly maxLimit: number
  /** The limit falls no lower. */
  readonly minLimit: number
  /** Between two changes of the limit. */
  readonly updateMs: number
  /** How long a least latency is believed. */
  readonly minRttMs: number
  /** Added to that, up to so many percent of it, so that sidecars do not measure together. */
  readonly jitterPercent: number
  /** Latencies that a new least one is taken from. */
  readonly requestCount: number
  /** Above the least latency by so many percent is no sign of a queue. */
  readonly bufferPercent: number
}

/** Latencies that are kept of a window; of more, the newest. */
const MOST_SAMPLES = 1024
/** A window with fewer says too little: it goes on, but not for longer than ten. */
const LEAST_SAMPLES = 20
const LONGEST_WINDOW = 10
/** It doubles at the most. */
const MOST_GRADIENT = 2
/** A latency from here on is plainly a queue's. */
const QUEUE_GRADIENT = 0.5
/** How much of the way to a new limit is gone at once, where no queue shows. */
const TOWARDS_NEXT = 0.5
/** How much of the way a window goes that was quicker than the least latency: of many windows one is by chance. */
const TOWARDS_LESS = 0.1
/** A least latency that another one undercuts by so much was taken while requests queued, and so may be that. */
const UNCERTAIN = 1.2
/** Measuring takes so many of the least latency at the most, and is done so rarely. */
const PROBE_LATENCIES = 4
const EXPIRY_LATENCIES = 100

/**
 * How many requests a server should have at once, from how long it takes for them: the gradient of Envoy's adaptive
 * concurrency, `limit * minRTT * (1 + buffer) / sampleRTT + sqrt(limit)`, with three differences.
 *
 * - The least latency is taken from windows in which the limit was far off, at no cost. Only after `minRttMs` of nothing but
 *   saturation the limit is half for a moment; Envoy lets three requests at a time through then, which a slow server
 *   pays for with most of its callers.
 * - It begins at its most and grows only while it is used. Envoy begins by measuring and turns callers away who meet an idle
 *   server; and a limit that grows while nobody needs it is none when load comes.
 * - Gradient2 (Netflix) measures against a moving average instead, and follows a server that is overloaded for long upwards.
 */
export class GradientLimit {
  readonly #config: GradientConfig
  readonly #clock: Clock
  readonly #random: () => number
  #limit: number
  #minRtt = Infinity
  /** Believed until then. */
  #minRttUntil = Infinity
  /** Of the windows since then in which nothing queued: the sum of their latencies, and how many they are. */
  #idleSum = 0
  #idleCount = 0
  readonly #samples = new Float64Array(MOST_SAMPLES)
  #count = 0
  /** Sum of how many ran when the requests of these samples began: what their latencies are of. */
  #beside = 0
  /** Requests that run, and how many did at once in this window. */
  #running = 0
  #peak = 0
  #windowFrom: number
  /** While it measures: since when no more than half of the limit ran; Infinity: it drains yet. */
  #probeFrom: number | undefined
  #probeUntil = 0

  constructor(config: GradientConfig, clock: Clock, random: () => number) {
    this.#config = config
    this.#clock = clock
    this.#random = random
    this.#limit = config.maxLimit
    this.#windowFrom = clock.now()
  }

  /** Requests at once, now; half of what it will be again while it measures. */
  get limit(): number {
    return this.#probeFrom === undefined ? Math.floor(this.#limit) : this.#probeLimit
  }

  /** Milliseconds; Infinity before the first window is over. */
  get minRttMs(): number {
    return this.#minRtt
  }

  /** Its limit is what it began with. */
  get fresh(): boolean {
    return this.#limit === this.#config.maxLimit
  }

  /** So many requests run now. */
  running(requests: number): void {
    this.#running = requests
    if (requests > this.#peak) this.#peak = requests
    if (this.#probeFrom === Infinity && requests <= this.#probeLimit) this.#beginProbe()
  }

  /** A request that began at `startedAt`, as one of so many that ran then, was answered. */
  sample(startedAt: number, beside: number): void {
    const now = this.#clock.now()
    const probeFrom = this.#probeFrom
    if (probeFrom === undefined || startedAt >= probeFrom) {
      this.#samples[this.#count++ % MOST_SAMPLES] = now - startedAt
      this.#beside += beside
    }
    if (probeFrom !== undefined) return this.#probe(now)
    const window = now - this.#windowFrom
    if (window < this.#config.updateMs) return
    if (this.#count >= LEAST_SAMPLES || window >= LONGEST_WINDOW * this.#config.updateMs) this.#update(now)
  }

  get #probeLimit(): number {
    return Math.max(this.#config.minLimit, Math.floor(this.#limit / 2))
  }

  #update(now: number): void {
    const { bufferPercent, minLimit, maxLimit } = this.#config
    const sampleRtt = this.#percentile()
    if (this.#minRtt === Infinity) this.#believe(now, sampleRtt)
    if (sampleRtt < this.#minRtt) this.#minRtt += (sampleRtt - this.#minRtt) * TOWARDS_LESS
    const ratio = (this.#minRtt * (1 + bufferPercent / 100)) / sampleRtt
    const gradient = Math.min(MOST_GRADIENT, ratio)
    const used = this.#peak >= this.#limit / 2
    if (!used && gradient >= 1) {
      this.#idleSum += sampleRtt
      this.#idleCount++
    }
    if (now >= this.#minRttUntil) return this.#renew(now)
    // Where the limit is far off, only a latency that is plainly a queue's lowers it, to what ran; noise does not.
    const queue = gradient <= QUEUE_GRADIENT
    if (used || queue) {
      // A latency is of the requests that ran when it began, whatever the limit was by its end.
      const next = (gradient < 1 ? this.#beside / this.#count : this.#limit) * gradient
      const wanted = Math.max(minLimit, Math.min(maxLimit, next + Math.sqrt(next)))
      this.#limit += (wanted - this.#limit) * (queue ? 1 : TOWARDS_NEXT)
    }
    this.#nextWindow(now)
  }

  /** The least latency is too old. */
  #renew(now: number): void {
    if (this.#idleCount > 0) this.#believe(now, this.#idleSum / this.#idleCount)
    else {
      this.#probeFrom = Infinity
      this.#probeUntil = now + Math.max(this.#config.minRttMs / 10, PROBE_LATENCIES * this.#minRtt)
    }
    this.#nextWindow(now)
  }

  #beginProbe(): void {
    this.#probeFrom = this.#clock.now()
    this.#nextWindow(this.#probeFrom)
  }

  #probe(now: number): void {
    if (this.#count < this.#config.requestCount && now < this.#probeUntil) return
    this.#probeFrom = undefined
    this.#believe(now, this.#count > 0 ? this.#percentile() : this.#minRtt)
    this.#nextWindow(now)
  }

  /** The first one may have met a queue, and so one that is much less than the one before: soon it is measured again. */
  #believe(now: number, minRtt: number): void {
    const { minRttMs, jitterPercent } = this.#config
    const uncertain = minRtt * UNCERTAIN < this.#minRtt
    const longMs =
      Math.max(minRttMs, EXPIRY_LATENCIES * minRtt) * (1 + (this.#random() * jitterPercent) / 100)
    this.#minRtt = minRtt
    this.#minRttUntil = now + (uncertain ? longMs / 10 : longMs)
    this.#idleSum = this.#idleCount = 0
  }

  #nextWindow(now: number): void {
    this.#windowFrom = now
    this.#count = 0
    this.#beside = 0
    this.#peak = this.#running
  }

  #percentile(): number {
    const sorted = this.#samples.subarray(0, Math.min(this.#count, MOST_SAMPLES)).sort()
    const index = Math.min(sorted.length - 1, Math.floor((sorted.length * this.#config.percentile) / 100))
    return sorted[index] as number
  }
}
