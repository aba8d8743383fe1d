import type { Clock } from '../../core/clock.ts'
import type { MessageType } from '../../core/xds/codec.ts'
import type { LocalReply } from '../exchange/reply.ts'
import type { AuthorizationRecord, TelemetrySink } from '../exchange/telemetry-sink.ts'
import type { RequestHead, ResponseHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { Route } from '../model/route.ts'
import type { Scope } from '../xds/scope.ts'

/** What a step says of a request. Undefined: let it pass. */
export type Verdict = Answer | Wait | undefined

/** The request goes no further: it is answered from here. */
export interface Answer {
  readonly kind: 'answer'
  /** ResponseFlag bits for the record. */
  readonly flags: number
  readonly reply: LocalReply
}

/** The request stays where it is until it is resumed. May be one object for many requests: it holds none. */
export interface Wait {
  readonly kind: 'wait'
  readonly flags: number
  /** Calls `resume` once, later, and never in this call; the returned function gives the wait up. */
  begin(request: WaitingRequest): () => void
}

export interface WaitingRequest {
  /** Undefined: on to the next step. */
  resume(answer: Answer | undefined): void
}

/** What a step may do with a request, which is not counted for it. */
export interface Foreseen {
  /** Undefined: it lets it pass, whatever is drawn. */
  readonly answer: Answer | undefined
  /** Of the answer, 0 to 1. */
  readonly odds: number
  /** How long it may hold the request before, milliseconds, and how likely that is. */
  readonly delayMs?: number
  readonly delayOdds?: number
  /** For people, one sentence; '': nothing to say. */
  readonly said: string
}

/**
 * One decision about requests (Envoy's HTTP filter), made when the head is here and before the body is looked at. A
 * step is asked in the order of `http_filters` and knows nothing of codecs, tries or time beyond its clock. It
 * may change the head, which the steps behind it and the upstream see; it makes no promise and no closure for a
 * request that passes.
 */
export interface RequestStep {
  /**
   * `route` undefined: none matches, and the request will be answered with 404 unless a step answers before. `record`: of the
   * request, for those that decide who may.
   */
  decide(hop: Hop, head: RequestHead, route: Route | undefined, record: AuthorizationRecord): Verdict
  /**
   * What `decide` may say of such a request, by the same code, for those who ask and send none. Left out: `decide` neither draws
   * nor counts, and may be asked itself.
   */
  foresee?(hop: Hop, head: RequestHead, route: Route | undefined, record: AuthorizationRecord): Foreseen
  /** Sees every answer's head, the proxy's own ones too, last step first; may change its fields. */
  respond?(hop: Hop, head: RequestHead, route: Route | undefined, response: ResponseHead): void
  /**
   * The upstream's answer to a request that it let pass begins. `wholeAt`: when the request had come whole, on the clock;
   * undefined: it has not.
   */
  answered?(head: RequestHead, response: ResponseHead, wholeAt: number | undefined): void
  /** The request is over, whichever way: for each one once, also for those that it was not asked about. */
  finished?(head: RequestHead): void
  /** Which endpoint the request belongs to; asked once it is decided that it is forwarded. Undefined: any. */
  session?(head: RequestHead, route: Route): Session | undefined
  /** Bytes that a body may have; what comes beyond them is answered by the exchange. Left out: any. */
  readonly bodyLimit?: number
  /**
   * Folded names of request fields that have no place but the head, as it decides by them or alone writes them: in trailers they are
   * dropped.
   */
  readonly headFields?: ReadonlySet<string>
  /** What it decides holds for as long as the request runs: where its rules change, it is asked again. It never waits. */
  readonly authorizes?: Authorizes
  /** False: it has counted what one made anew would not know. Without this it never counts. */
  fresh?(): boolean
}

/** Of a step that decides who may. */
export interface Authorizes {
  /** By fields of requests, too, which the way to the upstream may change. */
  readonly byFields: boolean
}

/** A request's tie to an endpoint that served its caller before. What it says comes from the caller. */
export interface Session {
  /** Both '' where there is no tie so far. */
  readonly cluster: string
  /** `ip:port` */
  readonly address: string
  /** The head of an answer is here, from that endpoint: the caller is told how to come back to it. */
  answered(response: ResponseHead, cluster: string, address: string): void
}

/** What is known of a connection when its steps are asked: TLS has ended, no byte of it was passed on. */
export interface ArrivedConnection {
  readonly direction: 'outbound' | 'inbound'
  /** `ip:port` of the caller. */
  readonly downstream: string
  readonly destinationAddress: string
  readonly destinationPort: number
  /** Server name of its TLS, whoever ends that, lower-case; '': none. */
  readonly serverName: string | undefined
  /** Verified SPIFFE ID of the caller, or ''. */
  readonly sourceIdentity: string
  /** ALPN that was agreed on, or ''. */
  readonly alpn: string
}

/** The connection is closed, after `delayMs`: who is turned away at once comes back at once. */
export interface Refusal {
  readonly flags: number
  /** Envoy's connection termination details. */
  readonly details: string
  readonly delayMs: number
  /** By a TCP RST. */
  readonly reset?: boolean
}

/** One decision about connections (Envoy's network filter), in the order of the chain's `filters`. */
export interface ConnectionStep {
  /** Undefined: let it pass; `closed` is then called once, when it is over. */
  decide(connection: ArrivedConnection, record: AuthorizationRecord): Refusal | undefined
  closed?(): void
  /** It decides by the server name of TLS that is passed on, which may be inside that of a caller's sidecar. */
  readonly readsServerName?: boolean
  /** As of a RequestStep. */
  readonly authorizes?: Authorizes
  /** As of a RequestStep. */
  fresh?(): boolean
}

/** What steps are made with. */
export interface StepDependencies {
  readonly clock: Clock
  /** From 0 up to 1. */
  readonly random: () => number
  readonly telemetry: Pick<TelemetrySink, 'limitMetric' | 'reference'>
  /** Wall clock, for what other processes read. Milliseconds since the Unix epoch; left out: the system's. */
  readonly epochMs?: () => number
}

/** What a listener says for filters, in metadata of its own; of a route's settings, nothing. */
export interface ListenerSettings {
  /** Lower-case name of the field that says how important a request is, or ''. */
  readonly priorityHeader: string
  /** Which decisions of authorization are logged, beside those that a rule of AUDIT asks for. */
  readonly audit: Audit
}

export type Audit = 'None' | 'Denied' | 'All'

export const NO_LISTENER_SETTINGS: ListenerSettings = Object.freeze({ priorityHeader: '', audit: 'None' })

/** One filter: the message `M` that configures it, what is read of that (`C`), and the step `S` that decides by it. */
export interface StepKind<M, C, S> {
  /** Envoy's canonical name, e.g. `envoy.filters.http.fault`. */
  readonly kind: string
  readonly type: MessageType<M>
  /**
   * What it counts is of all chains of a listener together: filters of one name that say the same are one step. Callers
   * of one pod come by mutual TLS and in plaintext, by chains of their own.
   */
  readonly shared?: boolean
  /** `message` holds what the table serves (core/xds/served); what else is wrong with it is told to `scope`. */
  read(message: M, scope: Scope, listener: ListenerSettings): C
  /** What a route may say for itself, where that is another message than the filter's own. */
  readonly perRoute?: RouteMessage<C>
  create(config: C, name: string, deps: StepDependencies): S
}

/** A message in a route's typed_per_filter_config, and what is read of it. */
export interface RouteMessage<C> {
  readonly type: MessageType<unknown>
  read(message: unknown, scope: Scope): C
}

/** `read` is called with messages of `type` alone. */
export function perRoute<M, C>(type: MessageType<M>, read: (message: M, scope: Scope) => C): RouteMessage<C> {
  return { type, read: (message, scope) => read(message as M, scope) }
}

/** Whatever its message: for lists of filters. */
export type AnyStepKind<S> = StepKind<unknown, unknown, S>

/**
 * A route's own settings for the filter of this name, or undefined (Envoy: typed_per_filter_config). Routes come apart
 * from listeners: what is under the name may be for another kind, and then says nothing to this one, as in Envoy.
 */
export function routeConfig(route: Route | undefined, { kind }: { kind: string }, name: string): unknown {
  const own = route?.filterConfigs?.[name]
  return own?.kind === kind ? own.config : undefined
}
