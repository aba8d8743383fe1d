import type { PatternBudget } from '../../core/pattern-budget.ts'
import type { RouteTable } from '../model/mesh.ts'
import { patternBudget } from '../model/pattern.ts'
import type { RouteGroup } from '../model/route.ts'
import type { RouteObject } from '../registry/kinds/route.ts'
import { connectionRoutes, takenBy, type TranslatedConnectionRoute } from './connection-rules.ts'
import { comparePrecedence } from './precedence.ts'
import type { TranslatedRoute } from './rules.ts'
import type { Translated } from './status.ts'

/**
 * Routes that share one Service port and one audience: they merge, but only those of one kind. GRPCRoute is before HTTPRoute
 * (GEP-1426), HTTPRoute before TLSRoute, TLSRoute before TCPRoute: the more specific kind.
 */
export class Bucket {
  readonly portKey: string
  /** '' for the producer's routes, else the consumers' namespace. */
  readonly audience: string
  readonly patterns: Readonly<Record<RouteObject['kind'], PatternBudget>> = {
    HTTPRoute: patternBudget(),
    GRPCRoute: patternBudget(),
  }
  readonly #grpc = new Set<TranslatedRoute>()
  readonly #http = new Set<TranslatedRoute>()
  readonly #tls = new Set<TranslatedConnectionRoute>()
  readonly #tcp = new Set<TranslatedConnectionRoute>()

  constructor(portKey: string, audience: string) {
    this.portKey = portKey
    this.audience = audience
  }

  /** Those that are older come first. */
  add(translated: Translated): void {
    if ('entries' in translated)
      (translated.route.kind === 'GRPCRoute' ? this.#grpc : this.#http).add(translated)
    else (translated.route.kind === 'TLSRoute' ? this.#tls : this.#tcp).add(translated)
  }

  /** Why nothing follows a route that was added, for its status; undefined: it is in force. */
  conflict(own: Translated): string | undefined {
    const [winner] = this.#inForce()
    if (!winner) return undefined
    const { kind, meta } = winner.route
    const name = `${kind} ${meta.namespace}/${meta.name}`
    if (kind !== own.route.kind) return `${name} has this Service port; both kinds can't share it`
    if ('entries' in own) return undefined
    const other = takenBy(own, kind === 'TLSRoute' ? this.#tls : this.#tcp)
    if (!other) return undefined
    const all = own.route.hostnames.length === 0 ? 'every connection to' : 'its server names at'
    return `${kind} ${other.meta.namespace}/${other.meta.name} is older and takes ${all} this Service port`
  }

  /** Undefined: all that would have been in it were refused. */
  group(): RouteGroup | undefined {
    const requests = this.#grpc.size > 0 ? this.#grpc : this.#http
    if (requests.size > 0) {
      const entries = [...requests].flatMap((one) => one.entries).sort(comparePrecedence)
      return {
        kind: this.#grpc.size > 0 ? 'grpc' : 'http',
        entries: entries.map((ranked) => ranked.entry),
      }
    }
    const connections = this.#tls.size > 0 ? this.#tls : this.#tcp
    return connections.size > 0 ? connectionRoutes(connections) : undefined
  }

  #inForce(): Iterable<Translated> {
    return [this.#grpc, this.#http, this.#tls].find(({ size }) => size > 0) ?? this.#tcp
  }
}

/** By Service port. */
export function routeTables(buckets: Iterable<Bucket>): ReadonlyMap<string, RouteTable> {
  const tables = new Map<string, { producer: RouteGroup | undefined; consumers: Map<string, RouteGroup> }>()
  for (const bucket of buckets) {
    const group = bucket.group()
    if (!group) continue
    let table = tables.get(bucket.portKey)
    if (!table) tables.set(bucket.portKey, (table = { producer: undefined, consumers: new Map() }))
    if (bucket.audience === '') table.producer = group
    else table.consumers.set(bucket.audience, group)
  }
  return tables
}
