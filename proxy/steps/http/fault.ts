import { HTTPFault } from '../../../core/xds/generated/envoy.js'
import type { RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import { ResponseFlag } from '../../model/response-flag.ts'
import type { Route, ValueMatch } from '../../model/route.ts'
import { matchesHeaders } from '../../route/match.ts'
import { percentOf } from '../../xds/decode-fraction.ts'
import { decodeHeader } from '../../xds/decode-match.ts'
import {
  routeConfig,
  type Answer,
  type RequestStep,
  type StepDependencies,
  type StepKind,
  type Verdict,
  type Wait,
  type WaitingRequest,
} from '../step.ts'

/** envoy.extensions.filters.http.fault.v3.HTTPFault */
export interface FaultConfig {
  /** `percent` of the requests, 0 to 100. */
  readonly delay: { readonly ms: number; readonly percent: number } | undefined
  /** Instead of an answer of the upstream; gRPC callers get `grpcStatus`, or what the HTTP status maps to. */
  readonly abort:
    | { readonly status: number; readonly grpcStatus: number | undefined; readonly percent: number }
    | undefined
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
    const config = (routeConfig(route, fault, this.#name) as FaultConfig | undefined) ?? this.#config
    if (this.#active >= config.maxActive || !matchesHeaders(config.headers, head)) return undefined
    const { delay } = config
    if (delay && this.#drawn(delay.percent)) return this.#wait(delay.ms, config)
    return this.#abort(config)
  }

  fresh(): boolean {
    return this.#active === 0
  }

  #drawn(percent: number): boolean {
    return percent > 0 && this.#deps.random() * 100 < percent
  }

  #wait(ms: number, config: FaultConfig): Wait {
    const begin = (request: WaitingRequest): (() => void) => {
      this.#active++
      const cancel = this.#deps.clock.after(ms, () => {
        this.#active--
        request.resume(this.#abort(config))
      })
      return () => {
        this.#active--
        cancel()
      }
    }
    return { kind: 'wait', flags: ResponseFlag.DI, begin }
  }

  #abort({ abort }: FaultConfig): Answer | undefined {
    if (!abort || !this.#drawn(abort.percent)) return undefined
    const { status, grpcStatus } = abort
    const text = 'fault filter abort'
    return {
      kind: 'answer',
      flags: ResponseFlag.FI,
      reply: { status, details: 'fault_filter_abort', text, ...(grpcStatus !== undefined && { grpcStatus }) },
    }
  }
}

export const fault: StepKind<HTTPFault, FaultConfig, RequestStep> = {
  kind: 'envoy.filters.http.fault',
  type: HTTPFault,
  read({ delay, abort, headers = [], maxActiveFaults = Infinity }, scope) {
    if (delay && !((delay.fixedDelay ?? 0) > 0)) scope.at('delay').at('fixed_delay').fail('must be above 0')
    const status = abort?.httpStatus ?? 503
    if (status < 200 || status > 599) scope.at('abort').at('http_status').fail('must be from 200 to 599')
    if (abort && abort.httpStatus === undefined && abort.grpcStatus === undefined)
      scope.at('abort').fail('needs http_status or grpc_status')
    return {
      delay: delay && { ms: delay.fixedDelay ?? 0, percent: percentOf(delay.percentage) },
      abort: abort && { status, grpcStatus: abort.grpcStatus, percent: percentOf(abort.percentage) },
      headers: headers.map((header, i) => decodeHeader(header, scope.at('headers', i))),
      maxActive: maxActiveFaults,
    }
  },
  create: (config, name, deps) => new FaultStep(config, name, deps),
}
