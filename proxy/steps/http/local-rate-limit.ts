import { LocalRateLimit, StatusCode } from '../../../core/xds/generated/envoy.js'
import { setField, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { HeaderMutation, Route } from '../../model/route.ts'
import { mutate } from '../../route/rewrite.ts'
import { percentOf } from '../../xds/decode-fraction.ts'
import { decodeMutation } from '../../xds/decode-mutation.ts'
import { said } from '../said.ts'
import { routeConfig, type RequestStep, type StepDependencies, type StepKind, type Verdict } from '../step.ts'
import { TokenBucket, type TokenBucketConfig } from '../token-bucket.ts'

/** envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit */
export interface LocalRateLimitConfig {
  /** For people. */
  readonly statPrefix: string
  readonly bucket: TokenBucketConfig
  /** Of an answer to who is limited. */
  readonly status: number
  /** Share of the requests that are counted, and of those beyond the limit the share that is refused; 0 to 100. */
  readonly enabledPercent: number
  readonly enforcedPercent: number
  /** On answers to who is limited. */
  readonly responseHeaders: HeaderMutation
  /** `x-ratelimit-limit`, `-remaining`, `-reset` (seconds) on every answer: draft-polli-ratelimit-headers-03. */
  readonly headers: boolean
  /** gRPC callers get RESOURCE_EXHAUSTED (8) instead of UNAVAILABLE (14). */
  readonly resourceExhausted: boolean
}

const TOO_MANY_REQUESTS = 429
const RESOURCE_EXHAUSTED = 8
// Envoy's, too.
const LEAST_FILL_MS = 50

interface RouteBucket {
  readonly bucket: TokenBucket
  /** Whose it is. */
  readonly owner: WeakRef<LocalRateLimitConfig>
}

/** So many requests in a time through this proxy, and not more; a route may have a limit of its own. */
export class LocalRateLimitStep implements RequestStep {
  readonly #config: LocalRateLimitConfig
  readonly #name: string
  readonly #deps: StepDependencies
  readonly #bucket: TokenBucket
  readonly #ofRoutes = new WeakMap<LocalRateLimitConfig, TokenBucket>()
  /** The same by what they say, so that an edit of other routes fills none again. */
  readonly #known = new Map<string, RouteBucket>()

  constructor(config: LocalRateLimitConfig, name: string, deps: StepDependencies) {
    this.#config = config
    this.#name = name
    this.#deps = deps
    this.#bucket = new TokenBucket(config.bucket, deps.clock)
  }

  decide(_hop: Hop, _head: RequestHead, route: Route | undefined): Verdict {
    const config = this.#configOf(route)
    if (!this.#drawn(config.enabledPercent)) return undefined
    if (this.#bucketOf(config, route).take() || !this.#drawn(config.enforcedPercent)) return undefined
    const head: ResponseHead = { status: config.status, fields: [] }
    mutate(head, config.responseHeaders)
    return {
      kind: 'answer',
      flags: ResponseFlag.RL,
      reply: {
        status: config.status,
        details: 'local_rate_limited',
        text: 'local_rate_limited',
        fields: head.fields,
        spelling: head.spelling,
        ...(config.resourceExhausted && { grpcStatus: RESOURCE_EXHAUSTED }),
      },
    }
  }

  respond(_hop: Hop, _head: RequestHead, route: Route | undefined, response: ResponseHead): void {
    const config = this.#configOf(route)
    if (!config.headers) return
    const bucket = this.#bucketOf(config, route)
    setField(response.fields, 'x-ratelimit-limit', String(config.bucket.maxTokens))
    setField(response.fields, 'x-ratelimit-remaining', String(bucket.remaining))
    setField(response.fields, 'x-ratelimit-reset', String(Math.max(0, Math.ceil(bucket.nextFillMs / 1000))))
  }

  fresh(): boolean {
    this.#forget()
    return this.#known.size === 0 && this.#bucket.full
  }

  #configOf(route: Route | undefined): LocalRateLimitConfig {
    return (
      (routeConfig(route, localRateLimit, this.#name) as LocalRateLimitConfig | undefined) ?? this.#config
    )
  }

  #drawn(percent: number): boolean {
    return percent >= 100 || this.#deps.random() * 100 < percent
  }

  #bucketOf(config: LocalRateLimitConfig, route: Route | undefined): TokenBucket {
    if (config === this.#config) return this.#bucket
    return this.#ofRoutes.get(config) ?? this.#routeBucket(config, route)
  }

  /** A new object that says what one before it did, for the same route, goes on with its bucket. */
  #routeBucket(config: LocalRateLimitConfig, route: Route | undefined): TokenBucket {
    const key = said([route?.name || route?.match, config.bucket])
    this.#forget()
    const bucket = this.#known.get(key)?.bucket ?? new TokenBucket(config.bucket, this.#deps.clock)
    this.#known.set(key, { bucket, owner: new WeakRef(config) })
    this.#ofRoutes.set(config, bucket)
    return bucket
  }

  /** Of routes that are gone, once they are full by themselves. */
  #forget(): void {
    for (const [key, { bucket, owner }] of this.#known)
      if (bucket.full && !owner.deref()) this.#known.delete(key)
  }
}

export const localRateLimit: StepKind<LocalRateLimit, LocalRateLimitConfig, RequestStep> = {
  kind: 'envoy.filters.http.local_ratelimit',
  type: LocalRateLimit,
  read(message, scope) {
    const { tokenBucket = {}, filterEnabled, filterEnforced, status, responseHeadersToAdd } = message
    const { maxTokens = 0, tokensPerFill = 1, fillInterval = 0 } = tokenBucket
    if (tokensPerFill < 1) scope.at('token_bucket').at('tokens_per_fill').fail('must be at least 1')
    if (fillInterval < LEAST_FILL_MS)
      scope.at('token_bucket').at('fill_interval').fail(`must be at least ${LEAST_FILL_MS} ms`)
    const code = (status?.code && StatusCode.byName.get(status.code)) ?? TOO_MANY_REQUESTS
    return {
      statPrefix: message.statPrefix ?? '',
      bucket: { maxTokens, tokensPerFill, fillIntervalMs: fillInterval },
      // As in Envoy: an answer to who is limited is no success.
      status: code < 400 ? TOO_MANY_REQUESTS : code,
      enabledPercent: percentOf(filterEnabled?.defaultValue),
      enforcedPercent: percentOf(filterEnforced?.defaultValue),
      responseHeaders: decodeMutation(responseHeadersToAdd, undefined, scope, 'response_headers_to_add'),
      headers: message.enableXRatelimitHeaders === 'DRAFT_VERSION_03',
      resourceExhausted: message.rateLimitedAsResourceExhausted ?? false,
    }
  },
  create: (config, name, deps) => new LocalRateLimitStep(config, name, deps),
}
