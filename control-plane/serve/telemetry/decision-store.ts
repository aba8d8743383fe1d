import { numberOf, textOf } from './attributes.ts'
import { FairBudget, type Owner } from './fair-budget.ts'
import type { StoredSpan } from './stored-span.ts'

/** A request or connection that a sidecar refused, or would have refused if its policy were no dry run: plain JSON. */
export interface RefusalView {
  /** What the caller was given, 32 hexadecimal digits; also the id of its trace. */
  readonly reference: string
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly dryRun: boolean
  readonly protocol: 'http' | 'grpc' | 'tcp'
  readonly from: {
    /** SPIFFE ID; '' where mutual TLS showed none. */
    readonly identity: string
    /** Of the other end of the connection; '' where it was not told. */
    readonly address: string
  }
  /** The pod that refused, which is who tells. */
  readonly to: {
    readonly namespace: string
    readonly pod: string
    /** Its name in telemetry. */
    readonly service: string
    readonly address: string
    /** On which it listens; 0 where it was not told. */
    readonly port: number
  }
  /** '' of a connection, as are path and host. */
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly host: string
  /** Of TLS that is passed on; '' where there is none. */
  readonly sni: string
  /** `namespace/policy/index`; '' where no rule allowed it. */
  readonly rule: string
}

export interface RefusalQuery {
  /** All that was told under it. */
  readonly reference?: string | undefined
  /** Where the pod is that refused. */
  readonly namespace?: string | undefined
  /** Milliseconds since the epoch; left out: whatever is kept. */
  readonly since?: number | undefined
  readonly limit: number
}

/** Those of one kind in a while: same caller, same pods, same rule. */
export interface RefusalCount {
  readonly count: number
  /** The newest of them. */
  readonly last: RefusalView
}

export interface DecisionStoreLimits {
  readonly maxRefusals: number
  /** An estimate of what they take in memory. */
  readonly maxBytes: number
}

export const DECISION_LIMITS: DecisionStoreLimits = { maxRefusals: 20_000, maxBytes: 16 * 1024 * 1024 }

/** Takes spans; false: it was not kept. */
export interface SpanTaker {
  add(span: StoredSpan): boolean
}

/** What an entry takes beyond its texts. */
const ENTRY_BYTES = 600

interface Entry {
  readonly owner: Owner
  readonly key: string
  readonly refusal: RefusalView
}

/**
 * The newest refusals, in memory; the oldest of the pod that told most go first, so that who is attacked, or invents
 * refusals, costs nobody else theirs. A pod tells of what it refused itself alone: it is always the one that refused.
 */
export class DecisionStore implements SpanTaker {
  readonly #limits: DecisionStoreLimits
  // In the order in which they came.
  readonly #entries = new Map<string, Entry>()
  readonly #byReference = new Map<string, Set<Entry>>()
  readonly #budget: FairBudget

  constructor(limits: DecisionStoreLimits = DECISION_LIMITS) {
    this.#limits = limits
    const { maxBytes } = limits
    const shares = { perPod: maxBytes, perNamespace: maxBytes, total: maxBytes }
    this.#budget = new FairBudget(shares, (_owner, key) => this.#forget(key))
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#budget.size
  }

  /** False: the span tells no refusal. The same one again (a repeated export) replaces the first. */
  add(span: StoredSpan): boolean {
    const refusal = refusalOf(span)
    if (!refusal) return false
    const owner = { namespace: span.namespace, pod: span.pod }
    const key = `${span.namespace}/${span.pod}/${span.traceId}/${span.spanId}`
    this.#forget(key)
    const entry = { owner, key, refusal }
    this.#entries.set(key, entry)
    const same = this.#byReference.get(refusal.reference)
    if (same) same.add(entry)
    else this.#byReference.set(refusal.reference, new Set([entry]))
    this.#budget.hold(owner, key, sizeOf(entry))
    while (this.#entries.size > this.#limits.maxRefusals && this.#budget.evictOne());
    return true
  }

  /** The newest first. */
  refusals({ reference, namespace, since = 0, limit }: RefusalQuery): readonly RefusalView[] {
    const entries =
      reference === undefined ? this.#entries.values() : (this.#byReference.get(reference) ?? [])
    return [...entries]
      .map(({ refusal }) => refusal)
      .filter(({ time, to }) => time >= since && (namespace === undefined || to.namespace === namespace))
      .sort((a, b) => b.time - a.time)
      .slice(0, limit)
  }

  /** Since a moment, by who called which Service by which rule; what came last first. */
  counts(since: number, limit: number): readonly RefusalCount[] {
    const groups = Map.groupBy(this.refusals({ since, limit: Infinity }), groupOf)
    return [...groups.values()]
      .map((group) => ({ count: group.length, last: group[0] as RefusalView }))
      .slice(0, limit)
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#entries.delete(key)
    this.#budget.release(entry.owner, key)
    const same = this.#byReference.get(entry.refusal.reference)
    same?.delete(entry)
    if (same?.size === 0) this.#byReference.delete(entry.refusal.reference)
  }
}

/** One that keeps spans as `traces` does, and has refusals noted as well. */
export function alsoDecisions(traces: SpanTaker, decisions: DecisionStore): SpanTaker {
  return {
    add(span) {
      decisions.add(span)
      return traces.add(span)
    },
  }
}

/** What refusals of one kind have in common. */
export function groupOf({ from, to, rule, dryRun, protocol }: RefusalView): string {
  return JSON.stringify([from.identity, to.namespace, to.service, to.port, rule, dryRun, protocol])
}

function refusalOf(span: StoredSpan): RefusalView | undefined {
  const { attributes, traceId, kind } = span
  const decision = textOf(attributes, 'weft.policy.decision')
  const dryRun = decision === 'dry-run-denied'
  if (kind !== 'server' || (!dryRun && decision !== 'denied')) return undefined
  const method = textOf(attributes, 'http.request.method')
  const grpc = textOf(attributes, 'rpc.system.name') === 'grpc'
  const rule = textOf(attributes, 'weft.policy')
  return {
    reference: /^[0-9a-f]{32}$/.test(textOf(attributes, 'weft.policy.reference'))
      ? textOf(attributes, 'weft.policy.reference')
      : traceId,
    time: span.startMs,
    dryRun,
    protocol: method === '' ? 'tcp' : grpc ? 'grpc' : 'http',
    from: {
      identity: textOf(attributes, 'weft.source_identity'),
      address: textOf(attributes, 'client.address'),
    },
    to: {
      namespace: span.namespace,
      pod: span.pod,
      service: span.service,
      address: textOf(attributes, 'network.local.address'),
      port: numberOf(attributes, 'network.local.port') ?? 0,
    },
    method,
    path: textOf(attributes, 'url.path'),
    host: hostOf(span),
    sni: textOf(attributes, 'tls.client.server_name'),
    rule: rule === 'none' ? '' : rule,
  }
}

/** The authority as it came, put together from what the span tells apart. */
function hostOf({ attributes }: StoredSpan): string {
  const host = textOf(attributes, 'server.address')
  const port = numberOf(attributes, 'server.port')
  const bracketed = host.includes(':') ? `[${host}]` : host
  return port === undefined ? bracketed : `${bracketed}:${port}`
}

function sizeOf({ key, refusal }: Entry): number {
  const { from, to, method, path, host, sni, rule } = refusal
  const texts = [key, from.identity, from.address, to.service, to.address, method, path, host, sni, rule]
  return ENTRY_BYTES + 2 * texts.reduce((sum, text) => sum + text.length, 0)
}
