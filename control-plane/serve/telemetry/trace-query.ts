import type { TimeRange } from '../../../core/api/coverage.ts'
import type { TraceRow } from '../../../core/api/traces.ts'
import { textOf } from './attributes.ts'
import { ruleOf } from './attributes.ts'
import type { StoredSpan } from './stored-span.ts'

/** Which traces are looked for: all that is given must hold. Times are of the beginning of a trace. */
export interface TraceQuery extends TimeRange {
  /** `catalog` or `catalog.shop`: it took part. */
  readonly service?: string | undefined
  /** `web.shop`: it took part, too. */
  readonly caller?: string | undefined
  /** One of its services took part. */
  readonly namespace?: string | undefined
  /** `HTTPRoute/shop/catalog`, or with `/0` one rule of it: a hop followed it. */
  readonly route?: string | undefined
  /** `shop/catalog-v2/8080`: a hop was led there. */
  readonly cluster?: string | undefined
  /** `503`, or `5xx`: what the root saw. */
  readonly status?: string | undefined
  /** `UF`: a hop has it. */
  readonly flag?: string | undefined
  /** SPIFFE ID of one of the ends of a hop. */
  readonly identity?: string | undefined
  readonly method?: string | undefined
  /** What the root's path begins with. */
  readonly path?: string | undefined
  /** Milliseconds. */
  readonly min?: number | undefined
  readonly max?: number | undefined
  /** Any of its spans has an error. */
  readonly failed?: boolean | undefined
  readonly limit: number
}

/**
 * A trace that lacks something is held back from lists for so long since its first span came, unless it failed: sidecars tell
 * of what ended each second or two, and not at the same time. Milliseconds.
 */
export const HELD_BACK_MS = 5000

/** What waits for the rest of it: not what failed, nor a hop that was kept for itself, to which nothing comes any more. */
export function isHeldBack(row: TraceRow, spans: () => readonly StoredSpan[]): boolean {
  if (row.whole || row.failed || row.errors > 0) return false
  return !spans().some(({ attributes }) => 'weft.kept' in attributes)
}

/** `spans` is asked for only where the row does not say. */
export function matchesTrace(query: TraceQuery, row: TraceRow, spans: () => readonly StoredSpan[]): boolean {
  const { from, to, service, caller, namespace, status, method, path, min, max, failed } = query
  if (row.startMs < from || row.startMs >= to) return false
  if (failed === true && !row.failed && row.errors === 0) return false
  if (min !== undefined && row.durationMs < min) return false
  if (max !== undefined && row.durationMs > max) return false
  if (method !== undefined && row.method !== method) return false
  if (path !== undefined && !row.path.startsWith(path)) return false
  if (status !== undefined && !hasStatus(row, status)) return false
  if (service !== undefined && !tookPart(row, service)) return false
  if (caller !== undefined && !tookPart(row, caller)) return false
  if (namespace !== undefined && !row.services.some((one) => one.endsWith(`.${namespace}`))) return false
  return matchesSpans(query, row, spans)
}

function matchesSpans(
  { route, cluster, flag, identity }: TraceQuery,
  row: TraceRow,
  spans: () => readonly StoredSpan[],
): boolean {
  if (flag !== undefined && !row.flags.includes(flag)) return false
  if (route !== undefined && !spans().some((span) => followed(span, route))) return false
  if (cluster !== undefined && !spans().some((span) => clusterOf(span) === cluster)) return false
  return identity === undefined || spans().some((span) => identitiesOf(span).includes(identity))
}

function hasStatus({ status }: TraceRow, wanted: string): boolean {
  if (status === undefined) return false
  return wanted.endsWith('xx') ? Math.floor(status / 100) === Number(wanted[0]) : status === Number(wanted)
}

function tookPart({ services }: TraceRow, service: string): boolean {
  return services.some((one) => one === service || one.slice(0, one.lastIndexOf('.')) === service)
}

function followed({ attributes }: StoredSpan, route: string): boolean {
  const rule = ruleOf(attributes)
  return rule === route || rule.startsWith(`${route}/`)
}

function clusterOf({ attributes }: StoredSpan): string {
  return textOf(attributes, 'weft.backend') || textOf(attributes, 'weft.cluster')
}

function identitiesOf({ attributes }: StoredSpan): string[] {
  return ['weft.source_identity', 'weft.destination_identity', 'weft.peer.identity'].map((key) =>
    textOf(attributes, key),
  )
}
