import type { CallOutcome, CallProtocol, ObservedCall } from '../../../core/observed-calls.ts'
import { copyOfStart } from '../../../core/text-copy.ts'
import type { ConnectionRecord, RequestRecord } from '../../exchange/telemetry-sink.ts'
import { PathTemplates, withoutIdentifiers, type PathTemplate, type TemplateRoom } from './path-templates.ts'

/** Kinds of calls of a pod; beyond them calls are counted as others. */
export const MOST_CALLS = 1000
/** Of these, kinds that were not served: a scanner makes many. For one more the one goes that did not come for longest. */
export const MOST_FAILED = 200
/** Positions of paths that are remembered, of all ports. */
const MOST_POSITIONS = 8000
/** Callers in plaintext that are told apart, by their addresses. */
const MOST_ADDRESSES = 64
const IDLE_MS = 25 * 3_600_000
const LONGEST_METHOD = 32
const LONGEST_PATH = 2048
const LONGEST_REFUSED = 256
const GRPC_UNIMPLEMENTED = 12
/** As Envoy begins the details of what an authorization policy refused. */
const REFUSED = 'rbac_access_denied'
/** And how where its TLS failed (listener/connection-server.ts). */
const FAILED_TLS = 'downstream_tls{'

/** Where a call has no path, or none that is kept. */
const NO_PATH: PathTemplate = { text: '' }

/** One kind of call, and how often it came. */
export class CallSeries implements ObservedCall {
  readonly source: string
  readonly address: string
  readonly port: number
  readonly protocol: CallProtocol
  readonly method: string
  readonly outcome: CallOutcome
  readonly template: PathTemplate
  count = 0
  /** Of these, those that the control plane knows. */
  told = 0
  /** Milliseconds since the epoch. */
  firstMs: number
  lastMs: number
  /** Not told yet, as it is now. */
  changed = true

  constructor(call: Omit<ObservedCall, 'path'>, template: PathTemplate, atMs: number) {
    this.source = call.source
    this.address = call.address
    this.port = call.port
    this.protocol = call.protocol
    this.method = call.method
    this.outcome = call.outcome
    this.template = template
    this.firstMs = atMs
    this.lastMs = atMs
  }

  get path(): string {
    return this.template.text
  }
}

/** By caller. */
type OfTemplate = Map<string, CallSeries[]>

/**
 * What this pod served, by caller, port, method and template of the path: the evidence for policies. In bounded memory, whoever
 * calls: what the application does not know leaves no path, and what finds no room is counted and nothing else.
 */
export class ObservedCalls {
  readonly #series = new Set<CallSeries>()
  /** Those that were not served; who came last is last. */
  readonly #failed = new Set<CallSeries>()
  readonly #index = new Map<PathTemplate, OfTemplate>()
  readonly #templates = new Map<number, PathTemplates>()
  readonly #room: TemplateRoom = { positions: MOST_POSITIONS }
  /** Templates of what was refused alone, by text. */
  readonly #refused = new Map<string, PathTemplate>()
  /** Those that are told apart, and how many kinds of calls have each: one that has none left makes room. */
  readonly #addresses = new Map<string, number>()
  /** Addresses of the pod. That it reaches itself is nobody else's call, and needs no policy. */
  readonly #own: ReadonlySet<string>
  /** When counting began. Milliseconds since the epoch. */
  readonly sinceMs: number
  /** Calls that found no room. */
  others = 0
  lastMs: number

  constructor(nowMs: number, own: readonly string[] = []) {
    this.#own = new Set(own)
    this.sinceMs = nowMs
    this.lastMs = nowMs
  }

  get size(): number {
    return this.#series.size
  }

  series(): readonly CallSeries[] {
    return [...this.#series]
  }

  /** The application has begun to answer, or never did: once for each request that came to the pod. */
  request(record: RequestRecord): void {
    if (record.sourceIdentity === record.destinationIdentity && this.#own.has(addressOf(record.downstream)))
      return
    const served = record.answered && !knowsNothing(record)
    const outcome = served ? 'served' : record.details.startsWith(REFUSED) ? 'refused' : 'unanswered'
    const template = this.#templateOf(record, outcome)
    if (!template) return this.#other(record.startMs)
    const method = outcome === 'served' ? record.method.slice(0, LONGEST_METHOD) : wellKnown(record.method)
    this.#count(template, record, record.grpc ? 'grpc' : 'http', method, outcome)
  }

  /** An opaque connection to the pod has reached the application, or never did: once for each. */
  connection(record: ConnectionRecord): void {
    if (record.destinationPort === 0 || this.#own.has(addressOf(record.downstream))) return
    // Of one that failed in TLS, as a revoked peer's does, nobody knows who it was: it is no caller in plaintext.
    if (record.details.startsWith(FAILED_TLS)) return
    const outcome =
      record.upstream !== '' ? 'served' : record.details.startsWith(REFUSED) ? 'refused' : 'unanswered'
    this.#count(NO_PATH, record, 'tcp', '', outcome)
  }

  /** Forgets what did not come for a day. */
  expire(nowMs: number): void {
    for (const series of this.#series) if (nowMs - series.lastMs > IDLE_MS) this.#forget(series)
  }

  #forget(series: CallSeries): void {
    this.#drop(series)
    const { template } = series
    const ofTemplate = this.#index.get(template)
    const ofSource = ofTemplate?.get(sourceOf(series))
    ofSource?.splice(ofSource.indexOf(series), 1)
    if (ofSource?.length === 0) ofTemplate?.delete(sourceOf(series))
    if (ofTemplate?.size !== 0) return
    this.#index.delete(template)
    if (this.#refused.get(template.text) === template) this.#refused.delete(template.text)
  }

  #drop(series: CallSeries): void {
    this.#series.delete(series)
    this.#failed.delete(series)
    const { address } = series
    const kinds = this.#addresses.get(address)
    if (kinds === undefined) return
    if (kinds === 1) this.#addresses.delete(address)
    else this.#addresses.set(address, kinds - 1)
  }

  /** Makes room for a kind of call that was not served. False: those that were take all of it. */
  #makeRoom(): boolean {
    while (this.#failed.size >= MOST_FAILED || this.#series.size >= MOST_CALLS) {
      const [oldest] = this.#failed
      if (!oldest) return false
      this.others += oldest.count - oldest.told
      this.#forget(oldest)
    }
    return true
  }

  #templateOf(
    { method, path, destinationPort }: RequestRecord,
    outcome: CallOutcome,
  ): PathTemplate | undefined {
    if (method === 'CONNECT' || !path.startsWith('/')) return NO_PATH
    const query = path.indexOf('?')
    const asked = query === -1 ? path : path.slice(0, query)
    let templates = this.#templates.get(destinationPort)
    if (outcome !== 'served') return templates?.find(asked) ?? this.#unlearned(asked, outcome)
    if (!templates)
      this.#templates.set(destinationPort, (templates = new PathTemplates(this.#room, this.#changes)))
    return templates.find(asked) ?? (asked.length > LONGEST_PATH ? undefined : templates.learn(asked))
  }

  /** Of a path that leaves no template: whoever is refused may yet be let in, so what he asked for is kept. */
  #unlearned(path: string, outcome: CallOutcome): PathTemplate {
    if (outcome !== 'refused' || path.length > LONGEST_REFUSED) return NO_PATH
    const text = withoutIdentifiers(path)
    const known = this.#refused.get(text)
    if (known) return known
    if (!this.#makeRoom()) return NO_PATH
    const made = { text: copyOfStart(text, text.length) }
    this.#refused.set(made.text, made)
    return made
  }

  #count(
    template: PathTemplate,
    record: RequestRecord | ConnectionRecord,
    protocol: CallProtocol,
    method: string,
    outcome: CallOutcome,
  ): void {
    const address = record.sourceIdentity === '' ? this.#addressOf(record.downstream) : ''
    const source = record.sourceIdentity === '' ? address : record.sourceIdentity
    const port = record.destinationPort
    const list = this.#index.get(template)?.get(source)
    const series =
      (list && alike(list, port, protocol, method, outcome)) ??
      this.#add(template, source, record.startMs, {
        source: record.sourceIdentity,
        address,
        port,
        protocol,
        method,
        outcome,
      })
    if (!series) return this.#other(record.startMs)
    series.count++
    if (record.startMs > series.lastMs) series.lastMs = record.startMs
    series.changed = true
    if (this.#failed.delete(series)) this.#failed.add(series)
  }

  #add(
    template: PathTemplate,
    source: string,
    atMs: number,
    call: Omit<ObservedCall, 'path'>,
  ): CallSeries | undefined {
    const failed = call.outcome !== 'served'
    if (failed ? !this.#makeRoom() : this.#series.size >= MOST_CALLS) return undefined
    const method = copyOfStart(call.method, LONGEST_METHOD)
    const made = new CallSeries({ ...call, method }, template, atMs)
    this.#series.add(made)
    if (failed) this.#failed.add(made)
    if (call.address !== '') {
      const kinds = this.#addresses.get(call.address) ?? 0
      this.#addresses.set(copyOfStart(call.address, call.address.length), kinds + 1)
    }
    this.#put(made, source)
    return made
  }

  #put(series: CallSeries, source: string): void {
    let ofTemplate = this.#index.get(series.template)
    if (!ofTemplate) this.#index.set(series.template, (ofTemplate = new Map()))
    const list = ofTemplate.get(source)
    if (list) list.push(series)
    else ofTemplate.set(source, [series])
  }

  readonly #changes = {
    renamed: (template: PathTemplate): void => {
      for (const list of this.#index.get(template)?.values() ?? []) for (const one of list) one.changed = true
    },
    merged: (from: PathTemplate, into: PathTemplate): void => {
      const moved = this.#index.get(from)
      this.#index.delete(from)
      for (const [source, all] of moved ?? [])
        for (const series of all) {
          this.#drop(series)
          const { port, protocol, method, outcome } = series
          const list = this.#index.get(into)?.get(source)
          const own =
            (list && alike(list, port, protocol, method, outcome)) ??
            this.#add(into, source, series.firstMs, series)
          if (!own) continue
          own.count += series.count
          own.told += series.told
          own.firstMs = Math.min(own.firstMs, series.firstMs)
          own.lastMs = Math.max(own.lastMs, series.lastMs)
          own.changed = true
        }
    },
  }

  /** Of the first callers each has its own; of all others it is '', until one of these is forgotten. */
  #addressOf(downstream: string): string {
    const address = addressOf(downstream)
    return this.#addresses.size < MOST_ADDRESSES || this.#addresses.has(address) ? address : ''
  }

  #other(atMs: number): void {
    this.others++
    if (atMs > this.lastMs) this.lastMs = atMs
  }
}

function alike(
  list: readonly CallSeries[],
  port: number,
  protocol: CallProtocol,
  method: string,
  outcome: CallOutcome,
): CallSeries | undefined {
  for (const one of list)
    if (one.method === method && one.port === port && one.protocol === protocol && one.outcome === outcome)
      return one
  return undefined
}

/** Of `ip:port`. */
function addressOf(downstream: string): string {
  const colon = downstream.lastIndexOf(':')
  return downstream.startsWith('[') ? downstream.slice(1, colon - 1) : downstream.slice(0, colon)
}

function sourceOf({ source, address }: CallSeries): string {
  return source === '' ? address : source
}

/** What an application answers to a path or method that it does not have. */
function knowsNothing({ grpc, grpcStatus, status }: RequestRecord): boolean {
  return grpc ? grpcStatus === GRPC_UNIMPLEMENTED || status === 404 : status === 404 || status === 405
}

const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
])

/** A method that nobody serves may be any text. */
function wellKnown(method: string): string {
  return METHODS.has(method) ? method : '_OTHER'
}
