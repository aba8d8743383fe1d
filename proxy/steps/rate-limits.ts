import { CALLER_DESCRIPTOR } from '../../core/contract.ts'
import type { LimitMetric } from '../exchange/telemetry-sink.ts'
import type { RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { DescriptorEntry } from '../model/rate-limit.ts'
import type { Route } from '../model/route.ts'
import { callerOf, descriptorOf } from '../route/rate-limit-descriptor.ts'
import type { StepDependencies } from './step.ts'
import { TokenBucket, type TokenBucketConfig } from './token-bucket.ts'
import { ValueBuckets } from './value-buckets.ts'

/** envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor */
export interface DescriptorLimitConfig {
  /** An entry without a value stands for every value, each with a bucket of its own. */
  readonly entries: readonly DescriptorEntry[]
  readonly bucket: TokenBucketConfig
}

export interface RateLimitsConfig {
  /** For people, and in what callers and metrics are told. */
  readonly statPrefix: string
  /** For all requests; undefined: only those are limited that a descriptor is for. */
  readonly bucket: TokenBucketConfig | undefined
  readonly descriptors: readonly DescriptorLimitConfig[]
  /** Requests that a descriptor is for take from `bucket`, too (always_consume_default_token_bucket). */
  readonly alwaysAll: boolean
}

/** A bucket that one request has to take from, and whose it is. */
export interface Asked {
  readonly bucket: TokenBucket
  readonly limit: Limit
}

/** One limit: its name, and how many requests it let pass and refused. */
class Limit {
  readonly name: string
  readonly allowed: LimitMetric
  readonly refused: LimitMetric

  constructor(name: string, { telemetry }: StepDependencies) {
    this.name = name
    this.allowed = telemetry.limitMetric('rate_limit_allowed', name)
    this.refused = telemetry.limitMetric('rate_limit_refused', name)
  }
}

/** The buckets of one configuration: one for all requests, and those by descriptor. */
export class RateLimits {
  readonly #config: RateLimitsConfig
  /** The bucket for all requests. */
  readonly all: Asked | undefined
  readonly #byDescriptor: readonly DescriptorLimit[]

  constructor(config: RateLimitsConfig, deps: StepDependencies) {
    this.#config = config
    const { bucket, descriptors, statPrefix } = config
    this.all = bucket && { bucket: new TokenBucket(bucket, deps.clock), limit: new Limit(statPrefix, deps) }
    this.#byDescriptor = descriptors.map((one) => new DescriptorLimit(one, statPrefix, deps))
  }

  /** As in the beginning. */
  get full(): boolean {
    return (this.all?.bucket.full ?? true) && this.#byDescriptor.every(({ full }) => full)
  }

  /** Fills `asked` with what the request has to take from. */
  ask(hop: Hop, head: RequestHead, route: Route | undefined, asked: Asked[]): void {
    asked.length = 0
    const limits = this.#byDescriptor
    if (limits.length > 0) {
      for (const limit of limits) if (limit.ofConnection) asked.push(limit.asked(hop, undefined))
      for (const rule of route?.rateLimits ?? []) {
        const entries = descriptorOf(rule, hop, head)
        // The first that fits, as in Envoy.
        const limit = entries && limits.find((one) => one.fits(entries))
        if (limit) asked.push(limit.asked(hop, entries))
      }
    }
    if (this.all && (asked.length === 0 || this.#config.alwaysAll)) asked.push(this.all)
  }
}

/** One limit by descriptor. Entries of who calls are the connection's own and stand in no rule. */
class DescriptorLimit {
  /** It asks for nothing that a rule would have to give. */
  readonly ofConnection: boolean
  readonly #entries: readonly DescriptorEntry[]
  readonly #byCaller: boolean
  readonly #limit: Limit
  /** Of every value by itself, or of the one that it names. */
  readonly #buckets: ValueBuckets | TokenBucket

  constructor({ entries, bucket }: DescriptorLimitConfig, statPrefix: string, deps: StepDependencies) {
    this.#entries = entries.filter(({ key }) => key !== CALLER_DESCRIPTOR)
    this.#byCaller = this.#entries.length < entries.length
    this.ofConnection = this.#entries.length === 0
    const names = entries.map(({ key, value }) => (value === '' ? key : `${key}=${value}`))
    this.#limit = new Limit(`${statPrefix}/${names.join(',')}`, deps)
    const each = this.#byCaller || entries.some(({ value }) => value === '')
    this.#buckets = each ? new ValueBuckets(bucket, deps.clock) : new TokenBucket(bucket, deps.clock)
  }

  get full(): boolean {
    return this.#buckets.full
  }

  /** Entry by entry, as in Envoy: a part of them is another descriptor. */
  fits(entries: readonly DescriptorEntry[]): boolean {
    const wanted = this.#entries
    if (wanted.length !== entries.length) return false
    for (let i = 0; i < wanted.length; i++) {
      const { key, value } = wanted[i] as DescriptorEntry
      const given = entries[i] as DescriptorEntry
      if (key !== given.key || (value !== '' && value !== given.value)) return false
    }
    return true
  }

  asked(hop: Hop, entries: readonly DescriptorEntry[] | undefined): Asked {
    const buckets = this.#buckets
    if (buckets instanceof TokenBucket) return { bucket: buckets, limit: this.#limit }
    // No value of a field and no identity holds a line's end.
    let value = this.#byCaller ? callerOf(hop) : ''
    for (const entry of entries ?? []) value += `\n${entry.value}`
    return { bucket: buckets.of(value), limit: this.#limit }
  }
}
