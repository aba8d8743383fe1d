import { AdaptiveConcurrency, StatusCode, type Percent } from '../../../core/xds/generated/envoy.js'
import type { LimitMetric } from '../../exchange/telemetry-sink.ts'
import { decimal, EXACT_DIGITS } from '../../http/decimal.ts'
import { field, type RequestHead, type ResponseHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import { GradientLimit, type GradientConfig } from '../gradient-limit.ts'
import { priorityOf, SHARES, type Priority } from '../priority.ts'
import type { Answer, Foreseen, RequestStep, StepDependencies, StepKind, Verdict } from '../step.ts'
import type { Scope } from '../../xds/scope.ts'

/** envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency */
export interface AdaptiveConcurrencyConfig extends GradientConfig {
  /** Of an answer to who is turned away. */
  readonly status: number
  /** Lower-case name of the field that says how important a request is, or ''. The listener's `weft.dev` metadata. */
  readonly priorityHeader: string
}

const SERVICE_UNAVAILABLE = 503
/** An answer that goes on for longer is a stream: what it waits for is not the server. */
const STREAM_MS = 1000
/** A request without an answer for so long is one, too: it waits for something to happen. */
const SILENT_MS = 60_000
/** An upload takes its caller's time. */
const LARGE_BODY_BYTES = 64 * 1024

/** A request that takes one of the places. */
interface Running {
  readonly startedAt: number
  /** How many ran then, with it. */
  readonly beside: number
  /** It asks for a tunnel, which takes a place until it is open. */
  readonly tunnel: boolean
  answered: boolean
}

/**
 * Lets so many requests at once through to a server as it can answer without a queue, found from how long it takes
 * (GradientLimit); the others are turned away at once, the least important first. Streams (tunnels, answers that go on)
 * take no place once they are seen to be some, and say nothing of the server's latency.
 */
export class AdaptiveConcurrencyStep implements RequestStep {
  readonly #config: AdaptiveConcurrencyConfig
  readonly #deps: StepDependencies
  readonly #gradient: GradientLimit
  /** In the order in which they began. */
  readonly #running = new Map<RequestHead, Running>()
  #sweepAt = 0
  readonly #metrics: Readonly<Record<'limit' | 'running' | 'minRtt' | 'refused', LimitMetric>>

  constructor(config: AdaptiveConcurrencyConfig, name: string, deps: StepDependencies) {
    this.#config = config
    this.#deps = deps
    this.#gradient = new GradientLimit(config, deps.clock, deps.random)
    const { telemetry } = deps
    this.#metrics = {
      limit: telemetry.limitMetric('concurrency_limit', name),
      running: telemetry.limitMetric('concurrency_running', name),
      minRtt: telemetry.limitMetric('concurrency_min_rtt_seconds', name),
      refused: telemetry.limitMetric('concurrency_refused', name),
    }
    this.#tell()
  }

  /** Requests at once, now. */
  get limit(): number {
    return this.#gradient.limit
  }

  decide(_hop: Hop, head: RequestHead): Verdict {
    const running = this.#running
    const places = this.#placesFor(head)
    if (running.size >= places) this.#releaseStreams()
    if (running.size >= places) {
      this.#metrics.refused.value++
      return this.#refusal()
    }
    const tunnel = head.upgrade !== '' || head.method === 'CONNECT'
    const beside = running.size + 1
    running.set(head, { startedAt: this.#deps.clock.now(), beside, tunnel, answered: false })
    this.#gradient.running(running.size)
    this.#metrics.running.value = running.size
    return undefined
  }

  foresee(_hop: Hop, head: RequestHead): Foreseen {
    const places = this.#placesFor(head)
    const running = this.#running.size
    const refuses = running >= places && running - [...this.#streams()].length >= places
    return {
      answer: refuses ? this.#refusal() : undefined,
      odds: refuses ? 1 : 0,
      said: `${running} of the ${places} places for such requests are taken`,
    }
  }

  answered(head: RequestHead, response: ResponseHead, wholeAt: number | undefined): void {
    const request = this.#running.get(head)
    if (!request || request.answered) return
    request.answered = true
    if (request.tunnel) return this.finished(head)
    if (wholeAt === undefined || !tellsLatency(head, response)) return
    // How long a caller takes for its body is none of the server's doing: a few slow ones would lower the limit for all.
    this.#gradient.sample(Math.max(request.startedAt, wholeAt), request.beside)
    this.#tell()
  }

  finished(head: RequestHead): void {
    if (!this.#running.delete(head)) return
    this.#gradient.running(this.#running.size)
    this.#metrics.running.value = this.#running.size
  }

  fresh(): boolean {
    return this.#running.size === 0 && this.#gradient.fresh
  }

  #placesFor(head: RequestHead): number {
    const { priorityHeader } = this.#config
    const priority: Priority = priorityHeader === '' ? 'high' : priorityOf(field(head.fields, priorityHeader))
    return Math.max(1, Math.floor(this.#gradient.limit * SHARES[priority]))
  }

  /** Looked for once in an interval, when places are wanted. */
  #releaseStreams(): void {
    const streams = [...this.#streams()]
    const now = this.#deps.clock.now()
    if (now >= this.#sweepAt) this.#sweepAt = now + this.#config.updateMs
    for (const head of streams) this.finished(head)
  }

  /** Those that give up their places if they are wanted now. */
  *#streams(): Generator<RequestHead> {
    const now = this.#deps.clock.now()
    if (now < this.#sweepAt) return
    for (const [head, { startedAt, answered }] of this.#running) {
      if (now - startedAt < STREAM_MS) return
      if (answered || now - startedAt >= SILENT_MS) yield head
    }
  }

  #refusal(): Answer {
    const { status } = this.#config
    const text = 'reached concurrency limit'
    return {
      kind: 'answer',
      flags: ResponseFlag.UO,
      reply: { status, details: 'reached_concurrency_limit', text },
    }
  }

  #tell(): void {
    const { limit, minRttMs } = this.#gradient
    this.#metrics.limit.value = limit
    this.#metrics.minRtt.value = minRttMs === Infinity ? 0 : minRttMs / 1000
  }
}

/** A failure may be quick whatever the server's load, and an upload is slow whatever it is. */
function tellsLatency({ fields }: RequestHead, response: ResponseHead): boolean {
  if (response.status >= 500 || field(response.fields, 'grpc-status') !== undefined) return false
  const length = field(fields, 'content-length')
  if (length === undefined) return true
  const bytes = decimal(length, EXACT_DIGITS)
  return bytes >= 0 && bytes <= LARGE_BODY_BYTES
}

export const adaptiveConcurrency: StepKind<AdaptiveConcurrency, AdaptiveConcurrencyConfig, RequestStep> = {
  kind: 'envoy.filters.http.adaptive_concurrency',
  type: AdaptiveConcurrency,
  shared: true,
  read(message, scope, { priorityHeader }) {
    const at = scope.at('gradient_controller_config')
    const gradient = message.gradientControllerConfig ?? {}
    const { maxConcurrencyLimit: maxLimit = 1000, concurrencyUpdateInterval: updateMs = 0 } =
      gradient.concurrencyLimitParams ?? {}
    const minimum = gradient.minRttCalcParams ?? {}
    const { interval: minRttMs = 0, requestCount = 50, minConcurrency: minLimit = 3 } = minimum
    const limits = at.at('concurrency_limit_params')
    const rtt = at.at('min_rtt_calc_params')
    if (maxLimit < 1) limits.at('max_concurrency_limit').fail('must be at least 1')
    if (updateMs <= 0) limits.at('concurrency_update_interval').fail('must be above 0')
    if (minRttMs < 1) rtt.at('interval').fail('must be at least 1 ms')
    if (requestCount < 1) rtt.at('request_count').fail('must be at least 1')
    if (minLimit < 1 || minLimit > maxLimit)
      rtt.at('min_concurrency').fail(`must be from 1 to max_concurrency_limit, which is ${maxLimit}`)
    const status = message.concurrencyLimitExceededStatus?.code
    const code = (status && StatusCode.byName.get(status)) ?? SERVICE_UNAVAILABLE
    return {
      percentile: percent(gradient.sampleAggregatePercentile, 50, at.at('sample_aggregate_percentile')),
      maxLimit,
      minLimit,
      updateMs,
      minRttMs,
      jitterPercent: percent(minimum.jitter, 15, rtt.at('jitter')),
      requestCount,
      bufferPercent: percent(minimum.buffer, 25, rtt.at('buffer')),
      // As in Envoy: who is turned away was not served.
      status: code < 400 ? SERVICE_UNAVAILABLE : code,
      priorityHeader,
    }
  },
  create: (config, name, deps) => new AdaptiveConcurrencyStep(config, name, deps),
}

function percent(message: Percent | undefined, unset: number, scope: Scope): number {
  const value = message ? (message.value ?? 0) : unset
  if (!(value >= 0 && value <= 100)) scope.at('value').fail('must be from 0 to 100')
  return value
}
