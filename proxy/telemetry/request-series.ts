import { nativeOf, type NativeBuckets } from '../../core/metrics/native-buckets.ts'
import type { Exemplar } from '../../core/metrics/family.ts'

/**
 * Of http.server.request.duration (https://opentelemetry.io/docs/specs/semconv/http/http-metrics/), and three below:
 * a hop inside a cluster mostly takes less than their smallest. Seconds.
 */
export const DURATION_BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const
/** Of bodies: from 1 KiB to 32 MiB, each eight times the one before. Few, as every set has them twice. Bytes. */
export const SIZE_BOUNDS = [1024, 8192, 65_536, 524_288, 4_194_304, 33_554_432] as const

const DURATIONS = DURATION_BOUNDS.length + 1
const SIZES = SIZE_BOUNDS.length + 1
const SUM = DURATIONS
const REQUEST_SIZES = SUM + 1
const REQUEST_BYTES = REQUEST_SIZES + SIZES
const RESPONSE_SIZES = REQUEST_BYTES + 1
const RESPONSE_BYTES = RESPONSE_SIZES + SIZES
const RESENDS = RESPONSE_BYTES + 1
const WIDTH = RESENDS + 1

/** '_OTHER' in all of them but the direction: the set of those that fit no other. */
export interface RequestLabels {
  readonly direction: 'outbound' | 'inbound'
  readonly method: string
  /** `http`, `https`. */
  readonly scheme: string
  /** `1.1`, `2`. */
  readonly protocol: string
  readonly status: string
  readonly route: string
  readonly cluster: string
  readonly service: string
  /** Of the other end, verified: who called, or who was called. */
  readonly identity: string
  /** What the other end's workload says that it is called (core/peer-workload.ts); '' where nothing is known. */
  readonly peer: string
  readonly flags: string
  /** Undefined: of many. */
  readonly mtls: boolean | undefined
  /** Undefined: no gRPC. */
  readonly rpc: { readonly method: string; /** -1: none came. */ readonly status: number } | undefined
}

/** One set of labels: histograms of durations and sizes, and a counter, in one typed array. */
export class RequestSeries {
  readonly labels: RequestLabels
  /** When the set was made: cumulative counters start there. Milliseconds since the epoch. */
  readonly since: number
  /** Undefined: the set for what fits no other. */
  readonly key: number | undefined
  /** Since the last `expire`. */
  used = true
  usedAt: number
  /** By bucket of the durations, the newest that was sampled. */
  exemplars: (Exemplar | undefined)[] | undefined
  /** Durations once more, since somebody asked for native histograms. */
  native: NativeBuckets | undefined
  readonly #values = new Float64Array(WIDTH)

  constructor(labels: RequestLabels, key: number | undefined, now: number) {
    this.labels = labels
    this.key = key
    this.since = now
    this.usedAt = now
  }

  /** One more request; `resends`: tries beyond the first. Returns the bucket of its duration. */
  add(seconds: number, requestBytes: number, responseBytes: number, resends: number): number {
    const bucket = bucketOf(seconds, DURATION_BOUNDS)
    this.#add(bucket, 1)
    this.#add(SUM, seconds)
    this.#add(REQUEST_SIZES + bucketOf(requestBytes, SIZE_BOUNDS), 1)
    this.#add(REQUEST_BYTES, requestBytes)
    this.#add(RESPONSE_SIZES + bucketOf(responseBytes, SIZE_BOUNDS), 1)
    this.#add(RESPONSE_BYTES, responseBytes)
    if (resends > 0) this.#add(RESENDS, resends)
    if (this.native) this.native.add(seconds)
    this.used = true
    return bucket
  }

  get count(): number {
    return this.durations.reduce((sum, count) => sum + count, 0)
  }

  /** Not cumulative: how many fell into each bucket, the last above all bounds. */
  get durations(): readonly number[] {
    return Array.from(this.#values.subarray(0, DURATIONS))
  }

  get sumSeconds(): number {
    return this.#values[SUM] as number
  }

  get requestSizes(): readonly number[] {
    return Array.from(this.#values.subarray(REQUEST_SIZES, REQUEST_BYTES))
  }

  get requestBytes(): number {
    return this.#values[REQUEST_BYTES] as number
  }

  get responseSizes(): readonly number[] {
    return Array.from(this.#values.subarray(RESPONSE_SIZES, RESPONSE_BYTES))
  }

  get responseBytes(): number {
    return this.#values[RESPONSE_BYTES] as number
  }

  get resends(): number {
    return this.#values[RESENDS] as number
  }

  /** Counts in native buckets from now on; what was before stands at its classic buckets' bounds. */
  countNative(): void {
    this.native ??= nativeOf(DURATION_BOUNDS, this.durations)
  }

  #add(at: number, by: number): void {
    this.#values[at] = (this.#values[at] as number) + by
  }
}

function bucketOf(value: number, bounds: readonly number[]): number {
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  return bucket
}
