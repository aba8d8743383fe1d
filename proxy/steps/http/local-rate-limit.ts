import { LocalRateLimit, StatusCode, type TokenBucket } from '../../../core/xds/generated/envoy.js'
import { setField, type Fields, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { HeaderMutation, Route } from '../../model/route.ts'
import { mutate } from '../../route/rewrite.ts'
import { percentOf } from '../../xds/decode-fraction.ts'
import { decodeMutation } from '../../xds/decode-mutation.ts'
import type { Scope } from '../../xds/scope.ts'
import { refusalFields, secondsToFill } from '../rate-limit-fields.ts'
import { RateLimits, type Asked, type RateLimitsConfig } from '../rate-limits.ts'
import { said } from '../said.ts'
import {
  routeConfig,
  type Answer,
  type Foreseen,
  type RequestStep,
  type StepDependencies,
  type StepKind,
  type Verdict,
} from '../step.ts'
import type { TokenBucketConfig } from '../token-bucket.ts'

/** envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit */
export interface LocalRateLimitConfig extends RateLimitsConfig {
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

interface RouteLimits {
  readonly limits: RateLimits
  /** Whose they are. */
  readonly owner: WeakRef<LocalRateLimitConfig>
}

/**
 * So many requests in a time through this proxy, and not more: of all, or by who calls and what they send. A route may
 * have limits of its own. A request that one limit refuses takes from none.
 */
export class LocalRateLimitStep implements RequestStep {
  readonly #config: LocalRateLimitConfig
  readonly #name: string
  readonly #deps: StepDependencies
  readonly #limits: RateLimits
  readonly #ofRoutes = new WeakMap<LocalRateLimitConfig, RateLimits>()
  /** The same by what they say, so that an edit of other routes fills none again. */
  readonly #known = new Map<string, RouteLimits>()
  /** What the request at hand has to take from. */
  readonly #asked: Asked[] = []
  /** The tightest of them, by the request: for the fields of its answer. */
  readonly #tightest = new WeakMap<RequestHead, Asked>()

  constructor(config: LocalRateLimitConfig, name: string, deps: StepDependencies) {
    this.#config = config
    this.#name = name
    this.#deps = deps
    this.#limits = new RateLimits(config, deps)
  }

  decide(hop: Hop, head: RequestHead, route: Route | undefined): Verdict {
    const config = this.#configOf(route)
    if (!this.#drawn(config.enabledPercent)) return undefined
    const asked = this.#asked
    this.#limitsOf(config, route).ask(hop, head, route, asked)
    if (config.headers && config.descriptors.length > 0) this.#noteTightest(head)
    const refusing = this.#refusing()
    if (refusing && this.#drawn(config.enforcedPercent)) {
      refusing.limit.refused.value++
      return this.#refusal(config, refusing)
    }
    for (const { bucket, limit } of asked) {
      if (!refusing) bucket.take()
      limit.allowed.value++
    }
    return undefined
  }

  foresee(hop: Hop, head: RequestHead, route: Route | undefined): Foreseen {
    const config = this.#configOf(route)
    const asked = this.#asked
    this.#limitsOf(config, route).ask(hop, head, route, asked)
    const refusing = this.#refusing()
    const left = asked.map(
      ({ bucket, limit }) =>
        `${bucket.remaining} of ${bucket.config.maxTokens} left of the limit ${limit.name}`,
    )
    return {
      answer: refusing && this.#refusal(config, refusing),
      odds: refusing ? (config.enabledPercent * config.enforcedPercent) / 10_000 : 0,
      said: left.join(', '),
    }
  }

  respond(_hop: Hop, head: RequestHead, route: Route | undefined, response: ResponseHead): void {
    const config = this.#configOf(route)
    if (!config.headers) return
    const tightest = this.#tightest.get(head) ?? this.#limitsOf(config, route).all
    if (!tightest) return
    const { bucket } = tightest
    setField(response.fields, 'x-ratelimit-limit', String(bucket.config.maxTokens))
    setField(response.fields, 'x-ratelimit-remaining', String(bucket.remaining))
    setField(response.fields, 'x-ratelimit-reset', String(secondsToFill(tightest)))
  }

  fresh(): boolean {
    this.#forget()
    return this.#known.size === 0 && this.#limits.full
  }

  /** Of those that have nothing left the one that takes longest. */
  #refusing(): Asked | undefined {
    let found: Asked | undefined
    for (const one of this.#asked)
      if (one.bucket.remaining < 1 && (!found || one.bucket.nextFillMs > found.bucket.nextFillMs)) found = one
    return found
  }

  #refusal(config: LocalRateLimitConfig, refusing: Asked): Answer {
    const fields: Fields = refusalFields(this.#asked, refusing)
    const head: ResponseHead = { status: config.status, fields }
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

  #noteTightest(head: RequestHead): void {
    let tightest = this.#asked[0]
    for (const one of this.#asked)
      if (tightest && one.bucket.remaining < tightest.bucket.remaining) tightest = one
    if (tightest) this.#tightest.set(head, tightest)
  }

  #configOf(route: Route | undefined): LocalRateLimitConfig {
    return (
      (routeConfig(route, localRateLimit, this.#name) as LocalRateLimitConfig | undefined) ?? this.#config
    )
  }

  #drawn(percent: number): boolean {
    return percent >= 100 || this.#deps.random() * 100 < percent
  }

  #limitsOf(config: LocalRateLimitConfig, route: Route | undefined): RateLimits {
    if (config === this.#config) return this.#limits
    return this.#ofRoutes.get(config) ?? this.#routeLimits(config, route)
  }

  /** A new object that says what one before it did, for the same route, goes on with its buckets. */
  #routeLimits(config: LocalRateLimitConfig, route: Route | undefined): RateLimits {
    const { bucket, descriptors, alwaysAll } = config
    const key = said([route?.name || route?.match, bucket, descriptors, alwaysAll])
    this.#forget()
    const limits = this.#known.get(key)?.limits ?? new RateLimits(config, this.#deps)
    this.#known.set(key, { limits, owner: new WeakRef(config) })
    this.#ofRoutes.set(config, limits)
    return limits
  }

  /** Of routes that are gone, once they are full by themselves. */
  #forget(): void {
    for (const [key, { limits, owner }] of this.#known)
      if (limits.full && !owner.deref()) this.#known.delete(key)
  }
}

export const localRateLimit: StepKind<LocalRateLimit, LocalRateLimitConfig, RequestStep> = {
  kind: 'envoy.filters.http.local_ratelimit',
  type: LocalRateLimit,
  shared: true,
  read(message, scope) {
    const { tokenBucket, descriptors = [], filterEnabled, filterEnforced, status } = message
    if (!tokenBucket && descriptors.length === 0) scope.fail('needs token_bucket or descriptors')
    const code = (status?.code && StatusCode.byName.get(status.code)) ?? TOO_MANY_REQUESTS
    return {
      statPrefix: message.statPrefix ?? '',
      bucket: tokenBucket && readBucket(tokenBucket, scope.at('token_bucket')),
      descriptors: descriptors.map(({ entries = [], tokenBucket: bucket = {} }, i) => ({
        entries: entries.map(({ key = '', value = '' }) => ({ key, value })),
        bucket: readBucket(bucket, scope.at('descriptors', i).at('token_bucket')),
      })),
      alwaysAll: message.alwaysConsumeDefaultTokenBucket ?? true,
      // As in Envoy: an answer to who is limited is no success.
      status: code < 400 ? TOO_MANY_REQUESTS : code,
      enabledPercent: percentOf(filterEnabled?.defaultValue),
      enforcedPercent: percentOf(filterEnforced?.defaultValue),
      responseHeaders: decodeMutation(
        message.responseHeadersToAdd,
        undefined,
        scope,
        'response_headers_to_add',
      ),
      headers: message.enableXRatelimitHeaders === 'DRAFT_VERSION_03',
      resourceExhausted: message.rateLimitedAsResourceExhausted ?? false,
    }
  },
  create: (config, name, deps) => new LocalRateLimitStep(config, name, deps),
}

function readBucket(
  { maxTokens = 0, tokensPerFill = 1, fillInterval = 0 }: TokenBucket,
  scope: Scope,
): TokenBucketConfig {
  if (tokensPerFill < 1) scope.at('tokens_per_fill').fail('must be at least 1')
  if (fillInterval < LEAST_FILL_MS) scope.at('fill_interval').fail(`must be at least ${LEAST_FILL_MS} ms`)
  return { maxTokens, tokensPerFill, fillIntervalMs: fillInterval }
}
