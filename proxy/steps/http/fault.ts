import {
  HTTPFault,
  type FaultAbort,
  type FaultDelay,
  type FractionalPercent,
} from '../../../core/xds/generated/envoy.js'
import type { RequestHead } from '../../http/message.ts'
import { httpStatusOf } from '../../exchange/reply.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { Route } from '../../model/route.ts'
import type { ValueMatch } from '../../model/value-match.ts'
import { matchesHeaders } from '../../route/match.ts'
import { partsOfPercent, percentOf } from '../../xds/decode-fraction.ts'
import { decodeHeader } from '../../xds/decode-match.ts'
import type { Scope } from '../../xds/scope.ts'
import { askedDelayMs, askedGrpcStatus, askedPercent, askedStatus } from '../fault-headers.ts'
import {
  routeConfig,
  type Answer,
  type Foreseen,
  type RequestStep,
  type StepDependencies,
  type StepKind,
  type Verdict,
  type Wait,
  type WaitingRequest,
} from '../step.ts'

/** Of the requests, who gets a fault. */
interface Share {
  /** 0 to 100. */
  readonly percent: number
  /**
   * The caller says in fields of its own whether and what (header_delay, header_abort), up to `percent`, and in so many
   * parts of a percent; undefined: what it says there is not looked at.
   */
  readonly byCaller?: { readonly partsOfPercent: number } | undefined
}

/** A fault is no reason to hold a request for ever, and a timer takes no more than 24 days. */
const LONGEST_DELAY_MS = 3_600_000

/** envoy.extensions.filters.http.fault.v3.HTTPFault */
export interface FaultConfig {
  readonly delay: (Share & { readonly ms: number }) | undefined
  /** Instead of an answer of the upstream; gRPC callers get `grpcStatus`, or what the HTTP status maps to. */
  readonly abort: (Share & { readonly status: number; readonly grpcStatus: number | undefined }) | undefined
  /** Only requests that all of them match. */
  readonly headers: readonly ValueMatch[]
  /** Delays at the same time; a request beyond them passes as it is. */
  readonly maxActive: number
}

/**
 * Delays and answers of its own, to see how callers bear them. Both are drawn by themselves; a request that gets both
 * waits first.
 */
export class FaultStep implements RequestStep {
  readonly #config: FaultConfig
  readonly #name: string
  readonly #deps: StepDependencies
  #active = 0

  constructor(config: FaultConfig, name: string, deps: StepDependencies) {
    this.#config = config
    this.#name = name
    this.#deps = deps
  }

  decide(_hop: Hop, head: RequestHead, route: Route | undefined): Verdict {
    const config = this.#configFor(head, route)
    if (!config) return undefined
    const ms = delayOf(config, head)
    if (config.delay && ms !== undefined && this.#hits(config.delay, 'delay', head))
      return this.#wait(ms, config, head)
    return this.#abort(config, head)
  }

  foresee(_hop: Hop, head: RequestHead, route: Route | undefined): Foreseen {
    const config = this.#configFor(head, route)
    if (!config) return NOTHING_FORESEEN
    const ms = delayOf(config, head)
    const delayOdds = config.delay && ms !== undefined ? percentOfShare(config.delay, 'delay', head) / 100 : 0
    const answer = abortOf(config, head)
    const odds = config.abort && answer ? percentOfShare(config.abort, 'abort', head) / 100 : 0
    const said = [
      ...(delayOdds > 0 ? [`${delayOdds * 100} % of such requests wait ${ms} ms`] : []),
      ...(odds > 0 ? [`${odds * 100} % of them are answered with ${answer?.reply.status}`] : []),
    ]
    return {
      answer: odds > 0 ? answer : undefined,
      odds,
      delayMs: delayOdds > 0 ? (ms ?? 0) : 0,
      delayOdds,
      said: said.join(', '),
    }
  }

  fresh(): boolean {
    return this.#active === 0
  }

  /** Undefined: the request gets no fault. */
  #configFor(head: RequestHead, route: Route | undefined): FaultConfig | undefined {
    const config = (routeConfig(route, fault, this.#name) as FaultConfig | undefined) ?? this.#config
    return this.#active >= config.maxActive || !matchesHeaders(config.headers, head) ? undefined : config
  }

  #hits(share: Share, kind: 'delay' | 'abort', head: RequestHead): boolean {
    return this.#drawn(percentOfShare(share, kind, head))
  }

  #drawn(percent: number): boolean {
    return percent > 0 && this.#deps.random() * 100 < percent
  }

  #wait(ms: number, config: FaultConfig, head: RequestHead): Wait {
    const begin = (request: WaitingRequest): (() => void) => {
      this.#active++
      const cancel = this.#deps.clock.after(ms, () => {
        this.#active--
        request.resume(this.#abort(config, head))
      })
      return () => {
        this.#active--
        cancel()
      }
    }
    return { kind: 'wait', flags: ResponseFlag.DI, begin }
  }

  #abort(config: FaultConfig, head: RequestHead): Answer | undefined {
    const answer = abortOf(config, head)
    return answer && config.abort && this.#hits(config.abort, 'abort', head) ? answer : undefined
  }
}

const NOTHING_FORESEEN: Foreseen = { answer: undefined, odds: 0, said: '' }

/** 0 to 100. */
function percentOfShare({ percent, byCaller }: Share, kind: 'delay' | 'abort', head: RequestHead): number {
  return byCaller ? askedPercent(head, kind, percent, byCaller.partsOfPercent) : percent
}

/** Milliseconds; undefined: there is none. */
function delayOf({ delay }: FaultConfig, head: RequestHead): number | undefined {
  const ms = delay?.byCaller ? askedDelayMs(head) : delay?.ms
  return ms === undefined ? undefined : Math.min(ms, LONGEST_DELAY_MS)
}

/** What those get who are drawn; undefined: there is none. */
function abortOf({ abort }: FaultConfig, head: RequestHead): Answer | undefined {
  const chosen = abort?.byCaller ? askedAbort(head) : abort
  if (!chosen) return undefined
  const { status, grpcStatus } = chosen
  const text = 'fault filter abort'
  return {
    kind: 'answer',
    flags: ResponseFlag.FI,
    reply: { status, details: 'fault_filter_abort', text, ...(grpcStatus !== undefined && { grpcStatus }) },
  }
}

export const fault: StepKind<HTTPFault, FaultConfig, RequestStep> = {
  kind: 'envoy.filters.http.fault',
  type: HTTPFault,
  read({ delay, abort, headers = [], maxActiveFaults = Infinity }, scope) {
    return {
      delay: delay && readDelay(delay, scope.at('delay')),
      abort: abort && readAbort(abort, scope.at('abort')),
      headers: headers.map((header, i) => decodeHeader(header, scope.at('headers', i))),
      maxActive: maxActiveFaults,
    }
  },
  create: (config, name, deps) => new FaultStep(config, name, deps),
}

function readDelay({ fixedDelay, headerDelay, percentage }: FaultDelay, scope: Scope): FaultConfig['delay'] {
  if (fixedDelay === undefined && !headerDelay) scope.fail('needs fixed_delay or header_delay')
  if (fixedDelay !== undefined && (fixedDelay <= 0 || fixedDelay > LONGEST_DELAY_MS))
    scope.at('fixed_delay').fail('must be above 0, and 1 h at the most')
  return { ms: fixedDelay ?? 0, ...shareOf(percentage, headerDelay !== undefined) }
}

function readAbort(abort: FaultAbort, scope: Scope): FaultConfig['abort'] {
  const { httpStatus, grpcStatus, headerAbort, percentage } = abort
  if (httpStatus === undefined && grpcStatus === undefined && !headerAbort)
    scope.fail('needs http_status, grpc_status or header_abort')
  if (httpStatus !== undefined && (httpStatus < 200 || httpStatus > 599))
    scope.at('http_status').fail('must be from 200 to 599')
  const status = httpStatus ?? httpStatusOf(grpcStatus)
  return { status, grpcStatus, ...shareOf(percentage, headerAbort !== undefined) }
}

function shareOf(percentage: FractionalPercent | undefined, byCaller: boolean): Share {
  const percent = percentOf(percentage)
  return byCaller ? { percent, byCaller: { partsOfPercent: partsOfPercent(percentage) } } : { percent }
}

/** As in Envoy the status of HTTP counts where a caller asks for both. */
function askedAbort(
  head: RequestHead,
): Pick<NonNullable<FaultConfig['abort']>, 'status' | 'grpcStatus'> | undefined {
  const status = askedStatus(head)
  if (status !== undefined) return { status, grpcStatus: undefined }
  const grpcStatus = askedGrpcStatus(head)
  return grpcStatus === undefined ? undefined : { status: httpStatusOf(grpcStatus), grpcStatus }
}
