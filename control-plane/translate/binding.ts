import type { RouteTable, ServicePort } from '../model/mesh.ts'
import { patternsOfEntry } from '../model/entry-patterns.ts'
import { carriesHttp } from '../model/protocol.ts'
import type { RouteProblem, RouteStatus } from '../model/route.ts'
import type { ServiceObject } from '../registry/kinds/core.ts'
import type { ParentRef } from '../registry/kinds/route.ts'
import type { Snapshot } from '../registry/snapshot.ts'
import { connectionRefusal, translateConnectionRoute } from './connection-rules.ts'
import { Bucket, routeTables } from './route-groups.ts'
import { translateRoute, type PortLookup, type ServiceSessions } from './rules.ts'
import type { TranslatedService } from './services.ts'
import { routeProblems, routeStatus, type Acceptance, type BoundParent, type Translated } from './status.ts'

export interface Routes {
  readonly tables: ReadonlyMap<string, RouteTable>
  readonly status: readonly RouteStatus[]
  /** What is wrong, as the status says, with its places. */
  readonly problems: readonly RouteProblem[]
}

interface Attachment {
  readonly translated: Translated
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
  const attachments = new Map<Translated, Attachment[]>()
  for (const translated of translatedRoutes(snapshot, lookup, sessions)) attachments.set(translated, [])
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
    tables: routeTables(buckets.values()),
    status: bound.map(([translated, parents]) => routeStatus(translated, parents)),
    problems: bound.flatMap(([translated, parents]) => routeProblems(translated, parents)),
  }
}

function* translatedRoutes(
  snapshot: Snapshot,
  lookup: PortLookup,
  sessions: ServiceSessions,
): Generator<Translated> {
  const ofMesh = ({ parentRefs }: { readonly parentRefs: readonly ParentRef[] }): boolean =>
    parentRefs.some((ref) => ref.kind === 'Service')
  for (const route of [...snapshot.grpcRoutes.values(), ...snapshot.httpRoutes.values()])
    if (ofMesh(route)) yield translateRoute(route, lookup, sessions)
  for (const route of [...snapshot.tlsRoutes.values(), ...snapshot.tcpRoutes.values()])
    if (ofMesh(route)) yield translateConnectionRoute(route, lookup)
}

function olderFirst({ route: { meta: a } }: Translated, { route: { meta: b } }: Translated): number {
  return a.createdAt - b.createdAt || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1)
}

function attach(
  translated: Translated,
  ref: ParentRef,
  service: ServiceObject | undefined,
  lookup: PortLookup,
  buckets: Map<string, Bucket>,
): Attachment {
  const { route, dropped } = translated
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
  const ports = named.filter((port) => portRefusal(translated, port) === undefined)
  const [some] = named
  if (ports.length === 0 && some) {
    const why = portRefusal(translated, some) ?? ''
    return refuse('NoMatchingParent', `${parent}: port ${some.port} is ${why}`, '')
  }
  const first = dropped[0]
  if ('entries' in translated && translated.entries.length === 0 && first) {
    return refuse(first.reason, `rule ${first.rule}: ${first.message}`, undefined)
  }
  const audience = route.meta.namespace === ref.namespace ? '' : route.meta.namespace
  const joined = ports.map((port) => {
    const key = `${port.key}@${audience}`
    let bucket = buckets.get(key)
    if (!bucket) buckets.set(key, (bucket = new Bucket(port.key, audience)))
    return bucket
  })
  if ('entries' in translated) {
    const patterns = translated.entries.flatMap(({ entry }) => patternsOfEntry(entry))
    for (const { patterns: budgets } of joined) {
      const problem = budgets[translated.route.kind].add(patterns)
      if (problem !== undefined) return refuse('UnsupportedValue', `${parent}: ${problem}`, '')
    }
  }
  for (const bucket of joined) bucket.add(translated)
  const grpc = ports.some(({ protocol }) => protocol === 'grpc')
  return { translated, ref, buckets: joined, refused: undefined, grpc }
}

/** Completes "port 80 is"; undefined: the port can have the route. */
function portRefusal(translated: Translated, port: ServicePort): string | undefined {
  if (!('entries' in translated)) return connectionRefusal(translated.route.kind, port)
  return carriesHttp(port.protocol) ? undefined : `${port.protocol}, which carries no HTTP`
}

/** A route that others are before everywhere is told so. */
function parentOf(translated: Translated, { ref, buckets, refused, grpc }: Attachment): BoundParent {
  if (refused) return { ref, acceptance: refused, grpc }
  const lost = buckets.map((bucket) => bucket.conflict(translated))
  const [message] = lost
  if (message === undefined || lost.includes(undefined)) return { ref, acceptance: { ok: true }, grpc }
  return { ref, acceptance: { ok: false, reason: 'Conflicted', message, field: '' }, grpc }
}
