import type { PatternBudget } from '../../core/pattern-budget.ts'
import type { RouteTable, ServicePort } from '../model/mesh.ts'
import { patternsOfEntry } from '../model/entry-patterns.ts'
import { patternBudget } from '../model/pattern.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { RouteGroup, RouteProblem, RouteStatus } from '../model/route.ts'
import type { ServiceObject } from '../registry/kinds/core.ts'
import type { ParentRef, RouteObject } from '../registry/kinds/route.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { comparePrecedence } from './precedence.ts'
import { translateRoute, type ServiceSessions, type TranslatedRoute } from './rules.ts'
import type { TranslatedService } from './services.ts'
import { routeProblems, routeStatus, type Acceptance, type BoundParent } from './status.ts'

export interface Routes {
  readonly tables: ReadonlyMap<string, RouteTable>
  readonly status: readonly RouteStatus[]
  /** What is wrong, as the status says, with its places. */
  readonly problems: readonly RouteProblem[]
}

/** Routes that share one Service port and one audience: they merge, but only those of one kind. */
interface Bucket {
  readonly portKey: string
  /** '' for the producer's routes, else the consumers' namespace. */
  readonly audience: string
  readonly http: Set<TranslatedRoute>
  readonly grpc: Set<TranslatedRoute>
  readonly patterns: Readonly<Record<RouteObject['kind'], PatternBudget>>
}

interface Attachment {
  readonly translated: TranslatedRoute
  readonly ref: ParentRef
  readonly buckets: readonly Bucket[]
  readonly refused: Acceptance | undefined
  /** See BoundParent. */
  readonly grpc: boolean
}

/** Binds routes to the Services that are their parents (GEP-1294, GEP-1686) and says how that went. */
export function bindRoutes(
  snapshot: Snapshot,
  services: ReadonlyMap<string, TranslatedService>,
  sessions: ServiceSessions,
): Routes {
  const lookup = (key: string) => services.get(key)?.service.ports
  const buckets = new Map<string, Bucket>()
  const attachments = new Map<TranslatedRoute, Attachment[]>()
  for (const route of [...snapshot.grpcRoutes.values(), ...snapshot.httpRoutes.values()]) {
    if (!route.parentRefs.some((ref) => ref.kind === 'Service')) continue
    attachments.set(translateRoute(route, lookup, sessions), [])
  }
  // Where they are too many for one port, the older ones are in force.
  for (const translated of [...attachments.keys()].sort(olderFirst)) {
    const refs = translated.route.parentRefs.filter((ref) => ref.kind === 'Service')
    attachments.set(
      translated,
      refs.map((ref) =>
        attach(translated, ref, snapshot.services.get(`${ref.namespace}/${ref.name}`), lookup, buckets),
      ),
    )
  }
  const bound = [...attachments].map(
    ([translated, own]) => [translated, own.map((one) => parentOf(translated, one))] as const,
  )
  return {
    tables: tablesOf(buckets.values()),
    status: bound.map(([translated, parents]) => routeStatus(translated, parents)),
    problems: bound.flatMap(([translated, parents]) => routeProblems(translated, parents)),
  }
}

function newBucket(portKey: string, audience: string): Bucket {
  const patterns = { HTTPRoute: patternBudget(), GRPCRoute: patternBudget() }
  return { portKey, audience, http: new Set(), grpc: new Set(), patterns }
}

function olderFirst(
  { route: { meta: a } }: TranslatedRoute,
  { route: { meta: b } }: TranslatedRoute,
): number {
  return a.createdAt - b.createdAt || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

function attach(
  translated: TranslatedRoute,
  ref: ParentRef,
  service: ServiceObject | undefined,
  lookup: (key: string) => readonly ServicePort[] | undefined,
  buckets: Map<string, Bucket>,
): Attachment {
  const { route, entries, dropped } = translated
  const refuse = (reason: string, message: string, field: string | undefined): Attachment => ({
    translated,
    ref,
    buckets: [],
    refused: { ok: false, reason, message, field },
    grpc: false,
  })
  const parent = `Service ${ref.namespace}/${ref.name}`
  if (ref.group !== '' && ref.group !== 'core') {
    return refuse(
      'NoMatchingParent',
      `a parent of kind Service needs group: "" (it is ${JSON.stringify(ref.group)})`,
      'group',
    )
  }
  if (!service) return refuse('NoMatchingParent', `${parent} is not there`, 'name')
  if (service.type === 'ExternalName')
    return refuse('NoMatchingParent', `${parent} is an ExternalName Service`, 'name')
  if (service.headless)
    return refuse(
      'NoMatchingParent',
      `${parent} is headless: only a Service with a ClusterIP can be a parent`,
      'name',
    )
  const named = (lookup(`${ref.namespace}/${ref.name}`) ?? []).filter(
    (port) =>
      (ref.port === undefined || port.port === ref.port) &&
      (ref.sectionName === undefined || port.name === ref.sectionName),
  )
  if (named.length === 0)
    return refuse(
      'NoMatchingParent',
      `${parent} has no such TCP port`,
      ref.port === undefined ? 'sectionName' : 'port',
    )
  const ports = named.filter((port) => carriesHttp(port.protocol))
  if (ports.length === 0) {
    return refuse(
      'NoMatchingParent',
      `${parent}: port ${named[0]?.port} is ${named[0]?.protocol}, which carries no HTTP`,
      '',
    )
  }
  const first = dropped[0]
  if (entries.length === 0 && first) {
    return refuse(first.reason, `rule ${first.rule}: ${first.message}`, undefined)
  }
  const audience = route.meta.namespace === ref.namespace ? '' : route.meta.namespace
  const joined = ports.map((port) => {
    const key = `${port.key}@${audience}`
    let bucket = buckets.get(key)
    if (!bucket) buckets.set(key, (bucket = newBucket(port.key, audience)))
    return bucket
  })
  const patterns = entries.flatMap(({ entry }) => patternsOfEntry(entry))
  for (const { patterns: budgets } of joined) {
    const problem = budgets[route.kind].add(patterns)
    if (problem !== undefined) return refuse('UnsupportedValue', `${parent}: ${problem}`, '')
  }
  for (const bucket of joined) (route.kind === 'GRPCRoute' ? bucket.grpc : bucket.http).add(translated)
  const grpc = ports.some(({ protocol }) => protocol === 'grpc')
  return { translated, ref, buckets: joined, refused: undefined, grpc }
}

/** GRPCRoute beats HTTPRoute on one port (GEP-1426): a route that lost everywhere is told so. */
function parentOf(translated: TranslatedRoute, { ref, buckets, refused, grpc }: Attachment): BoundParent {
  if (refused) return { ref, acceptance: refused, grpc }
  const lost = translated.route.kind === 'HTTPRoute' && buckets.every((bucket) => bucket.grpc.size > 0)
  if (!lost) return { ref, acceptance: { ok: true }, grpc }
  const winner = [...(buckets[0]?.grpc ?? [])][0]?.route.meta
  const message = `GRPCRoute ${winner?.namespace}/${winner?.name} has this Service port; both kinds can't share it`
  return { ref, acceptance: { ok: false, reason: 'Conflicted', message, field: '' }, grpc }
}

function tablesOf(buckets: Iterable<Bucket>): ReadonlyMap<string, RouteTable> {
  const tables = new Map<string, { producer: RouteGroup | undefined; consumers: Map<string, RouteGroup> }>()
  for (const bucket of buckets) {
    // All that would have been in it were refused.
    if (bucket.http.size + bucket.grpc.size === 0) continue
    let table = tables.get(bucket.portKey)
    if (!table) tables.set(bucket.portKey, (table = { producer: undefined, consumers: new Map() }))
    const routes = bucket.grpc.size > 0 ? bucket.grpc : bucket.http
    const entries = [...routes].flatMap((one) => one.entries).sort(comparePrecedence)
    const group: RouteGroup = {
      kind: bucket.grpc.size > 0 ? 'grpc' : 'http',
      entries: entries.map((ranked) => ranked.entry),
    }
    if (bucket.audience === '') table.producer = group
    else table.consumers.set(bucket.audience, group)
  }
  return tables
}
