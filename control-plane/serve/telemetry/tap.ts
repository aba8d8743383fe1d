import type { TappedRequest } from '../../../core/api/tap.ts'
import { GRPC_STATUSES } from '../../../core/grpc-status.ts'
import { numberOf, textOf, type Attributes } from './attributes.ts'
import type { SpanTaker } from './decision-store.ts'
import { ruleOf } from './attributes.ts'
import type { StoredSpan } from './stored-span.ts'

/** Requests as they are told, for whoever listens. */
export class Tap {
  readonly #listeners = new Set<(request: TappedRequest) => void>()

  /** Returns what ends that. */
  listen(listener: (request: TappedRequest) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  told(span: StoredSpan): void {
    if (this.#listeners.size === 0) return
    const request = tappedRequest(span)
    if (request) for (const listener of this.#listeners) listener(request)
  }
}

/** One that keeps spans as `traces` does, and has those that were taken tapped. */
export function alsoTapped(traces: SpanTaker, tap: Tap): SpanTaker {
  return {
    add(span) {
      const taken = traces.add(span)
      if (taken) tap.told(span)
      return taken
    },
  }
}

/** Undefined: it tells of no request, or of one try of it. */
export function tappedRequest(span: StoredSpan): TappedRequest | undefined {
  const { attributes, kind } = span
  const method = textOf(attributes, 'http.request.method')
  if ((kind !== 'client' && kind !== 'server') || method === '' || 'weft.try' in attributes) return undefined
  const host = textOf(attributes, 'server.address')
  const port = numberOf(attributes, 'server.port')
  const bracketed = host.includes(':') ? `[${host}]` : host
  return {
    at: span.startMs,
    direction: kind === 'server' ? 'inbound' : 'outbound',
    namespace: span.namespace,
    pod: span.pod,
    service: span.service,
    source: textOf(attributes, 'weft.source_identity') || textOf(attributes, 'client.address'),
    destination: textOf(attributes, 'weft.destination_identity') || textOf(attributes, 'weft.backend'),
    method,
    authority: port === undefined ? bracketed : `${bracketed}:${port}`,
    path: textOf(attributes, 'url.path'),
    status: numberOf(attributes, 'http.response.status_code') ?? 0,
    grpcStatus: grpcStatusOf(attributes),
    flags: textOf(attributes, 'weft.response_flags'),
    durationMs: span.durationMs,
    traceId: span.traceId,
    route: ruleOf(attributes),
    upstream: textOf(attributes, 'weft.endpoint') || textOf(attributes, 'weft.upstream_workload'),
  }
}

/** By its name or, of one that has none, its number; null: no call of gRPC, or one that no status came of. */
function grpcStatusOf(attributes: Attributes): number | null {
  const told = textOf(attributes, 'rpc.response.status_code')
  const named = GRPC_STATUSES.findIndex((name) => name === told)
  if (told === 'OK') return 0
  if (named >= 0) return named + 1
  return /^\d{1,9}$/.test(told) ? Number(told) : null
}
